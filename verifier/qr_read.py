"""Reading documents from a photo of their QR code.

Most photos decode at once. The others are tried again with the changes that help most often, in the
order of their yield over distorted pictures (tests/unit/test_qr_read.py), until one is read or the
list ends.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import zxingcpp
from PIL import Image, ImageChops, ImageFilter, ImageOps

from ecert import card, lookup
from ecert.errors import MalformedError
from verifier.image import open_grey

MAX_ATTEMPT_PIXELS = 8_000_000
"""Largest picture that one attempt after the first makes: bounds the time a bad picture takes."""

_SD_JWT = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}~")


@dataclass(frozen=True)
class _Attempt:
    """A change to try: resize first, then filter."""

    scale: float
    change: Callable[[Image.Image], Image.Image] | None = None
    binarizer: zxingcpp.Binarizer = zxingcpp.Binarizer.LocalAverage


def _sharpen(radius: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(ImageFilter.UnsharpMask(radius, 300, 0))


def _blur(radius: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def _contrast(image: Image.Image) -> Image.Image:
    return ImageOps.autocontrast(image, cutoff=1)


def _threshold(image: Image.Image) -> Image.Image:
    """Black is what is darker than its surroundings: takes shadows away."""
    surroundings = image.filter(ImageFilter.BoxBlur(20))
    difference = ImageChops.subtract(image, surroundings, 1, 120)
    return difference.point(lambda value: 255 if value > 112 else 0)


def _turn(degrees: int) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


_ATTEMPTS = (
    _Attempt(1),
    _Attempt(2),
    _Attempt(2, _sharpen(4)),
    _Attempt(2, _blur(1.5)),
    _Attempt(1, _contrast),
    _Attempt(3),
    _Attempt(3, _sharpen(6)),
    _Attempt(2, _blur(2.5)),
    _Attempt(0.5),
    _Attempt(1, _threshold, zxingcpp.Binarizer.FixedThreshold),
    _Attempt(1, _contrast, zxingcpp.Binarizer.GlobalHistogram),
    _Attempt(1, _turn(20)),
    _Attempt(1, _turn(45)),
    _Attempt(0.25),
)


def is_document_text(text: str) -> bool:
    """Return whether ``text`` looks like a card, an SD-JWT or a look-up code: no judgement yet."""
    return (
        text.startswith(card.PREFIX)
        or _SD_JWT.match(text) is not None
        or lookup.is_lookup_url(text)
    )


def read_documents(data: bytes) -> tuple[str, ...]:
    """Return the texts of all documents whose QR codes a picture shows.

    Args:
        data: A PNG or JPEG file.

    Returns:
        At least one text, each once, in the order found.

    Raises:
        MalformedError: ``too_large``, ``image_not_supported``, ``image_too_many_pixels``,
            ``image_damaged``, ``qr_not_found`` when the picture shows no readable QR code,
            ``qr_no_document`` when all that it shows are of another sort.
    """
    source = open_grey(data)
    others = False
    for image, binarizer in _changed(source):
        texts = _decode(image, binarizer)
        documents = tuple(dict.fromkeys(filter(is_document_text, texts)))
        if documents:
            return documents
        others = others or bool(texts)
    raise MalformedError("qr_no_document" if others else "qr_not_found")


def _changed(source: Image.Image) -> Iterator[tuple[Image.Image, zxingcpp.Binarizer]]:
    yield source, zxingcpp.Binarizer.LocalAverage
    pixels = source.width * source.height
    for attempt in _ATTEMPTS[1:]:
        if pixels * attempt.scale**2 > MAX_ATTEMPT_PIXELS:
            continue
        image = source
        if attempt.scale != 1:
            size = (
                max(1, round(source.width * attempt.scale)),
                max(1, round(source.height * attempt.scale)),
            )
            image = source.resize(size, Image.Resampling.BICUBIC)
        yield attempt.change(image) if attempt.change else image, attempt.binarizer


def _decode(image: Image.Image, binarizer: zxingcpp.Binarizer) -> list[str]:
    codes = zxingcpp.read_barcodes(
        image,
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        text_mode=zxingcpp.TextMode.Plain,
        binarizer=binarizer,
    )
    return [code.text for code in codes]
