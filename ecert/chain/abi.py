"""The contract ABI (Solidity documentation, "Contract ABI Specification"), strictly.

What a node answers is hostile until decoded. Only the canonical layout is taken: every offset is
the one that the encoder of Solidity writes, padding is zero and nothing follows. So decoding takes
time and memory in proportion to the answer, whatever offsets it holds, and bytes have one reading.

A type is its ABI name (``uint64``, ``bytes20``, ``address``, ``bool``, ``bytes``, ``string``), a
tuple of types for a struct, or ``Array``. ``string`` decodes to bytes: the contracts do not check
that text is UTF-8. An ``address`` is 20 bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

from ecert.errors import MalformedError

WORD = 32
_BYTE_STRINGS = ("bytes", "string")


@dataclass(frozen=True, slots=True)
class Array:
    """A dynamic array, ``item[]``."""

    item: "Type"


Type = Union[str, tuple["Type", ...], Array]  # noqa: UP007 - "|" cannot name a class to come


def signature(name: str, types: Sequence[Type]) -> str:
    """Return what a selector or topic is the hash of: ``name(type,…)``."""
    return f"{name}({','.join(map(_name, types))})"


def encode(types: Sequence[Type], values: Sequence[Any]) -> bytes:
    """Encode arguments of static elementary types.

    Raises:
        MalformedError: ``abi_malformed`` for a value that its type does not hold.
    """
    return b"".join(_encode_word(kind, value) for kind, value in zip(types, values, strict=True))


def decode(types: Sequence[Type], data: bytes) -> tuple[Any, ...]:
    """Decode arguments, results or an event's data.

    Raises:
        MalformedError: ``abi_malformed`` for anything but the canonical encoding.
    """
    values, end = _decode_sequence(types, data, 0)
    if end != len(data):
        raise _malformed("length")
    return values


def _decode_sequence(types: Sequence[Type], data: bytes, base: int) -> tuple[tuple[Any, ...], int]:
    """Return the values of a struct, argument list or array, and where its encoding ends."""
    head = base
    tail = base + sum(map(_head_size, types))
    values = []
    for kind in types:
        if _is_dynamic(kind):
            if base + _word(data, head) != tail:
                raise _malformed("offset")
            value, tail = _decode_value(kind, data, tail)
            head += WORD
        else:
            value, head = _decode_value(kind, data, head)
        values.append(value)
    return tuple(values), tail


def _decode_value(kind: Type, data: bytes, at: int) -> tuple[Any, int]:
    match kind:
        case tuple():
            return _decode_sequence(kind, data, at)
        case Array(item):
            count = _word(data, at)
            if count > (len(data) - at - WORD) // _head_size(item):
                raise _malformed("length")
            return _decode_sequence([item] * count, data, at + WORD)
        case "bytes" | "string":
            length = _word(data, at)
            start, end = at + WORD, at + WORD + length
            padded = end + -length % WORD
            if padded > len(data) or any(data[end:padded]):
                raise _malformed("length")
            return data[start:end], padded
        case _:
            return _decode_word(kind, data, at), at + WORD


def _decode_word(kind: str, data: bytes, at: int) -> Any:
    number = _word(data, at)
    if kind.startswith("bytes"):
        width = int(kind[5:])
        if number & (1 << 8 * (WORD - width)) - 1:
            raise _malformed("padding")
        return data[at : at + width]
    if kind == "address":
        if number >> 160:
            raise _malformed("padding")
        return data[at + 12 : at + WORD]
    if number >> _bits(kind):
        raise _malformed("range")
    return bool(number) if kind == "bool" else number


def _encode_word(kind: Type, value: Any) -> bytes:
    match kind, value:
        case "address", bytes() if len(value) == 20:
            return value.rjust(WORD, b"\0")
        case str(), bytes() if kind[:5] == "bytes" and kind[5:] == str(len(value)):
            return value.ljust(WORD, b"\0")
        case str(), int() if kind[:4] in ("uint", "bool") and 0 <= value < 1 << _bits(kind):
            return value.to_bytes(WORD)
    raise _malformed("value")


def _word(data: bytes, at: int) -> int:
    word = data[at : at + WORD]
    if len(word) != WORD:
        raise _malformed("length")
    return int.from_bytes(word)


def _bits(kind: str) -> int:
    return 1 if kind == "bool" else int(kind[4:])


def _is_dynamic(kind: Type) -> bool:
    if isinstance(kind, tuple):
        return any(map(_is_dynamic, kind))
    return isinstance(kind, Array) or kind in _BYTE_STRINGS


def _head_size(kind: Type) -> int:
    if isinstance(kind, tuple) and not _is_dynamic(kind):
        return sum(map(_head_size, kind))
    return WORD


def _name(kind: Type) -> str:
    match kind:
        case tuple():
            return f"({','.join(map(_name, kind))})"
        case Array(item):
            return f"{_name(item)}[]"
        case _:
            return kind


def _malformed(reason: str) -> MalformedError:
    return MalformedError("abi_malformed", reason=reason)
