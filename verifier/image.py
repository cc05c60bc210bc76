"""Opening a picture that a stranger sent: PNG or JPEG, bounded before a pixel is decoded."""

import io
import re
import struct
import zlib

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from ecert import limits
from ecert.errors import MalformedError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8\xff"

_OTHERS = re.compile(
    rb"GIF8[79]a|RIFF.{4}WEBP|BM.{4}\0{4}|II\*\0|MM\0\*|.{4}ftyp(?:heic|heix|mif1|msf1|avif)",
    re.DOTALL,
)
"""How GIF, WebP, BMP, TIFF, HEIC and AVIF files begin: what phones and screenshots may give."""

# What Pillow's two decoders raise on damaged files.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)


def is_image(data: bytes) -> bool:
    """Return whether ``data`` begins as a PNG or JPEG file does."""
    return data.startswith((_PNG_SIGNATURE, _JPEG_SIGNATURE))


def is_picture(data: bytes) -> bool:
    """Return whether ``data`` begins as a picture does, also of a format that is not decoded."""
    return is_image(data) or _OTHERS.match(data) is not None


def open_grey(data: bytes) -> Image.Image:
    """Decode a PNG or JPEG file to grey, transparent parts white.

    The format's own reader is called, not ``Image.open``: no other of Pillow's many decoders is
    reachable, and the bound on pixels is this function's, not a process-wide setting.

    Args:
        data: The file's bytes.

    Raises:
        MalformedError: ``too_large`` (bytes), ``image_not_supported``, ``image_too_many_pixels``,
            or ``image_damaged``.
    """
    if len(data) > limits.MAX_IMAGE_BYTES:
        raise MalformedError(
            "too_large", where="PNG/JPEG", size=len(data), limit=limits.MAX_IMAGE_BYTES
        )
    if not is_image(data):
        raise MalformedError("image_not_supported")
    try:
        image = _open(data)
        width, height = image.size
        if width * height > limits.MAX_IMAGE_PIXELS:
            raise MalformedError(
                "image_too_many_pixels",
                width=width,
                height=height,
                limit=limits.MAX_IMAGE_PIXELS,
            )
        return _grey(image)
    except _DAMAGE as error:
        raise MalformedError("image_damaged") from error


def _open(data: bytes) -> Image.Image:
    file = io.BytesIO(data)
    if data.startswith(_PNG_SIGNATURE):
        return PngImageFile(file)
    image = JpegImageFile(file)
    image.draft("L", image.size)  # the decoder then skips the colours
    return image


def _grey(image: Image.Image) -> Image.Image:
    image.load()
    if image.mode.startswith("I;16") or image.mode == "I":
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if "transparency" in image.info or image.mode in ("LA", "PA", "RGBA"):
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image)
        image = paper
    return image.convert("L")
