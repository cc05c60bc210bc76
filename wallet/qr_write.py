"""A card as a QR code (ISO/IEC 18004), small enough to be read from a screen or from paper.

The alphanumeric mode holds base45 in 5.5 bits a character. Error correction is Q (a quarter of the
code may be lost) as long as the modules stay large, then M; a code above version 25 is not made:
ordinary cameras no longer tell its modules apart.
"""

import io
from dataclasses import dataclass

import segno

from ecert.base45 import ALPHABET
from ecert.errors import MalformedError

MAX_VERSION = 25
_QUIET_ZONE = 4  # modules, ISO/IEC 18004 section 6.3.8
_ALPHANUMERIC = frozenset(ALPHABET)  # the same 45 characters (RFC 9285 section 3)


@dataclass(frozen=True)
class _Level:
    name: str
    max_chars: int


# Capacities of 15-Q and 25-M in alphanumeric characters (ISO/IEC 18004 table 7).
_LEVELS = (_Level("Q", 426), _Level("M", 1451))
MAX_CHARS = _LEVELS[-1].max_chars


@dataclass(frozen=True)
class QrImage:
    """A QR code as a picture.

    Attributes:
        png: The PNG file.
        version: 1 to 25: the code has 17 + 4 * version modules a side.
        level: Error correction, "Q" or "M" ("H" where it costs no larger version).
    """

    png: bytes
    version: int
    level: str


def write_qr(text: str, *, scale: int = 8) -> QrImage:
    """Draw a card's ``text`` as a QR code.

    Args:
        text: A card.
        scale: Pixels of a module's side.

    Raises:
        MalformedError: ``qr_text_not_alphanumeric`` when it holds a character that no card has;
            ``qr_text_too_long`` when it needs more than version 25.
    """
    if not text or not _ALPHANUMERIC.issuperset(text):
        raise MalformedError("qr_text_not_alphanumeric")
    for level in _LEVELS:
        if len(text) <= level.max_chars:
            code = segno.make_qr(text, error=level.name, mode="alphanumeric")
            break
    else:
        raise MalformedError("qr_text_too_long", size=len(text), limit=MAX_CHARS)
    file = io.BytesIO()
    code.save(file, kind="png", scale=scale, border=_QUIET_ZONE)
    return QrImage(file.getvalue(), int(code.version), str(code.error))


def draw_qr(text: str) -> None:
    """Draw ``text`` as a QR code on a terminal, for a screen that is scanned."""
    import qrcode  # noqa: PLC0415  # most cards are drawn as pictures, without it

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=_QUIET_ZONE)
    code.add_data(text)
    code.print_ascii(invert=True)
