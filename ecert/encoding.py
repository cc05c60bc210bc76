"""The only place where values become bytes, and bytes values.

Strict both ways: what is decoded encodes back to the same bytes, so that nothing signed has two
readings.
"""

import json
import math
import re
from typing import Any

import orjson
from pybase64 import b64decode, b64encode, b64encode_as_string

from ecert import limits
from ecert.errors import MalformedError

_URL_SAFE = b"-_"  # what base64url has in place of "+/" (RFC 4648 section 5)
_PLUS, _SLASH, _PAD = b"+/="  # as integers: bytes are searched for these much faster
_B64_PADDING = (b"", b"===", b"==", b"=")
# The closing quote is optional, so that each character is looked at once in broken text too.
_BRACKET_OR_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_CODE = re.compile(r"[0-9A-Za-z.\-]+\Z")
_MAX_INT = (1 << 53) - 1  # RFC 8259 section 6: integers beyond lose precision elsewhere

_SCALARS = frozenset({str, int, bool, type(None)})
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER

_encode_plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class _DuplicateKeyError(ValueError):
    """Raised inside the JSON decoder; its argument is the key."""


def _unique_pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(items)
    if len(result) != len(items):
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


_scan = json.JSONDecoder(
    object_pairs_hook=_unique_pairs, parse_constant=_no_constant, parse_float=_finite
).decode

json_scan_plain = orjson.loads
"""Decode JSON fast, but keep the last of duplicate keys, and read an integer of more than 64 bits
as a float: only for what is then encoded again and compared, as ``_decode_compact`` does. Raises
``ValueError``."""


def b64url_bytes(data: bytes) -> bytes:
    """Encode as base64url without padding (RFC 7515 section 2), as ASCII bytes."""
    return b64encode(data, _URL_SAFE).rstrip(b"=")


def b64url_encode(data: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 section 2)."""
    return b64encode_as_string(data, _URL_SAFE).rstrip("=")


def b64url_decode(text: str | bytes, *, where: str = "value") -> bytes:
    """Decode canonical base64url without padding (RFC 7515 section 2, RFC 4648 section 3.5).

    Raises:
        MalformedError: ``base64url_malformed`` for a foreign character, padding, an impossible
            length, or non-zero trailing bits.
    """
    try:
        encoded = text.encode("ascii") if isinstance(text, str) else text
        if _PLUS in encoded or _SLASH in encoded or _PAD in encoded:
            raise MalformedError("base64url_malformed", where=where)
        padded = encoded + _B64_PADDING[len(encoded) & 3]
        data = b64decode(padded, _URL_SAFE, True)
    except ValueError as error:  # UnicodeEncodeError and binascii.Error are ValueErrors
        raise MalformedError("base64url_malformed", where=where) from error
    # Whatever a decoder may pass over, such as trailing bits, this has no other encoding.
    if b64encode(data, _URL_SAFE) != padded:
        raise MalformedError("base64url_malformed", where=where)
    return data


def json_encode(value: Any) -> str:
    """Encode as compact JSON in the order given; for content whose bytes are then signed."""
    return _encode_plain(value)


def json_plain(value: Any) -> bytes:
    """Encode as ``json_encode`` does, into UTF-8 and much faster.

    Args:
        value: What holds nothing but ``str``, ``int``, ``bool``, ``None``, ``dict``, ``list`` and
            ``tuple``, of these very types, as the caller has made sure: floats would be written
            otherwise or lost, and much else that JSON does not know would be written somehow.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits; or text that is not Unicode, refused here
        return _encode_plain(value).encode()


def json_plain_each(values: list[Any]) -> list[bytes]:
    """Encode each as ``json_plain`` does, in fewer steps."""
    try:
        return list(map(orjson.dumps, values))
    except TypeError:
        return [_encode_plain(value).encode() for value in values]


def canonical_json(value: Any, *, where: str = "value") -> bytes:
    """Encode by the JSON Canonicalization Scheme (RFC 8785), integers only.

    Raises:
        MalformedError: ``not_canonical`` for floats, integers beyond 2^53-1, or non-text keys.
    """
    if _is_simple(value, 0):
        try:
            return orjson.dumps(value, option=_CANONICAL)
        except TypeError:  # an integer or a text that is not allowed: named below
            pass
    _check_canonical(value, where, 0)
    return _encode_plain(_sort_keys(value)).encode("utf-8")


