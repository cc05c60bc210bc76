"""The verifier's command: every exit code, online and offline, on a real chain's documents."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_world import ApiWorld, upload
from registry_world import DEPARTMENT

from ecert import sd_jwt
from ecert.document import DocumentFile
from ecert.encoding import b64url_encode
from ecert.kinds import Catalogue
from ecert.signing import SoftwareSigner
from registry.documents.models import Artefact, ArtefactForm
from registry.documents.signing import sign_approved
from registry.trust import issue_trust
from tests.fakes.console import Done, run_command
from tests.integration.papers_world import (  # noqa: F401  # fixtures
    AUDIENCE,
    NONCE,
    Held,
    Papers,
    altered,
    held,
    issued,
    papers,
    picture,
)
from verifier.cli import app
from verifier.replay import FILE as REPLAY

CHALLENGE = bytes(range(16))
ASKED = ("--audience", AUDIENCE, "--nonce", NONCE)
NOWHERE = "http://127.0.0.1:9"
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def home(api: ApiWorld, held: Held, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verifier that has pinned the trust file and synced."""
    assert held
    folder = tmp_path_factory.mktemp("verifier")
    settings = api.registry.settings
    done = run_command(
        app, "--home", str(folder), "--rpc", str(settings.rpc_url), "trust",
        str(settings.directory / "trust.json"),
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    synced = run_command(app, "--home", str(folder), "sync")
    assert (synced.code, synced.err) == (0, "")
    assert "block" in synced.out
    return folder


def verifier(home: Path, *arguments: str, stdin: bytes | str = b"") -> Done:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    return run_command(app, "--home", str(home), *arguments, stdin=data)


def check(home: Path, data: bytes | str, *arguments: str, name: str = "-") -> tuple[str, int]:
    """Return verdict and exit code, by standard input or by a file of this name."""
    if name != "-":
        path = home / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        done = verifier(home, "check", str(path), "--json", *arguments)
    else:
        done = verifier(home, "check", "-", "--json", *arguments, stdin=data)
    assert done.err == ""
    report = json.loads(done.out)
    assert report["exit_code"] == done.code
    return report["verdict"], done.code


def told(done: Done, code: int, name: str) -> None:
    """The error came with its code and a sentence in each language, on stderr alone."""
    assert (done.code, done.out) == (code, ""), done.err
    first, zh, en = done.err.splitlines()
    assert first == name
    assert CHINESE.search(zh)
    assert not CHINESE.search(en)


# -- 0: valid, whatever it is given as


@pytest.mark.parametrize("network", [(), ("--offline",)])
@pytest.mark.parametrize("form", ["file", "pdf", "card", "png", "jpg"])
def test_what_was_issued_is_valid_in_every_form(
    home: Path, papers: list[Papers], form: str, network: tuple[str, ...]
) -> None:
    paper = papers[0]
    data: bytes | str = {
        "file": paper.file,
        "pdf": paper.pdf,
        "card": paper.card + "\n",
        "png": picture(paper.card, *([paper.lookup] if network else [])),
        "jpg": picture(paper.card, kind="JPEG"),
    }[form]
    for name in ("-", f"a.{form}", "misnamed.txt"):
        assert check(home, data, *network, name=name) == ("valid", 0)


def test_an_sd_jwt_without_receipt_is_looked_up(home: Path, papers: list[Papers]) -> None:
    text = DocumentFile.from_bytes(papers[0].file).presentation
    assert check(home, text + "\n") == ("valid", 0)
    assert check(home, text, "--offline") == ("undecided", 2)


def test_a_look_up_address_leads_to_the_document(home: Path, papers: list[Papers]) -> None:
    assert check(home, papers[0].lookup) == ("valid", 0)
    assert check(home, picture(papers[0].lookup), name="a.png") == ("valid", 0)
    assert check(home, papers[0].lookup, "--offline") == ("undecided", 2)


def test_a_presentation_and_a_card_prove_their_holder(home: Path, held: Held) -> None:
    shown = held.presentation("name", "birth_date")
    for network in ((), ("--offline",)):
        assert check(home, shown, *ASKED, "--require-holder", *network) == ("valid", 0)
    asked = ("--challenge", b64url_encode(CHALLENGE), "--require-holder")
    card = held.shown_card(CHALLENGE)
    assert check(home, picture(card), *asked, name="card.png") == ("valid", 0)
    assert check(home, held.shown_card()) == ("valid", 0)


# -- 1: not valid


@pytest.mark.parametrize("network", [(), ("--offline",)])
def test_what_was_altered_is_not_valid(
    home: Path, papers: list[Papers], network: tuple[str, ...]
) -> None:
    assert check(home, altered(papers[0].file), *network) == ("tampered", 1)
    other = DocumentFile.from_bytes(papers[1].file).receipt
    text = DocumentFile.from_bytes(papers[0].file).presentation
    swapped = DocumentFile(text, other).to_bytes()
    assert check(home, swapped, *network) == ("receipt_false", 1)


def test_what_no_department_signed_is_not_valid(home: Path, papers: list[Papers]) -> None:
    """A forger's own key, in perfect form."""
    file = DocumentFile.from_bytes(papers[0].file)
    payload = sd_jwt.parse(file.presentation).payload
    clear = {name: value for name, value in payload.items() if name not in ("_sd", "_sd_alg")}
    forged = sd_jwt.issue(clear, disclosable={"name": "林晓雨"}, signer=SoftwareSigner.generate())
    data = DocumentFile(forged.text, file.receipt).to_bytes()
    assert check(home, data) == ("issuer_not_authorised", 1)


def test_a_holder_who_does_not_prove_it_is_refused(
    home: Path, held: Held, papers: list[Papers]
) -> None:
    elsewhere = ("--audience", "https://else.example", "--nonce", NONCE)
    shown = held.presentation("name")
    assert check(home, shown, *elsewhere) == ("holder_not_proven", 1)
    assert check(home, papers[0].file, "--require-holder") == ("holder_not_proven", 1)
    assert check(home, held.card) == ("holder_not_proven", 1)  # it identifies nobody
    card = held.shown_card(CHALLENGE)
    assert check(home, card) == ("holder_not_proven", 1)  # for somebody's challenge


def test_a_card_shown_again_is_refused_by_the_next_process(home: Path, held: Held) -> None:
    card, asked = held.shown_card(b"a second one"), ("--challenge", b64url_encode(b"a second one"))
    assert check(home, card, *asked) == ("valid", 0)
    assert check(home, card, *asked) == ("holder_not_proven", 1)
    assert check(home, card, *asked, "--offline") == ("holder_not_proven", 1)
    assert (home / REPLAY).is_file()


def test_a_withdrawn_document_is_not_valid_and_a_snapshot_learns_it_by_sync(
    api: ApiWorld, home: Path, papers: list[Papers], issued: list[str]
) -> None:
    def act(name: str) -> None:
        path = f"/v1/documents/{issued[3]}/{name}"
        assert approver.post(path, json={"reason": "For a test"}).status_code == 200
        api.drain()

    file, whole = papers[3].file, picture(papers[2].card, papers[3].card)
    with api.client("approver") as approver:
        for name, verdict, code in (
            ("suspend", "suspended", 1),
            ("reinstate", "valid", 0),
            ("revoke", "revoked", 1),
        ):
            act(name)
            assert check(home, file) == (verdict, code)
    assert check(home, file, "--offline") == ("valid", 0)
    assert verifier(home, "sync").code == 0
    assert check(home, file, "--offline") == ("revoked", 1)
    done = verifier(home, "check", "-", "--json", stdin=whole)
    assert done.code == 1  # two in one picture: the one that is not valid decides
    assert sorted(report["verdict"] for report in json.loads(done.out)) == ["revoked", "valid"]


# -- 2: cannot be decided


def test_what_is_signed_and_not_yet_anchored_waits(api: ApiWorld, home: Path) -> None:
    with api.client("clerk") as clerk, api.client("approver") as approver:
        job = upload(clerk, 1, seed=95).json()["id"]
        approver.post("/v1/documents/approve", json={"import_id": job})
        document = clerk.get("/v1/documents", params={"import_id": job}).json()["documents"][0]
    with api.registry.database.transaction() as session:
        assert sign_approved(session, api.registry.context, 10)
    with api.registry.reading() as services:
        actor = services.officers.authenticate(api.tokens["clerk"])
        artefacts: list[Artefact] = list(services.documents.artefacts(actor, document["id"]))
    (text,) = (a.text for a in artefacts if a.form == ArtefactForm.SD_JWT)
    verdict, code = check(home, text)
    assert (verdict in ("undecided", "not_yet_anchored"), code) == (True, 2)
    api.drain()
    assert check(home, text) == ("valid", 0)


def test_a_network_that_does_not_answer_decides_nothing(home: Path, papers: list[Papers]) -> None:
    done = run_command(
        app, "--home", str(home), "--rpc", NOWHERE, "check", "-", "--json", stdin=papers[0].file
    )
    assert (json.loads(done.out)["verdict"], done.code) == ("undecided", 2)
    told(run_command(app, "--home", str(home), "--rpc", NOWHERE, "sync"), 2, "rpc_unreachable")


def test_without_trust_nothing_is_decided(
    api: ApiWorld, home: Path, papers: list[Papers], tmp_path: Path
) -> None:
    told(verifier(tmp_path, "check", "-", stdin=papers[0].file), 2, "trust_not_pinned")
    with api.registry.reading() as services:
        expired = issue_trust(services, lifetime=-10)
    (tmp_path / "trust.json").write_bytes(expired)
    told(verifier(tmp_path, "check", "-", stdin=papers[0].file), 2, "trust_expired")
    told(verifier(tmp_path, "trust", str(tmp_path / "trust.json")), 1, "trust_expired")
    (tmp_path / "trust.json").write_bytes(b"{}")
    done = verifier(tmp_path, "check", "-", stdin=papers[0].file)
    assert (done.code, done.out) == (2, "")
    (tmp_path / "trust.json").write_bytes((home / "trust.json").read_bytes())
    told(verifier(tmp_path, "check", "-", stdin=papers[0].file), 2, "rpc_url_missing")
    told(verifier(tmp_path, "check", "-", "--offline", stdin=papers[0].file), 2, "snapshot_missing")
    told(verifier(home, "check", "-", "--challenge", "!", stdin=b"x"), 2, "base64url_malformed")


# -- 3: unreadable, and 64: not understood


def test_what_cannot_be_read_is_unreadable(home: Path, papers: list[Papers]) -> None:
    for data in (b"", b"not a certificate", b"%PDF-1.7 nothing", picture("an advertisement")):
        assert check(home, data) == ("unreadable", 3)
    told(verifier(home, "check", str(home / "nowhere.pdf")), 3, "file_unreadable")
    told(verifier(home, "check", str(home)), 3, "file_unreadable")
    text = DocumentFile.from_bytes(papers[0].file).presentation
    for content in (papers[0].card, papers[0].lookup, text):
        done = verifier(home, "check", content)
        told(done, 3, "source_is_content")
        assert content not in done.err


@pytest.mark.parametrize(
    "arguments",
    [(), ("check",), ("check", "a", "b"), ("chek", "a"), ("check", "a", "--lang", "fr")],
)
def test_what_was_not_understood_is_no_verdict(home: Path, arguments: tuple[str, ...]) -> None:
    done = verifier(home, *arguments)
    assert done.code == 64
    assert done.err.startswith("usage_wrong\n")


# -- what is printed


def test_a_person_reads_both_languages_or_one(home: Path, papers: list[Papers]) -> None:
    both = verifier(home, "check", "-", stdin=papers[0].file).out
    zh = verifier(home, "check", "-", "--lang", "zh", stdin=papers[0].file).out
    en = verifier(home, "check", "-", "--lang", "en", stdin=papers[0].file).out
    assert both.startswith("✔ VALID\n")
    assert "有效" in both
    assert "Valid" in both
    assert zh.startswith("✔ 有效\n")
    words = re.sub(r"SD-JWT|\([a-z-]+\)|\d[T\d:-]+Z", "", zh.partition("内容")[0])
    assert not re.search("[A-Za-z]{3}", words), words
    content = en.partition("Content")[0].partition("VALID")[2]
    assert not CHINESE.search(content)
    for step in range(10):
        assert re.search(rf"^  {step} [✔–] ", both, re.MULTILINE), step
    kind = Catalogue.load().kind("resident-id")
    for name in kind.face[:3]:
        assert kind.label(name, "zh") in zh
        assert kind.label(name, "en") in en
    assert f'allowed to issue "{kind.names["en"]} (resident-id)"' in en
    assert f"“{kind.names['zh']} (resident-id)”" in zh
    assert re.search(rf"Issuing authority: .+ \({DEPARTMENT}\)$", en, re.MULTILINE)


def test_what_is_not_valid_shows_no_content(home: Path, papers: list[Papers]) -> None:
    out = verifier(home, "check", "-", stdin=altered(papers[0].file)).out
    assert out.startswith("✘ TAMPERED\n")
    assert "Content" not in out


def test_a_newer_trust_file_is_taken_and_an_older_one_refused(
    api: ApiWorld, home: Path, tmp_path: Path
) -> None:
    with api.registry.reading() as services:
        versions = [issue_trust(services, version=number) for number in (1, 2)]
    files = [tmp_path / "1.json", tmp_path / "2.json"]
    for file, data in zip(files, versions, strict=True):
        file.write_bytes(data)
    assert verifier(tmp_path, "trust", str(files[0])).code == 0
    done = verifier(tmp_path, "trust", str(files[1]))
    assert (done.code, "version 2" in done.out) == (0, True)
    refused = verifier(tmp_path, "trust", str(files[0]))
    assert (refused.code, refused.out) == (1, "")
    assert home


@pytest.fixture(scope="module", autouse=True)
def _no_environment() -> Iterator[None]:
    """The folder and the node are named by the tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("VERIFIER_HOME", "ECERT_RPC"):
            patch.delenv(name, raising=False)
        yield
