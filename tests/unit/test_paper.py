"""The paper form: what the PDF is, and what of it is read back."""

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from paper_samples import DOCUMENT, card_text, paper
from pikepdf import pdfa

from ecert import limits
from ecert.document import MEDIA_TYPE
from ecert.errors import EcertError, MalformedError
from registry.paper import Field, Label, render_pdf
from registry.paper.render import MAX_FIELDS
from verifier.pdf_document import document_in

# The checker allows only what it knows: it knows no XMP extension schemas, no CIDSet and level B
# only; nothing else may be found.
UNKNOWN_TO_CHECKER = {
    "ISO_19005_3:6.6.2.3.1-1",
    "ISO_19005_3:6.6.2.3.1-2",
    "ISO_19005_3:6.2.11.4.2-2",
    "ISO_19005_3:6.6.4-3",
}


MARGIN_POINTS = 18 / 25.4 * 72 - 0.1


@pytest.fixture(scope="module")
def page():
    return render_pdf(paper())


def text_of(pdf):
    with pypdfium2.PdfDocument(pdf) as document:
        parts = []
        for sheet in document:
            text = sheet.get_textpage()
            parts.append(text.get_text_range())
            text.close()
            sheet.close()
    return "".join(parts).replace("\u200b", "")


def codes_on(pdf, dpi):
    """All QR codes that are read from the pages at ``dpi``."""
    found = set()
    with pypdfium2.PdfDocument(pdf) as document:
        for sheet in document:
            image = sheet.render(scale=dpi / 72, grayscale=True).to_pil()
            found |= {code.text for code in zxingcpp.read_barcodes(image)}
            sheet.close()
    return found


def test_document_comes_back_byte_for_byte(page):
    assert document_in(page) == DOCUMENT


def test_equal_inputs_give_equal_bytes(page):
    assert render_pdf(paper()) == page


def test_time_zone_of_issue_moves_no_bytes_of_metadata(page):
    moved = replace(paper(), issued=paper().issued.astimezone(UTC))
    with (
        pikepdf.open(io.BytesIO(page)) as first,
        pikepdf.open(io.BytesIO(render_pdf(moved))) as pdf,
    ):
        assert str(first.docinfo.CreationDate) == str(pdf.docinfo.CreationDate)


@pytest.mark.parametrize("dpi", [150, 300])
@pytest.mark.parametrize("chars", [240, 300, 600, 730, 1000, 1100, 1400])
def test_both_codes_are_read_from_the_page(chars, dpi):
    made = paper(card_chars=chars)
    assert codes_on(render_pdf(made), dpi) == {made.lookup_url, made.card}


