"""QR codes of cards: as small as their text allows, readable by an independent decoder."""

import io
import random

import pytest
import segno
import zxingcpp
from PIL import Image

from ecert.base45 import ALPHABET
from ecert.errors import MalformedError
from wallet.qr_write import MAX_CHARS, MAX_VERSION, write_qr


def text_of(length):
    rng = random.Random(length)
    return "EC1:" + "".join(rng.choices(ALPHABET, k=length - 4))


@pytest.mark.parametrize(
    ("length", "version", "level"),
    [(360, 14, "Q"), (426, 15, "Q"), (427, 13, "M"), (604, 16, "M"), (1451, 25, "M")],
)
def test_a_text_takes_the_version_of_its_length(length, version, level):
    image = write_qr(text_of(length))
    assert (image.version, image.level) == (version, level)
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(image.png)))
    assert code.text == text_of(length)
    assert code.symbology_identifier == "]Q1"  # QR Code 2005, no ECI


def test_the_limits_are_those_of_the_standards_table():
    longest = segno.make_qr(text_of(MAX_CHARS), error="M", mode="alphanumeric")
    assert longest.version == MAX_VERSION
    longer = segno.make_qr(text_of(MAX_CHARS + 1), error="M", mode="alphanumeric")
    assert longer.version == MAX_VERSION + 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "qr_text_not_alphanumeric"),
        ("EC1:abc", "qr_text_not_alphanumeric"),
        ("EC1:证", "qr_text_not_alphanumeric"),
        (text_of(MAX_CHARS + 1), "qr_text_too_long"),
    ],
)
def test_what_does_not_fit_is_refused(text, code):
    with pytest.raises(MalformedError) as raised:
        write_qr(text)
    assert raised.value.code == code
    assert raised.value.message("zh")
