"""Parts of the page: its font, its text, its dates, its QR codes, its choice of claims."""

import struct
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from paper_samples import DOCUMENT, card_text, paper

from ecert.errors import ContentError, EcertError
from ecert.kinds import Catalogue
from ecert.typesetting import fonts
from ecert.typesetting.fonts import FILES, font_set, load_fonts
from ecert.typesetting.text import is_wide, printable
from registry.paper import Label, compose, render
from registry.paper.qr import LOOKUP_MM, MAX_VERSION, QUIET, card_symbol, lookup_symbol
from registry.paper.words import day, period, words

COMMON = "张伟欧阳娜一二三·（）—“”《》 ABCxyz0189 ［］.,-/:;㐂䶮镕堃喆龘"


def test_font_has_what_names_and_labels_are_made_of():
    coverage = font_set().coverage
    assert [char for char in COMMON if ord(char) not in coverage] == []
    assert 0x20BB7 not in coverage
    assert len(coverage) > 30_000


def test_font_has_every_character_of_the_catalogue_and_the_page():
    coverage = font_set().coverage
    texts = [repr(words())]
    for kind in Catalogue.load():
        texts += kind.names.values()
        for name in kind.face:
            texts += kind.properties[name]["x-names"].values()
            texts += kind.properties[name].get("enum", [])
    assert {c for text in texts for c in text if ord(c) not in coverage} == set()


def test_missing_font_says_what_to_do(tmp_path):
    with pytest.raises(EcertError) as caught:
        load_fonts(tmp_path)
    assert caught.value.code == "paper_font_missing"
    assert "make" in caught.value.message("en")
    assert "ECERT_FONTS" in caught.value.message("zh")


def test_font_is_found_where_the_environment_says(tmp_path, monkeypatch):
    for file in font_set().files:
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.setenv("ECERT_FONTS", str(tmp_path))
    fonts.font_set.cache_clear()
    try:
        assert [file.parent for file in font_set().files] == [tmp_path, tmp_path]
    finally:
        fonts.font_set.cache_clear()


CMAP_HEAD = struct.pack(">HHHHL", 0, 1, 3, 10, 12)


def sfnt(*tables):
    """A font file of these tables."""
    head = struct.pack(">LHHHH", 0x10000, len(tables), 0, 0, 0)
    at, entries, body = 12 + 16 * len(tables), b"", b""
    for tag, data in tables:
        entries += struct.pack(">4sLLL", tag, 0, at + len(body), len(data))
        body += data
    return head + entries + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 11,
        b"\xff" * 5000,
        sfnt(),
        sfnt((b"glyf", b"")),
        sfnt((b"cmap", b"")),
        sfnt((b"cmap", struct.pack(">HHHHL", 0, 1, 3, 1, 12) + struct.pack(">HHH", 4, 0, 0))),
        sfnt(
            (
                b"cmap",
                struct.pack(">HHHHL", 0, 1, 3, 10, 12) + struct.pack(">HHLLL", 12, 0, 0, 0, 9),
            )
        ),
    ],
)
def test_damaged_font_is_named(tmp_path, content):
    for name in FILES:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EcertError) as caught:
        load_fonts(tmp_path)
    assert caught.value.code == "paper_font_malformed"


def test_glyph_zero_is_no_glyph(tmp_path):
    groups = struct.pack(">LLL", 65, 66, 0) + struct.pack(">LLL", 70, 71, 5)
    subtable = struct.pack(">HHLLL", 12, 0, 40, 0, 2) + groups
    for name in FILES:
        content = sfnt((b"cmap", CMAP_HEAD + subtable))
        (tmp_path / name).write_bytes(content)
    assert load_fonts(tmp_path).coverage == {66, 70, 71}


def test_composed_and_decomposed_names_print_alike():
    coverage = font_set().coverage
    assert printable("Zoe\u0308", coverage) == printable("Zoë", coverage) == "Zoë"


def test_width_counts_chinese_twice():
    assert not is_wide("中文ab", units=6)
    assert is_wide("中文abc", units=6)


def test_dates():
    assert day(date(2024, 2, 29)) == Label("2024年2月29日", "29 February 2024")
    assert period(date(2024, 1, 1), None).en == "1 January 2024 – no expiry date"
    assert [day(date(2024, m, 1)).en.split()[1][:3] for m in (1, 7, 8, 12)] == [
        *("Jan", "Jul", "Aug", "Dec")
    ]


@pytest.mark.parametrize(("chars", "millimetres"), [(240, 55), (300, 55), (600, 70), (1100, 80)])
def test_code_is_printed_large_enough(chars, millimetres):
    symbol = card_symbol(card_text(chars))
    assert symbol.side_mm * symbol.modules / (symbol.modules + 2 * QUIET) >= millimetres
    assert symbol.modules <= 17 + 4 * MAX_VERSION


def test_module_of_a_card_with_receipt_is_seen_at_150_dpi():
    symbol = card_symbol(card_text(1451))  # fills version 25-M
    module = symbol.side_mm / (symbol.modules + 2 * QUIET)
    assert module / 25.4 * 150 > 4


def test_look_up_code_is_at_least_35_mm():
    assert LOOKUP_MM >= 35
    assert lookup_symbol(paper().lookup_url).side_mm > LOOKUP_MM


def arguments(**changes):
    return {
        "department": Label("示例市公安局"),
        "issued": datetime(2026, 3, 1, tzinfo=UTC),
        "valid_from": date(2026, 3, 1),
        "valid_until": None,
        "document": DOCUMENT,
        "lookup_url": paper().lookup_url,
        "card": card_text(300),
    } | changes


CLAIMS = {
    "name": "欧阳安",
    "sex": "女",
    "birth_date": "1990-01-31",
    "certificate_identifier": "1.2.156.3005.2.1.2.3.4.5",
    "portrait_digest": "A" * 43,
}


def test_face_claims_are_worded_in_the_order_of_the_kind():
    made = compose(Catalogue.load().kind("resident-id"), CLAIMS, **arguments())
    assert [(f.label.zh, f.label.en, f.value, f.note) for f in made.fields] == [
        ("姓名", "Name", "欧阳安", ""),
        ("性别", "Sex", "女", "female"),
        ("出生日期", "Date of birth", "1990年1月31日", "31 January 1990"),
    ]
    assert made.title == Label("居民身份证", "Resident ID")
    assert made.identifier == CLAIMS["certificate_identifier"]


def test_certificate_without_identifier_has_no_paper():
    claims = {"name": "欧阳安"}
    with pytest.raises(ContentError) as caught:
        compose(Catalogue.load().kind("resident-id"), claims, **arguments())
    assert caught.value.code == "claim_missing"


def test_template_and_words_are_in_the_package():
    folder = Path(render.__file__).parent
    assert {"certificate.typ", "words.toml"} <= {file.name for file in folder.iterdir()}
