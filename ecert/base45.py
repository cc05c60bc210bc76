"""Base45 (RFC 9285): bytes as text that fits the alphanumeric mode of QR codes.

Strict, as section 6 demands: every accepted text is the one encoding of its bytes.
"""

import struct

from ecert.errors import MalformedError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

_VALUE = {char: value for value, char in enumerate(ALPHABET)}
_PAIR = [low + high for high in ALPHABET for low in ALPHABET]  # two digits, the lower one first


def b45encode(data: bytes) -> str:
    """Encode ``data``: two bytes become three characters, a last odd byte two (section 4.1)."""
    pairs = struct.unpack(f">{len(data) // 2}H", data[: len(data) & ~1])
    text = "".join([_PAIR[pair % 2025] + ALPHABET[pair // 2025] for pair in pairs])
    return text + _PAIR[data[-1]] if len(data) % 2 else text


def b45decode(text: str) -> bytes:
    """Decode what ``b45encode`` gives, and nothing else.

    Args:
        text: Characters of ``ALPHABET``; the caller bounds the length.

    Raises:
        MalformedError: ``base45_malformed`` for a foreign character (lower case included), an
            impossible length, or a group that stands for more than its bytes can hold.
    """
    try:
        digits = [_VALUE[char] for char in text]
    except KeyError as error:
        raise MalformedError("base45_malformed", position=_foreign(text)) from error
    if len(digits) % 3 == 1:
        raise MalformedError("base45_malformed", position=len(digits))
    result = bytearray()
    whole = len(digits) - len(digits) % 3
    for i in range(0, whole, 3):
        value = digits[i] + 45 * digits[i + 1] + 2025 * digits[i + 2]
        if value > 0xFFFF:
            raise MalformedError("base45_malformed", position=i + 1)
        result += value.to_bytes(2)
    if whole < len(digits):
        value = digits[-2] + 45 * digits[-1]
        if value > 0xFF:
            raise MalformedError("base45_malformed", position=whole + 1)
        result.append(value)
    return bytes(result)


def _foreign(text: str) -> int:
    return next(i for i, char in enumerate(text, 1) if char not in _VALUE)
