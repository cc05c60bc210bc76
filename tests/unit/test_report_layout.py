"""The layout of reports on evidence: what they can show, and what hostile text cannot do."""

import io
import re
import subprocess
from datetime import UTC, datetime
from typing import Any, get_args

import pikepdf
import pytest
from pikepdf import pdfa

from ecert.errors import EcertError, Language, messages
from ecert.report import Verdict
from ecert.typesetting import SUBSTITUTE, font_set, printable, set_pages
from tests.fakes.report_reading import check_alone, clear_margins, pages, squeezed
from tests.unit.test_paper import UNKNOWN_TO_CHECKER
from verifier.evidence.report import html, pdf
from verifier.evidence.report.blocks import (
    Bullets,
    Commands,
    Part,
    Rows,
    Section,
    Table,
    Text,
    Tone,
)
from verifier.evidence.report.programs import COLUMNS, assigned
from verifier.web.result import SIGNS

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
DIGEST = "ab" * 32
HOSTILE = (
    "</dd></article><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>",
    '"><a href="https://evil.example/">x</a><style>*{display:none}</style><!--',
    "{{ 7*7 }}{% raw %} {# x #}",
    '#read("/etc/passwd") #import "x.typ" $x$ @ref <label> *b* _e_ `c` \\ // /* */ #panic()',
    "#set page(background: none) ] } ) #pagebreak()",
    "&lt;b&gt; &amp; &#x202e;",
)
MOVING = "有效\u202elaw\u2066\u200b\u0000\u0007\n\x1b[31m"


def part(text: str = "文", **changes: Any) -> Part:
    """A report with a text in every place that can hold one."""
    values: dict[str, Any] = {
        "language": "zh",
        "title": "报告",
        "tone": "good",
        "sign": "check",
        "word": "有效",
        "warning": "",
        "caution": "",
        "sentences": (text,),
        "sections": (
            Section("一", (Text(text), Bullets((text, text)))),
            Section(text, (Rows(((text, text),)), Rows(((text, text),), large=True)), level=3),
            Section("二", (Table((text, "b"), ((text, text),), (1, 2), (0,)), Commands((text,)))),
        ),
    }
    return Part(**values | changes)


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_hostile_text_as_text(text: str) -> None:
    made = html.lay_out([part(text, title=text, word=text, warning=text, caution=text)], DIGEST)
    page = check_alone(made)
    assert page.text.count(text) > 15
    plain = check_alone(html.lay_out([part("x", warning="x", caution="x")], DIGEST))
    assert page.tags == plain.tags
    assert page.style == plain.style


@pytest.mark.parametrize("text", HOSTILE)
def test_pdf_shows_hostile_text_as_text(text: str) -> None:
    hostile = part(text, title=text, word=text, warning=text, caution=text)
    made = pages(pdf.lay_out([hostile], DIGEST, NOW))
    whole = squeezed("".join(made))
    assert whole.count(squeezed(text)) >= 15
    assert all(DIGEST in page for page in made)


def test_text_that_moves_or_hides_others_is_written_out() -> None:
    page = check_alone(html.lay_out([part(MOVING)], DIGEST))
    assert "有效[U+202E]law[U+2066][U+200B][U+0000][U+0007][U+000A][U+001B][31m" in page.text
    assert not {"\u202e", "\u2066", "\u200b", "\x1b", "\x00"} & {*page.text}
    whole = squeezed("".join(pages(pdf.lay_out([part(MOVING)], DIGEST, NOW))))
    assert "有效[U+202E]law[U+2066][U+200B]" in whole


def test_a_character_that_only_the_font_lacks_stays_in_html() -> None:
    assert printable("\U00020bb7") == "\U00020bb7"
    assert "\U00020bb7" in html.lay_out([part("\U00020bb7")], DIGEST)
    assert "[U+20BB7]" in squeezed("".join(pages(pdf.lay_out([part("\U00020bb7")], DIGEST, NOW))))


@pytest.mark.parametrize("text", ["f" * 500, "字" * 900, "a b " * 300, "0x" + "0f" * 65])
def test_long_text_is_not_cut_off(text: str) -> None:
    made = pdf.lay_out([part(text, caution=text)], DIGEST, NOW)
    assert squeezed("".join(pages(made))).count(squeezed(text)) >= 9
    assert clear_margins(made)


def test_a_hash_is_kept_whole_for_whoever_copies_it() -> None:
    value = "0x" + "0123456789abcdef" * 4
    block = Rows((("根", value),))
    made = part(sections=(Section("一", (block,)),))
    with_breaks = pdf.lay_out([made], DIGEST, NOW)
    assert value in "".join(pages(with_breaks))


