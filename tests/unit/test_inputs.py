"""From whatever a person has at hand to what is verified, and to one report for each document."""

import io
from collections.abc import Callable

import pytest
import segno
from pdf_samples import pdf_with
from PIL import Image

from ecert import card, lookup
from ecert.artefact import MAX_INPUT_BYTES, Expectation
from ecert.errors import EcertError, MalformedError, UnavailableError
from ecert.limits import MAX_EVIDENCE_BYTES
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from tests.fakes.world import NOW, POLICE, World
from verifier.checker import Checker
from verifier.inputs import MAX_FILE_BYTES, Fetch, read_input
from verifier.text import exit_code
from wallet.qr_write import write_qr

ORIGIN = "https://registry.example"
BLANK = "\N{SPACE}"


def nowhere(_: lookup.LookupUrl) -> bytes:
    raise AssertionError("nothing was to be fetched")


def failing(code: str) -> Fetch:
    def fetch(url: lookup.LookupUrl) -> bytes:
        raise UnavailableError(code, origin=url.origin, reason="test")

    return fetch


@pytest.fixture
def world() -> World:
    return World()


def printed(world: World, index: int = 8) -> str:
    """A card as it is printed: without holder, with its receipt."""
    issued = world.issue_card("full", holder=None, index=index)
    return card.with_receipt(issued.text, world.anchor(issued.digest)[0].compact())


def paper(world: World) -> bytes:
    issued = world.issue()
    return world.file(issued.text, world.anchor(issued.digest)[0])


def picture(*texts: str, kind: str = "PNG") -> bytes:
    codes = []
    for text in texts:
        if text.startswith(card.PREFIX):
            codes.append(Image.open(io.BytesIO(write_qr(text, scale=4).png)).convert("L"))
            continue
        file = io.BytesIO()
        segno.make_qr(text).save(file, kind="png", scale=4, border=6)
        codes.append(Image.open(file).convert("L"))
    sheet = Image.new("L", (sum(c.width for c in codes), max(c.height for c in codes)), 255)
    left = 0
    for code in codes:
        sheet.paste(code, (left, 0))
        left += code.width
    file = io.BytesIO()
    sheet.save(file, kind)
    return file.getvalue()


WRAPPINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "a last line": lambda data: data + b"\n",
    "Windows lines": lambda data: b"\r\n" + data + b"\r\n\r\n",
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data + b"\n",
    "blanks": lambda data: b"  \t" + data + b"   ",
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("form", ["file", "sd-jwt", "card"])
def test_texts_are_read_however_they_were_saved(world: World, wrapping: str, form: str) -> None:
    data = paper(world)
    if form == "sd-jwt":
        data = data.partition(b'"presentation":"')[2].partition(b'"')[0]
    elif form == "card":
        data = printed(world).encode()
    (report,) = Checker(world.verifier(lookup=True), None).check(WRAPPINGS[wrapping](data), now=NOW)
    assert report.verdict is Verdict.VALID, report


