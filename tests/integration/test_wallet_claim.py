"""The wallet's commands against a real registry on a real chain, from claim code to verdict."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from api_world import ApiWorld
from sqlmodel import select

from ecert.artefact import Expectation
from ecert.client.online import online_verifier
from ecert.client.registry import Registries
from ecert.kinds import Catalogue
from ecert.report import Verdict
from ecert.trust import TrustStore
from ecert.verification import Verifier
from registry.documents.models import Artefact
from tests.fakes.console import Done, run_command
from wallet.cli import app

PASSPHRASE = "a wallet for tests"


@pytest.fixture(scope="module")
def working(api: ApiWorld) -> Iterator[ApiWorld]:
    """A registry whose worker runs by itself, as in real use."""
    stop = threading.Event()
    thread = threading.Thread(target=api.worker.run, args=[stop])
    thread.start()
    yield api
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def issued(api: ApiWorld) -> list[str]:
    """Anchored documents; made before the worker runs by itself."""
    return api.issue(6, seed=70)


@pytest.fixture
def home(issued: list[str], working: ApiWorld, tmp_path: Path) -> Path:
    """A wallet that has pinned the trust file."""
    assert issued
    done = wallet(tmp_path, "--rpc", rpc(working), "trust", str(directory(working) / "trust.json"))
    assert done.code == 0, done.err
    return tmp_path


def wallet(home: Path, *arguments: str) -> Done:
    given = {"WALLET_PASSPHRASE": PASSPHRASE}
    return run_command(app, "--home", str(home), *arguments, environment=given)


def rpc(api: ApiWorld) -> str:
    assert api.registry.settings.rpc_url is not None
    return api.registry.settings.rpc_url


def directory(api: ApiWorld) -> Path:
    return api.registry.settings.directory


def code_for(api: ApiWorld, document: str) -> str:
    with api.client("clerk") as clerk:
        code: str = clerk.post(f"/v1/documents/{document}/claim-code").json()["code"]
        return code


def added(done: Done) -> str:
    assert done.code == 0, done.err
    found = re.search(r"verified and kept: ([0-9a-f]{8})  ", done.out)
    assert found is not None, done.out
    return found[1]


def verifier(api: ApiWorld) -> Verifier:
    registries = Registries([api.url])
    trust = TrustStore(registries.trust(), Catalogue.load(), now=datetime.now(UTC))
    return online_verifier(trust, [rpc(api)], registries)


def claims_of(api: ApiWorld, document: str) -> set[str | None]:
    with api.registry.reading() as services:
        chosen = select(Artefact).where(Artefact.document_id == document)
        rows = services.session.exec(chosen).all()
        return {row.claim_id for row in rows} - {None}


def test_a_code_becomes_a_document_that_a_verifier_accepts(
    working: ApiWorld, issued: list[str], home: Path
) -> None:
    entry = added(wallet(home, "add", code_for(working, issued[0])))
    shown = json.loads(wallet(home, "show", entry, "--json").out)
    assert shown["cards"] == ["full", "over18"]
    assert shown["paper"] is False
    assert wallet(home, "check", entry).code == 0
    asked = ("--disclose", "name,birth_date", "--audience", "https://a.example", "--nonce", "n")
    text = wallet(home, "present", entry, *asked).out
    card = wallet(home, "card", entry, "--view", "over18").out
    for data, expect in (
        (text, Expectation(audience="https://a.example", nonce="n", required=True)),
        (card, Expectation(required=True)),
    ):
        report = verifier(working).verify(data, now=datetime.now(UTC), expect=expect)
        assert report.verdict is Verdict.VALID, report


def test_a_paper_file_is_kept_once_and_its_revocation_shows(
    working: ApiWorld, issued: list[str], home: Path
) -> None:
    file = home / "paper.ecert.json"
    with working.client("clerk") as clerk:
        path = f"/v1/documents/{issued[1]}/file"
        file.write_bytes(clerk.get(path, params={"disclose": "all"}).content)
    entry = added(wallet(home, "add", str(file)))
    assert added(wallet(home, "add", str(file))) == entry
    assert wallet(home, "check", entry).code == 0
    with working.client("approver") as approver:
        approver.post(f"/v1/documents/{issued[1]}/revoke", json={"reason": "For a test"})
    for _ in range(100):
        done = wallet(home, "check", entry)
        if done.code:
            break
        threading.Event().wait(0.1)
    assert done.code == 1
    assert done.out.startswith("revoked: ")
    assert wallet(home, "remove", entry).code == 0
    again = wallet(home, "add", str(file))
    assert (again.code, again.err.split()[0]) == (1, "document_not_verified")
    assert json.loads(wallet(home, "list", "--json").out) == []


def test_an_altered_file_is_not_kept(working: ApiWorld, issued: list[str], home: Path) -> None:
    file = home / "paper.ecert.json"
    with working.client("clerk") as clerk:
        data = clerk.get(f"/v1/documents/{issued[2]}/file").content
    signature = data.partition(b"~")[0].rpartition(b".")[2]
    altered = (b"B" if signature[:1] == b"A" else b"A") + signature[1:]
    file.write_bytes(data.replace(signature, altered))
    done = wallet(home, "add", str(file))
    assert (done.code, done.err.split()[0]) == (1, "document_not_verified")
    assert wallet(home, "list").out == "钱包是空的。 The wallet is empty.\n"


KILLED = """
import os, sys
from wallet import cli, library
redeem = library.redeem
def killed(pending):
    redeem(pending)
    os._exit(9)
library.redeem = killed
cli.main()
"""


def test_a_wallet_that_dies_when_the_registry_has_answered_loses_nothing(
    working: ApiWorld, issued: list[str], home: Path
) -> None:
    """The code is used up, the document signed for its keys, and the answer never written down."""
    code = code_for(working, issued[3])
    died = subprocess.run(
        [sys.executable, "-c", KILLED, "--home", str(home), "add", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "WALLET_PASSPHRASE": PASSPHRASE},
    )
    assert died.returncode == 9, died.stderr
    assert len(claims_of(working, issued[3])) == 1
    assert "no answer yet" in wallet(home, "list").out
    entry = added(wallet(home, "collect", "--wait", "30"))
    assert wallet(home, "check", entry).code == 0
    assert len(claims_of(working, issued[3])) == 1

    used = wallet(home, "add", code)
    assert (used.code, used.err.split()[0]) == (1, "claim_refused")


def test_the_same_code_in_another_wallet_is_refused(
    working: ApiWorld, issued: list[str], home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    code = code_for(working, issued[4])
    added(wallet(home, "add", code))
    other = tmp_path_factory.mktemp("other")
    trust = directory(working) / "trust.json"
    assert wallet(other, "--rpc", rpc(working), "trust", str(trust)).code == 0
    done = wallet(other, "add", code)
    assert (done.code, done.err.split()[0]) == (1, "claim_refused")
    assert "used" in done.err
    assert wallet(other, "list").out == "钱包是空的。 The wallet is empty.\n"


def test_a_chain_that_does_not_answer_keeps_the_claim(
    working: ApiWorld, issued: list[str], home: Path
) -> None:
    done = wallet(home, "--rpc", "http://127.0.0.1:9", "add", code_for(working, issued[5]))
    assert (done.code, done.err.split()[0]) == (2, "document_undecided")
    entry = added(wallet(home, "collect", "--wait", "30"))
    assert wallet(home, "check", entry).code == 0