@pytest.mark.parametrize(
    "name",
    [
        "deed.ecert-evidence",
        "--help",
        'it\'s "one" $(touch owned) `x` \\ file-',
        "不动产-权证 2026-" * 12 + "-",
        "a-" * 120,
    ],
)
def test_a_files_name_is_copied_from_pdf_to_a_shell(name: str) -> None:
    lines = assigned("package", f"./{name}")
    assert all(0 < len(line) <= COLUMNS for line in lines)
    made = part(sections=(Section("一", (Commands((*lines, 'printf "%s" "$package"')),)),))
    (sheet,) = pages(pdf.lay_out([made], DIGEST, NOW))
    copied = sheet[sheet.index("package=") : sheet.index('"$package"') + len('"$package"')]
    done = subprocess.run(["sh", "-c", copied], capture_output=True, check=True)
    assert done.stdout.decode("utf-8") == f"./{name}"


@pytest.mark.parametrize("above", range(30, 42))
def test_no_row_stands_alone_on_a_page(above: int) -> None:
    filler = Bullets(tuple(f"filler {number}" for number in range(above)))
    few = tuple((f"few {number}", "v") for number in range(4))
    many = tuple((f"many {number}", "v") for number in range(40))
    cells = tuple((f"cell {number}", "v") for number in range(10))
    table = Table(("head", "h"), cells, (1, 1))
    sections = tuple(
        Section("一", (filler, Text("introduced"), block))
        for block in (Rows(few), table, Rows(many))
    )
    for section in sections:
        found = pages(pdf.lay_out([part(sections=(section,))], DIGEST, NOW))
        counts = [len(re.findall(r"^(?:few|many|cell) \d", sheet, re.MULTILINE)) for sheet in found]
        rows = section.blocks[-1]
        assert isinstance(rows, Rows | Table)
        assert sum(counts) == len(rows.rows)
        assert all(count == 0 or count >= min(3, len(rows.rows)) for count in counts[:-1]), counts
        if len(rows.rows) <= 12:
            assert sorted(counts)[:-1] == [0] * (len(counts) - 1)
        introduced = next(n for n, sheet in enumerate(found) if "introduced" in sheet)
        assert counts[introduced] > 0


def test_each_part_has_its_languages_footer() -> None:
    chinese = part(sections=(Section("一", (Bullets(("字",) * 120),)),))
    english = part(language="en", sections=(Section("1", (Bullets(("x",) * 120),)),))
    found = pages(pdf.lay_out([chinese, english], DIGEST, NOW))
    assert len(found) >= 4
    for number, sheet in enumerate(found):
        first = number < len(found) // 2
        assert (f"证据包 SHA-256 {DIGEST}" in sheet) is first
        assert (f"Package SHA-256 {DIGEST}" in sheet) is not first


@pytest.mark.parametrize("tone", get_args(Tone))
def test_every_tone_can_be_laid_out(tone: str) -> None:
    warning = "" if tone == "good" else "不得作为有效凭据使用"
    made = part(tone=tone, warning=warning)
    check_alone(html.lay_out([made], DIGEST))
    found = pages(pdf.lay_out([made, made], DIGEST, NOW))
    assert len(found) >= 2
    assert all(warning in page for page in found)


def test_the_tones_are_those_of_verdicts() -> None:
    assert {tone for tone, _ in SIGNS.values()} == {*get_args(Tone)}
    assert [verdict for verdict, (tone, _) in SIGNS.items() if tone == "good"] == [Verdict.VALID]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_font_has_every_character_of_what_reports_say(language: Language) -> None:
    coverage = font_set().coverage
    said = ("report_", "evidence_", "verdict_", "step_", "web_word_", "web_step_", "web_outcome_")
    for code, sentences in messages().items():
        if code.startswith(said):
            text = "".join(sentences[language].split())
            assert SUBSTITUTE not in printable(text, coverage), code


def test_is_archivable_and_says_what_it_is() -> None:
    made = pdf.lay_out([part(), part(language="en", title="Report")], DIGEST, NOW)
    assert made == pdf.lay_out([part(), part(language="en", title="Report")], DIGEST, NOW)
    with pikepdf.open(io.BytesIO(made)) as document:
        findings = pdfa.check(document, "2b").findings
        rules = {finding.rule.replace("19005_2", "19005_3") for finding in findings}
        assert rules <= UNKNOWN_TO_CHECKER, findings
        with document.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "A")
        assert str(document.Root.Lang).startswith("zh")
        assert document.Root.MarkInfo.Marked is True
        assert "Report" in str(document.docinfo.Title)


def test_pages_that_cannot_be_set_say_nothing_of_their_content() -> None:
    with pytest.raises(EcertError) as caught:
        set_pages(b"#panic(sys.inputs.data)", {"a": "secret"}, standard="a-2a", time=NOW)
    assert caught.value.code == "pages_not_set"
    assert "secret" not in str(caught.value)
    with pytest.raises(EcertError, match="pages_not_set"):
        set_pages(b'#set text(font: "No Such Font")\nx', {}, standard="a-2a", time=NOW)