def json_decode(data: bytes | str, *, where: str, max_bytes: int) -> Any:
    """Decode JSON strictly: UTF-8, bounded size and depth, no duplicate keys, no NaN.

    Args:
        data: The JSON text.
        where: What is being read, for the error's sentence.
        max_bytes: Bound on the encoded size in bytes.

    Raises:
        MalformedError: ``too_large``, ``json_malformed``, ``json_duplicate_key``,
            ``json_too_deep``, ``text_not_utf8``.
    """
    if len(data) > max_bytes:
        raise MalformedError("too_large", where=where, size=len(data), limit=max_bytes)
    from_utf8 = isinstance(data, bytes)
    # Half a character, which text may hold, is no UTF-8: the fast decoder refuses it.
    encoded = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    if encoded.count(b"[") + encoded.count(b"{") <= limits.MAX_JSON_DEPTH:
        value = _decode_compact(encoded)
        if value is not None:
            return value
    if isinstance(data, bytes):
        data = utf8_decode(data, where=where)
    if data.count("[") + data.count("{") > limits.MAX_JSON_DEPTH:
        _check_depth(data, where)
    try:
        value = _scan(data)
        if "\\" in data or not (data.isascii() or from_utf8):
            json_encode(value).encode("utf-8")  # a lone surrogate has no UTF-8 form
    except _DuplicateKeyError as error:
        key = error.args[0][:64].encode("utf-8", "replace").decode("utf-8")
        raise MalformedError("json_duplicate_key", where=where, key=key) from error
    except RecursionError as error:
        raise MalformedError("json_too_deep", where=where, limit=limits.MAX_JSON_DEPTH) from error
    except UnicodeEncodeError as error:
        raise MalformedError("json_malformed", where=where, reason="lone surrogate") from error
    except ValueError as error:  # JSONDecodeError, or an integer of over 4,300 digits
        reason = getattr(error, "msg", str(error))[:64]
        raise MalformedError("json_malformed", where=where, reason=reason) from error
    return value


def _decode_compact(data: bytes) -> Any:
    """Decode JSON that is encoded as ``json_encode`` does, four times as fast; or return None.

    The fast decoder keeps the last of duplicate keys and rounds what exceeds 64 bits. Neither can
    have happened, nor any other loss, where encoding again gives the same bytes.
    """
    try:
        value = orjson.loads(data)
        return value if orjson.dumps(value) == data else None
    except (TypeError, ValueError):  # not JSON, or nothing that UTF-8 can hold
        return None


def utf8_decode(data: bytes, *, where: str) -> str:
    """Decode UTF-8.

    Raises:
        MalformedError: ``text_not_utf8``.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("text_not_utf8", where=where) from error


def code_bytes(code: str, width: int, *, where: str = "code") -> bytes:
    """Encode an ASCII code left-aligned in ``width`` bytes, as the contracts key by it.

    Raises:
        MalformedError: ``text_not_ascii_code`` when empty, longer than ``width``, or not of
            letters, digits, dot and hyphen.
    """
    if not 0 < len(code) <= width or _CODE.match(code) is None:
        raise MalformedError("text_not_ascii_code", where=where, value=code[:40], width=width)
    return code.encode("ascii").ljust(width, b"\0")


def code_text(data: bytes) -> str:
    """Decode what ``code_bytes`` encoded.

    Raises:
        MalformedError: ``text_not_ascii_code``.
    """
    text = data.rstrip(b"\0").decode("latin-1")
    code_bytes(text, len(data))
    return text


def _check_depth(text: str, where: str) -> None:
    """Refuse deep nesting before the decoder recurses, whatever the interpreter's own limit is."""
    depth = 0
    for match in _BRACKET_OR_STRING.finditer(text):
        found = match[0]
        if found in "[{":
            depth += 1
            if depth > limits.MAX_JSON_DEPTH:
                raise MalformedError("json_too_deep", where=where, limit=limits.MAX_JSON_DEPTH)
        elif found in "]}":
            depth -= 1


def _is_simple(value: Any, depth: int) -> bool:
    """Tell whether a fast encoder's output is canonical.

    That is without floats and foreign types, and with keys of which the order by code point is that
    by UTF-16, as it is in ASCII.
    """
    kind = type(value)
    if kind in _SCALARS:
        return True
    if depth >= limits.MAX_JSON_DEPTH:
        return False
    if kind is dict:
        if not all(type(key) is str and key.isascii() for key in value):
            return False
        value = value.values()
    elif kind is not list:
        return False
    return _SCALARS.issuperset(map(type, value)) or all(
        _is_simple(item, depth + 1) for item in value
    )


def _check_canonical(value: Any, where: str, depth: int) -> None:
    if depth > limits.MAX_JSON_DEPTH:
        raise MalformedError("json_too_deep", where=where, limit=limits.MAX_JSON_DEPTH)
    match value:
        case None | bool():
            return
        case str():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                raise MalformedError("not_canonical", where=where, reason="surrogate") from error
        case int():
            if not -_MAX_INT <= value <= _MAX_INT:
                raise MalformedError("not_canonical", where=where, reason="integer over 2^53-1")
        case list() | tuple():
            for item in value:
                _check_canonical(item, where, depth + 1)
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    raise MalformedError("not_canonical", where=where, reason="key is not text")
                _check_canonical(key, where, depth + 1)
                _check_canonical(item, where, depth + 1)
        case _:
            raise MalformedError("not_canonical", where=where, reason=type(value).__name__)


def _sort_keys(value: Any) -> Any:
    """Order keys by UTF-16 code units (RFC 8785 section 3.2.3)."""
    if isinstance(value, dict):
        return {k: _sort_keys(value[k]) for k in sorted(value, key=_utf16)}
    if isinstance(value, list | tuple):
        return [_sort_keys(item) for item in value]
    return value


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")