def test_the_blanks_of_a_card_are_its_own(world: World) -> None:
    """Base45 has a blank among its characters: at the start, doubled, anywhere but at the end."""
    checker = Checker(world.verifier(), None)
    seen = {"first": False, "doubled": False, "inside": False}
    for index in range(400):
        text = printed(world, index=index)
        body = text.removeprefix(card.PREFIX)
        assert not body.endswith(BLANK)
        found = {
            "first": body.startswith(BLANK),
            "doubled": BLANK * 2 in body,
            "inside": BLANK in body[1:-1],
        }
        if any(found[name] and not seen[name] for name in found):
            (report,) = checker.check(text.encode() + b"\n", now=NOW)
            assert report.verdict is Verdict.VALID
            (stripped,) = checker.check(text.replace(BLANK, "").encode(), now=NOW)
            assert stripped.verdict is not Verdict.VALID
            seen = {name: seen[name] or found[name] for name in seen}
        if all(seen.values()):
            break
    assert seen["inside"]
    assert seen["doubled"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_gives_a_report_for_each_document(world: World, kind: str) -> None:
    texts = [printed(world, 8), printed(world, 9), "https://elsewhere.example/advert"]
    checker = Checker(world.verifier(), None)
    reports = checker.check(picture(*texts, kind=kind), now=NOW)
    assert [report.verdict for report in reports] == [Verdict.VALID] * 2
    world.statuses[POLICE, 1, 9] = 1
    reports = checker.check(picture(*texts, kind=kind), now=NOW)
    assert {report.verdict for report in reports} == {Verdict.VALID, Verdict.REVOKED}
    assert exit_code(reports) == 1


def test_a_pdf_gives_its_attachment(world: World) -> None:
    (found,) = read_input(pdf_with(paper(world)), nowhere)
    assert found.source == "pdf"
    (report,) = Checker(world.verifier(), None).check(pdf_with(paper(world)), now=NOW)
    assert report.verdict is Verdict.VALID


def test_a_look_up_code_is_fetched_and_opened(world: World) -> None:
    file = paper(world)
    sealed = lookup.seal(file)
    asked: list[lookup.LookupUrl] = []

    def fetch(url: lookup.LookupUrl) -> bytes:
        asked.append(url)
        return sealed.ciphertext

    url = lookup.url_of(ORIGIN, sealed)
    for data in (url.encode(), picture(url)):
        (found,) = read_input(data, fetch)
        assert (found.source, found.data, found.error) == ("lookup", file, None)
    assert {(each.origin, each.id) for each in asked} == {(ORIGIN, sealed.id)}


@pytest.mark.parametrize("code", ["lookup_offline", "registry_unreachable"])
def test_of_a_papers_two_codes_the_one_that_can_be_read_is_enough(world: World, code: str) -> None:
    url = lookup.url_of(ORIGIN, lookup.seal(paper(world)))
    (found,) = read_input(picture(url, printed(world)), failing(code))
    assert (found.source, found.error) == ("picture", None)
    (alone,) = read_input(picture(url), failing(code))
    assert alone.error is not None
    assert alone.error.code == code


@pytest.mark.parametrize("code", ["lookup_origin_unknown", "registry_refused"])
def test_a_code_that_leads_nowhere_good_is_told_beside_the_other(world: World, code: str) -> None:
    url = lookup.url_of("https://forger.example", lookup.seal(b"{}"))
    found = read_input(picture(printed(world), url), failing(code))
    assert sorted(each.error.code if each.error else "" for each in found) == ["", code]


def test_a_forged_entry_hides_nothing_and_is_hidden_by_nothing(world: World) -> None:
    url = lookup.url_of(ORIGIN, lookup.seal(paper(world)))
    other = lookup.seal(b"{}").ciphertext
    found = read_input(picture(url, printed(world)), lambda _: other)
    assert sorted(each.error.code if each.error else "" for each in found) == [
        "",
        "lookup_not_opened",
    ]


def test_offline_a_look_up_code_decides_nothing(world: World) -> None:
    url = lookup.url_of(ORIGIN, lookup.seal(paper(world)))
    (report,) = Checker(world.verifier(), None).check(url.encode(), now=NOW)
    assert (report.verdict, report.steps[0].code) == (Verdict.UNDECIDED, "lookup_offline")
    assert exit_code([report]) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n",
        b"\xef\xbb\xbf",
        b"\xff\xfe{\x00}\x00",
        b"hello",
        b"{}",
        b"[]",
        b"~",
        b"~" * 1000,
        b"EC1:",
        b"EC1:   ",
        b"EC1:" + b"A" * 5000,
        b"ec1:6BF",
        b"{" * 100_000,
        b'{"format":"ecert/1"}',
        b"https://registry.example/p#short",
        b"%PDF-1.7",
        b"%PDF-1.7\n" + b"%" * 1000,
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0" + bytes(100),
        picture("just text"),
        pdf_with(b"{}"),
        b"\xa6\x01\x70ecert-evidence/1",
        b"\xa6\x01\x70ecert-evidence/1" + bytes(MAX_EVIDENCE_BYTES),
        b"x" * (MAX_INPUT_BYTES + 1),
        b"%PDF-" + bytes(MAX_FILE_BYTES),
    ],
    ids=lambda data: f"{data[:24]!r} {len(data)}",
)
def test_what_cannot_be_read_is_unreadable_with_a_reason(world: World, data: bytes) -> None:
    (report,) = Checker(world.verifier(), None).check(data, now=NOW)
    assert (report.verdict, exit_code([report])) == (Verdict.UNREADABLE, 3)
    for language in ("zh", "en"):
        sentence = report.steps[0].message(language)
        assert sentence
        assert "<" not in sentence


def test_no_report_is_no_success() -> None:
    assert exit_code([]) == 3


def test_what_is_asked_of_the_holder_is_asked_of_each(world: World) -> None:
    holder = SoftwareSigner.generate()
    issued = world.issue_card(holder=holder.public_key)
    shown = card.with_receipt(issued.text, world.anchor(issued.digest)[0].compact())
    proven = card.with_proof(shown, holder=holder, now=NOW)
    data = picture(proven, printed(world, 9))
    reports = Checker(world.verifier(), None).check(
        data, now=NOW, expect=Expectation(required=True)
    )
    assert {r.verdict for r in reports} == {Verdict.VALID, Verdict.HOLDER_NOT_PROVEN}


def test_errors_within_reading_are_of_the_domain(world: World) -> None:
    """``read_input`` itself raises nothing else, whatever a fetch brings."""
    url = lookup.url_of(ORIGIN, lookup.seal(paper(world))).encode()
    for ciphertext in (b"", b"x", bytes(4096), b"\x01" * 1025):
        with pytest.raises(EcertError) as caught:
            read_input(url, lambda _, data=ciphertext: data)  # type: ignore[misc]
        assert isinstance(caught.value, MalformedError)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF"])
def test_a_picture_of_another_format_is_called_one(kind: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_input(picture("x", kind=kind), nowhere)
    assert caught.value.code == "image_not_supported"


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
def test_a_phones_picture_is_called_one(brand: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read_input(b"\0\0\0\x18ftyp" + brand + bytes(2_000_000), nowhere)
    assert caught.value.code == "image_not_supported"
