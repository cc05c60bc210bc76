"""Evidence by the product's commands and interface, from a wallet to a machine with no network."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api_world import OTHER, ApiWorld, problem

from ecert.evidence import check_evidence, make_evidence
from ecert.fields import hex_text
from ecert.kinds import Catalogue
from ecert.limits import MAX_TIMESTAMP_BYTES
from ecert.report import Verdict
from registry.errors import SettingsError
from registry.evidence.authority import TimestampAuthority
from registry.evidence.service import Prover
from registry.settings import Settings
from tests.fakes.console import Done, run_command
from tests.fakes.raw_server import http, raw_server
from tests.fakes.timestamp_authority import Authority, serving
from tests.integration.test_wallet_claim import added, code_for, directory, rpc, wallet
from verifier.cli import app
from verifier.evidence.text import render_evidence

CATALOGUE = Catalogue.load()
LATER = datetime.now(UTC) + timedelta(days=200)
# The program finds the modules where the test does; sockets are taken away before anything else.
ALONE = """
import socket, sys
def refuse(*_, **__): raise AssertionError("network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from verifier.cli import main
main()
"""


@pytest.fixture(scope="module")
def issued(api: ApiWorld) -> list[str]:
    return api.issue(4, seed=71)


@pytest.fixture(scope="module")
def working(api: ApiWorld, issued: list[str]) -> Iterator[ApiWorld]:
    assert issued
    stop = threading.Event()
    thread = threading.Thread(target=api.worker.run, args=[stop])
    thread.start()
    yield api
    stop.set()
    thread.join()


@pytest.fixture
def trust(working: ApiWorld) -> Path:
    return directory(working) / "trust.json"


@pytest.fixture(scope="module")
def kept(
    working: ApiWorld, issued: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A wallet with a document."""
    home = tmp_path_factory.mktemp("wallet")
    pinned = str(directory(working) / "trust.json")
    assert wallet(home, "--rpc", rpc(working), "trust", pinned).code == 0
    return home, added(wallet(home, "add", code_for(working, issued[0])))


def check(*arguments: str) -> Done:
    return run_command(app, "evidence", "check", *arguments)


@pytest.mark.parametrize("source", ["registry", "node"])
def test_a_wallet_makes_what_a_machine_without_network_checks(
    working: ApiWorld, kept: tuple[Path, str], trust: Path, tmp_path: Path, source: str
) -> None:
    home, entry = kept
    file = tmp_path / "deed.ecert-evidence"
    asked = ("evidence", entry, "-o", str(file), "--disclose", "name,birth_date")
    if source == "registry":
        (home / "nodes.json").unlink(missing_ok=True)
        done = wallet(home, *asked)
    else:
        done = wallet(home, "--rpc", rpc(working), *asked)
    assert done.code == 0, done.err
    assert "showing: name, birth_date" in done.out
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, "evidence", "check", str(file), "--trust", str(trust)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "VALID" in ran.stdout
    assert set(tmp_path.iterdir()) == {file}  # nothing was kept
    said = json.loads(check(str(file), "--trust", str(trust), "--json").out)
    assert set(said["document"]["claims"]) == {"name", "birth_date"}
    assert said["basis"]["code"] == "operator"
    assert said["package"]["bytes"] == file.stat().st_size
    assert file.stat().st_mode & 0o077 == 0


def test_what_the_paper_shows_is_shown_unless_told_otherwise(
    kept: tuple[Path, str], trust: Path, tmp_path: Path
) -> None:
    home, entry = kept
    file = tmp_path / "a.ecert-evidence"
    assert wallet(home, "evidence", entry, "-o", str(file)).code == 0
    claims = json.loads(check(str(file), "--trust", str(trust), "--json").out)["document"]["claims"]
    assert set(claims) == set(CATALOGUE.kind("resident-id").face) & set(claims)
    assert len(claims) > 3


def test_errors_of_the_wallet(kept: tuple[Path, str], tmp_path: Path) -> None:
    home, entry = kept
    done = wallet(home, "evidence", entry, "-o", str(tmp_path / "a"), "--disclose", "nonsense")
    assert done.err.startswith("claim_not_found")
    done = wallet(home, "evidence", "ffffffff", "-o", str(tmp_path / "a"))
    assert done.err.startswith("document_not_found")
    done = wallet(home, "--rpc", "http://127.0.0.1:9", "evidence", entry, "-o", str(tmp_path / "a"))
    assert (done.code, done.err.splitlines()[0]) == (2, "rpc_unreachable")
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_written_over_unless_told_to(
    kept: tuple[Path, str], trust: Path, tmp_path: Path
) -> None:
    home, entry = kept
    file = tmp_path / "a.ecert-evidence"
    file.write_bytes(b"dear to somebody")
    done = wallet(home, "evidence", entry, "-o", str(file))
    assert (done.code, done.err.splitlines()[0]) == (3, "file_exists")
    assert file.read_bytes() == b"dear to somebody"
    assert wallet(home, "evidence", entry, "-o", str(file), "--force").code == 0
    assert check(str(file), "--trust", str(trust)).code == 0
    done = wallet(home, "evidence", entry, "-o", str(tmp_path / ("a" * 300)))
    assert (done.code, done.err.splitlines()[0]) == (3, "file_unwritable")


def test_a_verifier_that_is_handed_a_package_asks_anew(
    working: ApiWorld, kept: tuple[Path, str], trust: Path, tmp_path: Path
) -> None:
    """A live check answers for now, from its own source, whatever the package proves of then."""
    home, entry = kept
    file = tmp_path / "a.ecert-evidence"
    assert wallet(home, "evidence", entry, "-o", str(file)).code == 0
    folder = ("--home", str(tmp_path / "verifier"))
    assert run_command(app, *folder, "--rpc", rpc(working), "trust", str(trust)).code == 0
    done = run_command(app, *folder, "check", str(file), "--json")
    assert (done.code, json.loads(done.out)["verdict"]) == (0, "valid"), done.err
    down = run_command(app, *folder, "--rpc", "http://127.0.0.1:9", "check", str(file), "--json")
    assert (down.code, json.loads(down.out)["verdict"]) == (2, "undecided")
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    damaged = run_command(app, *folder, "check", str(file), "--json")
    step = json.loads(damaged.out)["steps"][0]
    assert (damaged.code, step["code"]) == (3, "evidence_manifest_differs")
    file.write_bytes(file.read_bytes()[:4000])
    cut = run_command(app, *folder, "check", str(file), "--json")
    step = json.loads(cut.out)["steps"][0]
    assert (cut.code, step["code"]) == (3, "evidence_malformed")


def test_errors_of_the_check(kept: tuple[Path, str], trust: Path, tmp_path: Path) -> None:
    home, entry = kept
    file = tmp_path / "a.ecert-evidence"
    assert wallet(home, "evidence", entry, "-o", str(file)).code == 0
    pinned = ("--trust", str(trust))
    broken = tmp_path / "b.ecert-evidence"
    data = file.read_bytes()
    broken.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    cut = tmp_path / "c.ecert-evidence"
    cut.write_bytes(data[: len(data) // 2])
    for arguments, code, name in (
        ((str(broken), *pinned), 3, "evidence_manifest_differs"),
        ((str(tmp_path / "none"), *pinned), 3, "file_unreadable"),
        ((str(cut), *pinned), 3, "evidence_malformed"),
        ((str(trust), *pinned), 3, "evidence_unrecognised"),
        ((str(file), "--trust", str(file)), 2, "trust_file_malformed"),
        ((str(file), "--trust", str(tmp_path / "none")), 2, "file_unreadable"),
        ((str(file), *pinned, "--at", LATER.isoformat()), 2, "evidence_asked_of_future"),
        ((str(file), *pinned, "--at", "tomorrow"), 3, "time_argument_malformed"),
        ((str(file), *pinned, "--at", "2026-11-28T08:00:00"), 3, "time_argument_malformed"),
        ((str(file), *pinned, "--at", "2020-01-01T00:00:00Z"), 2, "evidence_of_later"),
    ):
        done = check(*arguments)
        assert (done.code, done.out) == (code, ""), arguments
        assert done.err.startswith(name)
        assert "Traceback" not in done.err
    report = ("report", str(file), "-o", str(tmp_path / "a.html"))
    for command in (("evidence", "check", str(file)), ("evidence", *report), ("check", str(file))):
        done = run_command(app, "--home", str(tmp_path / "home"), *command)
        assert (done.code, done.err.splitlines()[0]) == (2, "trust_not_pinned"), command


def test_a_clock_after_the_trust_files_end(
    kept: tuple[Path, str], trust: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, entry = kept
    file = tmp_path / "a.ecert-evidence"
    assert wallet(home, "evidence", entry, "-o", str(file)).code == 0
    years = datetime.now(UTC) + timedelta(days=3650)
    monkeypatch.setattr("verifier.evidence.cli.utc_now", lambda: years)
    pinned = ("--trust", str(trust))
    assert check(str(file), *pinned).code == 0
    done = check(str(file), *pinned, "--at", years.isoformat())
    assert (done.code, done.err.splitlines()[0]) == (2, "evidence_asked_after_trust")


def test_an_officer_gets_a_package_of_the_departments_own(
    working: ApiWorld, issued: list[str], trust: Path
) -> None:
    path = f"/v1/documents/{issued[1]}/evidence"
    with working.client("clerk") as clerk:
        for disclose, fewer in (("face", True), ("all", False)):
            answer = clerk.get(path, params={"disclose": disclose})
            assert answer.status_code == 200, answer.text
            report = check_evidence(
                answer.content, trust.read_bytes(), CATALOGUE, now=datetime.now(UTC)
            )
            assert report.verdict is Verdict.VALID
            assert report.report.subject is not None
            shown = set(report.report.subject.claims)
            assert (shown <= set(CATALOGUE.kind("resident-id").face)) is fewer or not fewer
    with working.client("other-clerk") as other:
        assert problem(other.get(path)) == "document_unknown"
    with working.client() as nobody:
        assert nobody.get(path).status_code == 401


def test_anybody_gets_a_proof_and_no_content(working: ApiWorld) -> None:
    asked = {
        "department": OTHER, "key": hex_text(bytes(32)), "kind": "resident-id",
        "digest": hex_text(b"d" * 32), "root": hex_text(b"r" * 32), "list": 0, "index": 0,
    }  # fmt: skip
    with working.client() as public:
        answer = public.post("/v1/evidence/proofs", json=asked)
        assert answer.status_code == 200  # that there is nothing is proved as well
        for change in (
            {"root": "0x00"}, {"index": 1 << 20}, {"list": -1}, {"kind": "ü"}, {"more": 1},
            {"department": "x" * 21},
        ):  # fmt: skip
            refused = public.post("/v1/evidence/proofs", json=asked | change)
            assert problem(refused) == "api_request_invalid", change


def test_a_registry_asks_for_a_timestamp_once_for_each_block(
    working: ApiWorld, issued: list[str], trust: Path
) -> None:
    authority = Authority()
    with serving(authority) as url:
        prover = prover_with(working, url)
        for position in (1, 2):
            data = package(working, issued[position], prover)
    assert authority.answered == 1
    report = check_evidence(data, trust.read_bytes(), CATALOGUE, now=datetime.now(UTC))
    # The trust file names no authority.
    assert (report.verdict, report.stamped, report.timestamp) == (Verdict.VALID, True, None)
    assert "evidence_time_operator" in report.limits
    assert "not checked" in render_evidence(report, ("en",), CATALOGUE)


def test_what_was_learnt_of_the_chain_is_kept_between_proofs(working: ApiWorld) -> None:
    """To follow the validators anew for everybody who asks may take thousands of headers."""
    prover = Prover(working.registry)
    kept = prover._gatherer(prover.trust())
    assert prover._gatherer(prover.trust()) is kept
    other = copy(prover.trust())
    other.data += b" "
    assert prover._gatherer(other) is not kept


LIES = {
    "nonce": Authority(lies={"nonce": 1}),
    "imprint": Authority(lies={"imprint": b"i" * 32}),
}


@pytest.mark.parametrize("lie", LIES)
def test_another_answer_is_no_timestamp(
    working: ApiWorld, issued: list[str], trust: Path, lie: str
) -> None:
    with serving(LIES[lie]) as url:
        data = package(working, issued[2], prover_with(working, url))
    unstamped(data, trust)
    assert LIES[lie].answered


@pytest.mark.parametrize("body", [b"", b"garbage", bytes(MAX_TIMESTAMP_BYTES + 1)], ids=len)
@pytest.mark.parametrize("status", ["200 OK", "500 Broken"])
def test_what_an_authority_gets_wrong_costs_the_timestamp_alone(
    working: ApiWorld, issued: list[str], trust: Path, body: bytes, status: str
) -> None:
    with raw_server(http(body, status=status)) as server:
        data = package(working, issued[2], prover_with(working, f"{server.url}/tsa"))
        assert server.requests
    unstamped(data, trust)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://tsa.example/tsr", True),
        ("http://127.0.0.1:3161", True),
        ("http://tsa.example", False),
        ("ftp://tsa.example", False),
        ("https://", False),
    ],
)
def test_an_authority_is_asked_over_tls(working: ApiWorld, url: str, good: bool) -> None:
    values = working.registry.settings.model_dump() | {"timestamp_url": url}
    if good:
        assert Settings(**values).timestamp_url == url
    else:
        with pytest.raises(SettingsError, match="timestamp_url_not_https"):
            Settings(**values)


def prover_with(api: ApiWorld, url: str) -> Prover:
    prover = Prover(api.registry)
    prover._authority = TimestampAuthority(url)
    return prover


def package(api: ApiWorld, document: str, prover: Prover) -> bytes:
    with api.client("clerk") as clerk:
        file = clerk.get(f"/v1/documents/{document}/file").content
    data, _ = make_evidence(file, prover.trust(), prover.prove, now=datetime.now(UTC))
    return data


def unstamped(data: bytes, trust: Path) -> None:
    report = check_evidence(data, trust.read_bytes(), CATALOGUE, now=datetime.now(UTC))
    assert (report.verdict, report.stamped) == (Verdict.VALID, False)