def test_is_archivable(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        findings = pdfa.check(pdf, "3b").findings
        assert {finding.rule for finding in findings} <= UNKNOWN_TO_CHECKER, findings
        with pdf.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")


def test_attachment_says_what_it_is(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        (specification,) = pdf.Root.AF
        assert specification.AFRelationship == "/Source"
        assert str(specification.EF.F.Subtype) == "/" + MEDIA_TYPE
        assert str(specification.UF).endswith(".ecert.json")


def test_title_language_and_tags_serve_a_screen_reader(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        assert pdf.docinfo.Title == "居民身份证 Resident ID"
        assert str(pdf.Root.Lang).startswith("zh")
        assert pdf.Root.MarkInfo.Marked is True
        figures = [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and o.get("/Alt")]
        assert len(figures) == 2


def test_metadata_holds_no_claims(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        metadata = pdf.Root.Metadata.read_bytes().decode() + str(dict(pdf.docinfo))
    assert "欧阳安" not in metadata
    assert "AAAA.BBBB" not in metadata


def test_only_the_one_font_is_embedded_as_a_subset(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        fonts = [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and "/FontName" in o]
        assert fonts
        assert all("+NotoSansSC" in str(font.FontName) for font in fonts)
        assert all("/FontFile2" in font for font in fonts)
    assert len(page) < 150_000


def test_page_shows_labels_claims_department_and_both_languages(page):
    text = text_of(page)
    assert "居民身份证" in text.replace(" ", "")  # letter-spaced
    for part in (
        *("Resident ID", "示例市公安局", "Sample City Public Security Bureau"),
        *("姓名", "Name", "欧阳安", "1990年1月1日", "1 January 1990", paper().identifier),
        *("2026年3月1日至2046年2月28日", "1 March 2026 – 28 February 2046"),
        *("核验方法", "How to verify", "在线查询码", "Look-up code", "离线核验码", "Offline code"),
    ):
        assert part in text


def test_permanent_document_says_so():
    text = text_of(render_pdf(paper(valid_until=None)))
    assert "2026年3月1日起长期有效" in text
    assert "no expiry date" in text


@pytest.mark.parametrize(
    "text",
    [
        '#panic("no")',
        "$x^2$ *bold* _it_ `raw` <label> @ref // comment /* */ \\ ~ --- ...",
        '#read("/etc/passwd")',
        '"] #sys.inputs ["',
        "'single' \"double\"",
        "= heading",
        "- list",
        "{{braces}} %s {0}",
    ],
)
def test_text_is_data_not_markup(text):
    shown = text_of(render_pdf(paper(fields=(Field(Label("姓名", "Name"), text),))))
    assert text in shown.replace("\r\n", " ")


def test_character_outside_the_font_is_shown_as_its_number_and_explained(page):
    text = text_of(render_pdf(paper(fields=(Field(Label("姓名"), "欧阳𠮷"),))))
    assert "欧阳[U+20BB7]" in text
    assert "字体中没有的字" in text
    assert "字体中没有的字" not in text_of(page)


@pytest.mark.parametrize("char", ["\n", "\0", "\u202e", "\u200b", "\u2028", "\U000e0041", "\ue000"])
def test_character_that_moves_or_hides_others_is_shown(char):
    text = text_of(render_pdf(paper(fields=(Field(Label("姓名"), f"甲{char}乙"),))))
    assert f"甲[U+{ord(char):04X}]乙" in text


def test_many_long_fields_run_over_to_further_pages_and_keep_the_codes():
    fields = tuple(Field(Label(f"项目{i}", f"Item {i}"), "长文" * 60) for i in range(30))
    made = paper(fields=fields)
    pdf = render_pdf(made)
    with pypdfium2.PdfDocument(pdf) as document:
        assert len(document) > 1
    assert codes_on(pdf, 150) == {made.lookup_url, made.card}


def test_a_longest_word_stays_on_the_page():
    pdf = render_pdf(paper(fields=(Field(Label("名称"), "Z" * limits.MAX_FIELD_CHARS),)))
    with pypdfium2.PdfDocument(pdf) as document:
        text = document[0].get_textpage()
        right = max(text.get_charbox(i)[2] for i in range(text.count_chars()))
        text.close()
        width = document[0].get_width()
    assert right < width - MARGIN_POINTS
    assert text_of(pdf).count("Z") == limits.MAX_FIELD_CHARS


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lookup_url": "https://" + "a" * 143}, "paper_lookup_url_long"),
        ({"card": card_text(2000)}, "paper_card_too_long"),
        ({"fields": (Field(Label("甲"), "乙"),) * MAX_FIELDS}, "paper_too_many_fields"),
        ({"fields": (Field(Label("甲"), "乙" * 1001),)}, "paper_field_too_long"),
        ({"document": b"\xff\xfe"}, "paper_document_malformed"),
        ({"document": b" " * (limits.MAX_PDF_ATTACHMENT_BYTES + 1)}, "paper_document_malformed"),
    ],
)
def test_what_cannot_be_set_is_refused(changes, code):
    with pytest.raises(MalformedError) as caught:
        render_pdf(paper(**changes))
    assert caught.value.code == code
    assert caught.value.message("zh") != caught.value.message("en")


def test_error_of_the_compiler_quotes_no_claim(monkeypatch):
    monkeypatch.setattr("registry.paper.render._template", lambda: b"#panic(sys.inputs.data)")
    with pytest.raises(EcertError) as caught:
        render_pdf(paper())
    assert caught.value.code == "paper_not_rendered"
    assert caught.value.__suppress_context__
    assert "欧阳安" not in str(caught.value)


def test_a_warning_of_the_compiler_is_an_error(monkeypatch):
    monkeypatch.setattr("registry.paper.render._template", lambda: b'#set text(font: "Nowhere")\nx')
    with pytest.raises(EcertError) as caught:
        render_pdf(paper())
    assert caught.value.code == "paper_not_rendered"


def test_pages_made_at_once_keep_their_own_documents():
    documents = [DOCUMENT + b" " * i for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda document: render_pdf(paper(document=document)), documents))
    assert [document_in(page) for page in pages] == documents


def test_compiler_itself_refuses_what_the_font_lacks(monkeypatch):
    """The second line of defence: were the first to fail, no page would have a blank name."""
    monkeypatch.setattr("registry.paper.render.printable", lambda text, _coverage: text)
    with pytest.raises(EcertError) as caught:
        render_pdf(paper(fields=(Field(Label("姓名"), "欧阳𠮷"),)))
    assert caught.value.code == "paper_not_rendered"
