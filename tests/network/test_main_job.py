"""The main job on a network of validators, as its people would do it: nothing but real programs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from networks.qbft.network import Network
from tests.integration.registry_world import table
from tests.network.network_world import until
from tests.network.office import PASSPHRASE, POLICE, Office, office_on

AUDIENCE, NONCE = "https://school.example", "a-nonce-of-this-check"
ROWS = 12


class Job:
    """One registry, one citizen's wallet, one verifier who knows only trust file and nodes."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.folder = office.directory.parent

    def run(self, *words: str, who: str | None = None) -> str:
        return self.office.done(*words, who=who, **self._homes())

    def check(self, *words: str) -> dict[str, Any]:
        code, printed = self.office.call("verifier", "check", *words, "--json", **self._homes())
        found = json.loads(printed)
        report: dict[str, Any] = found[0] if isinstance(found, list) else found
        return report | {"code": code}

    def _homes(self) -> dict[str, str]:
        return {
            "WALLET_HOME": str(self.folder / "wallet"),
            "WALLET_PASSPHRASE": PASSPHRASE,
            "VERIFIER_HOME": str(self.folder / "verifier"),
        }


@pytest.fixture(scope="module")
def job(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    directory = tmp_path_factory.mktemp("main-job") / "registry"
    with office_on(network.urls, directory) as office:
        yield Job(office)


def test_the_whole_way_of_a_document(job: Job) -> None:
    office, folder = job.office, job.folder
    path = folder / "people.csv"
    path.write_bytes(table("resident-id", ROWS, seed=4))
    imported = json.loads(
        job.run(
            "registry", "import", str(path), "--kind", "resident-id", "--department", POLICE,
            "--json", who="clerk",
        )
    )  # fmt: skip
    assert (imported["good"], imported["bad"]) == (ROWS, 0)
    job.run("registry", "approve", "--import", imported["id"], who="approver")

    def listed() -> list[dict[str, Any]]:
        words = ("registry", "list", "--department", POLICE, "--import", imported["id"], "--json")
        found: list[dict[str, Any]] = json.loads(job.run(*words, who="clerk"))
        return found

    until(lambda: {row["state"] for row in listed()} == {"anchored"})
    document = listed()[0]["id"]

    for program in ("wallet", "verifier"):
        nodes = [word for node in office.nodes for word in ("--rpc", node)]
        job.run(program, *nodes, "trust", str(office.directory / "trust.json"))
    code = job.run("registry", "claim-code", document, who="clerk").split()[0]
    job.run("wallet", "add", code, "--registry", office.origin)
    held = job.run("wallet", "list").split()[0]
    shown = str(folder / "presentation.ecert.json")
    asked = ("--audience", AUDIENCE, "--nonce", NONCE)
    job.run("wallet", "present", held, "--disclose", "name,birth_date", *asked, "-o", shown)
    paper = str(folder / "paper.ecert.json")
    job.run("registry", "export", document, "--output", paper, who="clerk")

    job.run("verifier", "sync")
    for words in ((shown, *asked), (paper,), (paper, "--offline")):
        report = job.check(*words)
        assert (report["verdict"], report["code"]) == ("valid", 0), report
        assert report["basis"]["code"] == "validators"

    job.run("registry", "revoke", document, "--reason", "test", who="approver")
    until(lambda: job.check(paper)["verdict"] == "revoked")
    assert job.check(shown, *asked)["verdict"] == "revoked"
    assert job.check(paper, "--offline")["verdict"] == "valid"  # as of its last synchronisation
    job.run("verifier", "sync")
    assert job.check(paper, "--offline")["verdict"] == "revoked"
    counts = office.audit()
    assert (counts.issued, counts.anchored, counts.lost, counts.doubled) == (ROWS, ROWS, 0, 0)
