"""Reports on real evidence: what they say of each verdict, and that their values can be redone."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ecert.chain import qbft
from ecert.errors import Language
from ecert.fields import time_text
from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from tests.fakes.console import Done, run_command
from tests.fakes.report_reading import check_alone, clear_margins, pages, squeezed
from tests.integration.evidence_world import CATALOGUE
from tests.integration.exhibits import Exhibits, exhibits
from verifier.cli import app
from verifier.evidence.report.blocks import Commands, Part, Rows
from verifier.evidence.report.contents import part
from verifier.evidence.report.exhibit import Exhibit
from verifier.evidence.report.html import render_html
from verifier.evidence.report.pdf import render_pdf
from verifier.evidence.report.words import moment

BOTH: tuple[Language, ...] = ("zh", "en")
HOSTILE = "</dd><script>alert(1)</script>#panic() \u202e{{ x }}"
NOT_VALID = {"zh": "本报告不证明证照有效", "en": "does NOT certify that the document is valid"}
NOT_DECIDED = {"zh": "本报告不能判定", "en": "does NOT decide whether"}


@pytest.fixture(scope="module")
def made(chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exhibits]:
    with exhibits(tmp_path_factory.mktemp("evidence"), chain) as found:
        yield found


def said(made: Part) -> str:
    return squeezed(repr(made))


def values(made: Part) -> dict[str, str]:
    blocks = [block for section in made.sections for block in section.blocks]
    rows = [row for block in blocks if isinstance(block, Rows) for row in block.rows]
    return dict(rows)


def lines(made: Part) -> list[str]:
    blocks = [block for section in made.sections for block in section.blocks]
    return [line for block in blocks if isinstance(block, Commands) for line in block.lines]


@pytest.mark.parametrize("language", BOTH)
def test_a_report_says_who_what_when_and_why(made: Exhibits, language: Language) -> None:
    exhibit = made.stamped
    report, text = exhibit.report, said(part(exhibit, language))
    facts, subject, stamp = report.facts, report.report.subject, report.timestamp
    assert facts is not None
    assert facts.anchor is not None
    assert subject is not None
    assert stamp is not None
    kind = CATALOGUE.kind("resident-id")
    for expected in (
        *(kind.names[language], subject.department, kind.label("address", language)),
        *(str(subject.claims["address"]), str(subject.claims["issuing_authority"])),
        *(report.report.headline(language), exhibit.package.sha256, exhibit.trust.sha256),
        *(subject.digest.hex(), report.block.hash.hex(), report.block.state_root.hex()),
        *(exhibit.file.contracts["anchors"].address.hex(), str(exhibit.file.chain_id)),
        *(address.hex() for address in report.block.validators),
        *(
            report.sentence(code, language, lambda seconds: moment(seconds, language))
            for code in (*report.proves, *report.limits)
        ),
        *("RFC9162", "RFC9901", "EIP1186", "YellowPaper", "QBFT", "RFC3161", stamp.authority),
    ):
        assert squeezed(expected) in text, expected
    assert report.receipt is not None
    assert report.receipt.root.hex() in text
    assert report.proves
    for step in range(10):
        assert f"('{step}'," in text


def test_every_form_has_both_languages_and_the_digest(made: Exhibits) -> None:
    page = check_alone(render_html(made.stamped, BOTH))
    assert page.languages[0] == "zh-CN"
    assert {"zh-CN", "en"} == {*page.languages}
    assert "有效" in page.text
    assert "Valid" in page.text
    sheets = pages(render_pdf(made.stamped, BOTH))
    assert all(made.stamped.package.sha256 in sheet for sheet in sheets)
    assert all(f"{number} / {len(sheets)}" in sheet for number, sheet in enumerate(sheets, 1))
    whole = squeezed("".join(sheets))
    subject = made.stamped.report.report.subject
    assert subject is not None
    for value in subject.claims.values():
        assert squeezed(str(value)) in whole
        assert str(value) in page.text
    assert {*check_alone(render_html(made.valid, ("en",))).languages} == {"en"}


@pytest.mark.parametrize("name", ["revoked", "undecided", "unreadable"])
def test_what_is_not_valid_never_looks_as_if_it_were(made: Exhibits, name: str) -> None:
    exhibit: Exhibit = getattr(made, name)
    warnings = NOT_DECIDED if name == "undecided" else NOT_VALID
    html = render_html(exhibit, BOTH)
    page = check_alone(html)
    assert 'class="stamp"' in html
    assert '<body class="good"' not in html
    sheets = pages(render_pdf(exhibit, BOTH))
    for language in BOTH:
        made_part = part(exhibit, language)
        assert warnings[language] in made_part.warning
        assert made_part.tone != "good"
        assert page.text.count(made_part.warning) >= 2
        for sheet in sheets:
            assert squeezed(made_part.warning) in squeezed(sheet)
            assert squeezed(made_part.word) in squeezed(sheet)
    assert (exhibit.report.proves == ()) is (name != "undecided")


@pytest.mark.parametrize("name", ["valid", "operator"])
def test_what_is_valid_has_no_warning(made: Exhibits, name: str) -> None:
    exhibit: Exhibit = getattr(made, name)
    html = render_html(exhibit, BOTH)
    assert 'class="stamp"' not in html
    assert '<body class="good"' in html
    whole = squeezed("".join(pages(render_pdf(exhibit, BOTH))))
    assert not any(squeezed(text) in whole for text in (*NOT_VALID.values(), *NOT_DECIDED.values()))


@pytest.mark.parametrize("name", ["stamped", "operator", "handed_over", "undecided", "revoked"])
def test_nothing_runs_over_the_edge_of_a_page(made: Exhibits, name: str) -> None:
    assert clear_margins(render_pdf(getattr(made, name), BOTH))


def test_one_operators_word_is_called_that(made: Exhibits) -> None:
    for language in BOTH:
        caution = part(made.operator, language).caution
        assert caution
        assert part(made.valid, language).caution == ""
        assert caution in check_alone(render_html(made.operator, (language,))).text
        for sheet in pages(render_pdf(made.operator, BOTH)):
            assert squeezed(caution) in squeezed(sheet)
    (operator,) = made.operator.file.operators
    assert squeezed(operator.kid) in said(part(made.operator, "en"))


def test_only_what_is_disclosed_is_told(made: Exhibits) -> None:
    full, few = made.valid.report.report.subject, made.name_only.report.report.subject
    assert full is not None
    assert few is not None
    assert set(few.claims) == {"name"}
    outputs = (
        check_alone(render_html(made.name_only, BOTH)).text,
        "".join(pages(render_pdf(made.name_only, BOTH))),
    )
    for text in outputs:
        assert few.claims["name"] in text
        for name in ("id_number", "address", "birth_date", "issuing_authority"):
            assert squeezed(str(full.claims[name])) not in squeezed(text), name
        assert "证据包中未披露" in text


def test_hostile_claims_names_and_authorities_are_text(made: Exhibits) -> None:
    report = made.stamped.report
    subject, stamp = report.report.subject, report.timestamp
    assert subject is not None
    assert stamp is not None
    claims = dict.fromkeys(subject.claims, HOSTILE) | {HOSTILE: HOSTILE}
    hostile = replace(
        made.stamped,
        package=replace(made.stamped.package, name=HOSTILE),
        trust=replace(made.stamped.trust, name="-" + HOSTILE),
        report=replace(
            report,
            report=replace(
                report.report, subject=replace(subject, claims=claims, department=HOSTILE)
            ),
            timestamp=replace(stamp, authority=HOSTILE),
        ),
    )
    shown = HOSTILE.replace("\u202e", "[U+202E]")
    page = check_alone(render_html(hostile, BOTH))
    assert "\u202e" not in page.text
    assert page.text.count(shown) > 2 * len(claims)
    whole = squeezed("".join(pages(render_pdf(hostile, BOTH))))
    assert whole.count(squeezed(shown)) > 2 * len(claims)


def test_a_cards_path_is_told_as_well(made: Exhibits) -> None:
    exhibit = made.card
    assert exhibit.report.verdict is Verdict.VALID
    assert exhibit.artefact is not None
    assert exhibit.receipt is not None
    found = part(exhibit, "en")
    assert "Sig_structure" in said(found)
    assert not any("jq " in line for line in lines(found))
    named = values(found)
    assert named["Root as the receipt has it"] == f"{exhibit.receipt.root.hex()} (agrees)"
    assert clear_margins(render_pdf(exhibit, BOTH))


def test_the_words_of_storage_are_those_of_the_chain(made: Exhibits) -> None:
    for exhibit in (made.valid, made.operator, made.handed_over):
        text = said(part(exhibit, "en"))
        facts = exhibit.report.facts
        assert facts is not None
        assert facts.anchor is not None
        anchor = facts.anchor
        word = anchor.size << 128 | anchor.block << 64 | anchor.time
        assert word.to_bytes(32).hex() in text
        assert facts.key is not None
        assert text.count(facts.key.x.hex()) == 2
    assert re.search(r"entry\d+\(frombit\d+,thelowestbeing0\)=0", said(part(made.valid, "en")))
    revoked = part(made.revoked, "en")
    assert re.search(r"entry\d+\(frombit\d+,thelowestbeing0\)=1", said(revoked))
    # What the other two words say is said of them alone.
    assert "never revoked" not in repr(revoked)
    assert repr(revoked).count("(this word alone; see the word of statuses, too)") == 2


def test_who_sealed_is_told_with_the_seals_and_changes(made: Exhibits) -> None:
    exhibit = made.handed_over
    assert exhibit.header is not None
    text = said(part(exhibit, "en"))
    pairs = qbft.signed_seals(exhibit.header.encoded)
    assert len(pairs) >= qbft.quorum(5)
    for address, seal in pairs:
        assert f"('0x{address.hex()}','{seal.hex()}')" in text
    assert qbft.seal_hash(exhibit.header).hex() in text
    assert "1sincetheblockthatthetrustfilenames" in text
    assert re.search(r"Fromblock\d+onthevalidatorsareothers", text)
    assert "Fromblock" not in said(part(made.valid, "en"))


def command(*arguments: str) -> Done:
    return run_command(app, "evidence", "report", *arguments)


def test_the_command_writes_what_was_found(
    made: Exhibits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, code in (("valid", 0), ("operator", 0), ("revoked", 1), ("unreadable", 3)):
        exhibit: Exhibit = getattr(made, name)
        file, trust = tmp_path / f"{name}.ecert-evidence", tmp_path / f"{name}.json"
        file.write_bytes(exhibit.package.data)
        trust.write_bytes(exhibit.trust.data)
        for suffix, begins in ((".html", b"<!doctype html>"), (".PDF", b"%PDF-")):
            output = tmp_path / f"{name}{suffix}"
            done = command(str(file), "--trust", str(trust), "-o", str(output), "--lang", "en")
            assert done.code == code, done.err
            assert exhibit.report.report.headline("en") in done.out
            assert output.read_bytes().startswith(begins)
            assert output.stat().st_mode & 0o077 == 0
    asked = made.undecided.asked
    assert asked is not None
    output = tmp_path / "late.html"
    given = (str(tmp_path / "valid.ecert-evidence"), "--trust", str(tmp_path / "valid.json"))
    early = command(*given, "-o", str(output), "--at", asked)
    assert (early.code, early.err.split()[0]) == (2, "evidence_asked_of_future")
    monkeypatch.setattr("verifier.evidence.cli.utc_now", lambda: made.undecided.made_at)
    assert command(*given, "-o", str(output), "--at", asked).code == 2
    assert f"--at {asked}" in check_alone(output.read_text("utf-8")).text


def test_a_later_time_than_the_blocks_is_told_from_what_is_proved(made: Exhibits) -> None:
    between = "evidence_proves_not_between"
    assert between in made.undecided.report.limits
    assert between not in made.valid.report.limits
    block, asked = made.undecided.report.block.time, made.undecided.report.asked
    for language in BOTH:
        sentence = made.undecided.report.sentence(between, language)
        assert time_text(block) in sentence
        assert time_text(asked) in sentence
        proved = made.valid.report.sentence("evidence_proves_status", language)
        assert time_text(made.valid.report.block.time) in proved


def test_what_cannot_be_checked_has_no_report(made: Exhibits, tmp_path: Path) -> None:
    file, trust = tmp_path / "a.ecert-evidence", tmp_path / "trust.json"
    file.write_bytes(made.valid.package.data)
    trust.write_bytes(made.valid.trust.data)
    broken = tmp_path / "b.ecert-evidence"
    broken.write_bytes(file.read_bytes()[:-1] + b"\0")
    pinned = ("--trust", str(trust))
    for arguments, code, name in (
        ((str(file), *pinned, "-o", str(tmp_path / "out.docx")), 3, "report_suffix_unknown"),
        ((str(file), *pinned, "-o", str(tmp_path / "out")), 3, "report_suffix_unknown"),
        ((str(broken), *pinned, "-o", str(tmp_path / "out.pdf")), 3, "evidence_manifest_differs"),
        (
            (str(file), *pinned, "-o", str(tmp_path / "out.pdf"), "--at", "2020-01-01T00:00:00Z"),
            2,
            "evidence_of_later",
        ),
    ):
        done = command(*arguments)
        assert (done.code, done.out) == (code, ""), arguments
        assert done.err.startswith(name)
    assert {path.name for path in tmp_path.iterdir()} == {file.name, trust.name, broken.name}
