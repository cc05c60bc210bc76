"""Deterministically encoded CBOR (RFC 8949 section 4.2.1), the part that cards need.

Integers, byte and text strings, arrays, maps with integer keys, booleans, and tags that the caller
allows. Floats, null, undefined, other simple values, indefinite lengths and big numbers do not
exist here. Whatever decodes has exactly one encoding: the bytes that were decoded.

A general decoder followed by a re-encoding would reach the same, but builds what it is about to
refuse (dates, regular expressions, shared references) from untrusted input first.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ecert.errors import MalformedError

_FALSE, _TRUE = 20, 21
_INDEFINITE = 31
_MAX_UINT = (1 << 64) - 1


class _Major(IntEnum):
    """Major types (RFC 8949 section 3.1)."""

    UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)


@dataclass(frozen=True)
class Tag:
    """A tagged item (RFC 8949 section 3.4)."""

    number: int
    value: Any


def cbor_encode(value: Any) -> bytes:
    """Encode ``value`` deterministically.

    Args:
        value: int (64 bit), bytes, str, bool, ``Tag``, list, tuple, or dict with int keys.

    Raises:
        MalformedError: ``cbor_type_not_allowed``.
    """
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def cbor_decode(data: bytes, *, max_depth: int, tags: Collection[int] = ()) -> Any:
    """Decode one item that fills ``data``.

    Args:
        data: The encoded item; the caller bounds its size.
        max_depth: Arrays, maps and tags that may lie within each other.
        tags: Tag numbers that may occur.

    Returns:
        int, bytes, str, bool, ``Tag``, list, or dict with int keys.

    Raises:
        MalformedError: ``cbor_malformed``, ``cbor_not_deterministic``, ``cbor_duplicate_key``,
            ``cbor_type_not_allowed``, ``cbor_tag_not_allowed``, ``cbor_too_deep`` or
            ``cbor_trailing_bytes``; each with the ``position``, in bytes.
    """
    reader = _Reader(data, max_depth, tags)
    value = reader.item(0)
    if reader.position != len(data):
        raise MalformedError("cbor_trailing_bytes", position=reader.position)
    return value


def _encode(value: Any, out: bytearray) -> None:
    match value:
        case bool():  # before int: bool is one of its subclasses
            out.append(_Major.SIMPLE << 5 | (_TRUE if value else _FALSE))
        case int() if 0 <= value <= _MAX_UINT:
            _encode_head(_Major.UINT, value, out)
        case int() if -1 - _MAX_UINT <= value < 0:
            _encode_head(_Major.NINT, -1 - value, out)
        case bytes():
            _encode_head(_Major.BYTES, len(value), out)
            out += value
        case str():
            data = _utf8(value)
            _encode_head(_Major.TEXT, len(data), out)
            out += data
        case Tag():
            _encode_head(_Major.TAG, value.number, out)
            _encode(value.value, out)
        case dict():
            _encode_map(value, out)
        case list() | tuple():
            _encode_head(_Major.ARRAY, len(value), out)
            for item in value:
                _encode(item, out)
        case _:
            raise MalformedError("cbor_type_not_allowed", type=type(value).__name__, position=0)


def _encode_map(value: dict[Any, Any], out: bytearray) -> None:
    for key in value:
        if not isinstance(key, int) or isinstance(key, bool):
            raise MalformedError("cbor_type_not_allowed", type="map key", position=0)
    _encode_head(_Major.MAP, len(value), out)
    # By their encodings (section 4.2.1): 0, 1, 2, ..., then -1, -2, ...
    for key in sorted(value, key=lambda key: (key < 0, abs(key))):
        _encode(key, out)
        _encode(value[key], out)


def _encode_head(major: _Major, argument: int, out: bytearray) -> None:
    if argument < 24:
        out.append(major << 5 | argument)
        return
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument >> (8 * width) == 0:
            out.append(major << 5 | info)
            out += argument.to_bytes(width)
            return


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedError("cbor_type_not_allowed", type="surrogate", position=0) from error


class _Reader:
    def __init__(self, data: bytes, max_depth: int, tags: Collection[int]) -> None:
        self.data = data
        self.position = 0
        self._max_depth = max_depth
        self._tags = tags

    def item(self, depth: int) -> Any:
        start = self.position
        major, argument = self._head()
        match major:
            case _Major.UINT:
                return argument
            case _Major.NINT:
                return -1 - argument
            case _Major.BYTES:
                return self._take(argument)
            case _Major.TEXT:
                return self._text(argument)
            case _Major.SIMPLE:
                return self._simple(argument, start)
            case _:
                return self._nested(major, argument, depth, start)

    def _nested(self, major: int, argument: int, depth: int, start: int) -> Any:
        if depth >= self._max_depth:
            raise MalformedError("cbor_too_deep", limit=self._max_depth, position=start)
        if major == _Major.TAG:
            if argument not in self._tags:
                raise MalformedError("cbor_tag_not_allowed", tag=argument, position=start)
            return Tag(argument, self.item(depth + 1))
        # Each element takes a byte at least: a length beyond what is left is refused at once.
        if argument > len(self.data) - self.position:
            raise MalformedError("cbor_malformed", position=self.position)
        if major == _Major.ARRAY:
            return [self.item(depth + 1) for _ in range(argument)]
        return self._map(argument, depth)

    def _head(self) -> tuple[int, int]:
        start = self.position
        major, info = divmod(self._take(1)[0], 32)
        if info < 24:
            return major, info
        if info == _INDEFINITE and (_Major.BYTES <= major <= _Major.MAP or major == _Major.SIMPLE):
            raise MalformedError("cbor_not_deterministic", position=start)
        if info > 27:
            raise MalformedError("cbor_malformed", position=start)
        if major == _Major.SIMPLE:
            raise MalformedError("cbor_type_not_allowed", type=f"simple/{info}", position=start)
        width = 1 << (info - 24)
        argument = int.from_bytes(self._take(width))
        if argument < 24 or (width > 1 and argument >> (4 * width) == 0):
            raise MalformedError("cbor_not_deterministic", position=start)
        return major, argument

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise MalformedError("cbor_malformed", position=self.position)
        part = self.data[self.position : end]
        self.position = end
        return part

    def _text(self, length: int) -> str:
        start = self.position
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError("cbor_malformed", position=start) from error

    @staticmethod
    def _simple(argument: int, start: int) -> bool:
        if argument not in (_FALSE, _TRUE):
            raise MalformedError("cbor_type_not_allowed", type=f"simple/{argument}", position=start)
        return argument == _TRUE

    def _map(self, length: int, depth: int) -> dict[int, Any]:
        result: dict[int, Any] = {}
        previous = b""
        for _ in range(length):
            start = self.position
            key = self.item(depth + 1)
            if not isinstance(key, int) or isinstance(key, bool):
                raise MalformedError("cbor_type_not_allowed", type="map key", position=start)
            encoded = self.data[start : self.position]
            if encoded == previous:
                raise MalformedError("cbor_duplicate_key", key=key, position=start)
            if encoded < previous:
                raise MalformedError("cbor_not_deterministic", position=start)
            previous = encoded
            result[key] = self.item(depth + 1)
        return result
