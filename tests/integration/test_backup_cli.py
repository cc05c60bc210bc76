"""Everything is destroyed and restored, by the commands that an operator has at night."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from registry_world import table

from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from tests.databases import NewDatabase
from tests.integration.office_world import KIND, POLICE, Office, Running, wait_for

Make = Callable[..., "Disaster"]


@dataclass
class Disaster:
    """A registry that will be lost, what was kept elsewhere, and what went out from it."""

    office: Office
    kept: Path
    shares: list[str]

    def issue(self, rows: int, seed: int) -> dict[str, bytes]:
        """Bring documents to their receipts; return them as files, by id."""
        path = self.kept / f"{seed}.csv"
        path.write_bytes(table(KIND, rows, seed=seed))
        office = self.office
        job = office.done("clerk", "import", str(path), "--kind", KIND, "--department", POLICE)
        name = job.split()[0]
        office.done("approver", "approve", "--import", name)
        wait_for(lambda: {row["state"] for row in office.documents(name)} == {"anchored"})
        return {row["id"]: self.export(row["id"]) for row in office.documents(name)}

    def export(self, document: str) -> bytes:
        path = self.kept / f"{document}.ecert.json"
        self.office.done("clerk", "export", document, "-o", str(path))
        return path.read_bytes()

    def revoke(self, document: str, data: bytes) -> None:
        self.office.done("approver", "revoke", document, "--reason", "test")
        wait_for(lambda: self.office.verdict(data) == Verdict.REVOKED)

    def restore(self, file: Path, *options: str) -> None:
        """Restore, and give everybody a new token."""
        printed = self.office.done(None, "restore", str(file), *self.shares, *options)
        old = self.office.tokens
        self.office.tokens = {"operator": printed.splitlines()[-1]}
        for name, token in old.items():
            if name != "operator":
                officer = token.partition(".")[0]
                self.office.tokens[name] = self.office.token("operator", "renew", officer)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def make(anvil: Path, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Sets a registry up, with its backup key in shares."""
    assert anvil

    def set_up(url: str, *options: str) -> Disaster:
        use_database(monkeypatch, url)
        kept = tmp_path / "kept"
        kept.mkdir()
        office = Office(tmp_path / "registry", f"http://127.0.0.1:{free_port}")
        printed = office.done(
            None, "init", "--development", "--origin", office.origin, "--port", str(free_port),
            "--council-delay", "0", "--batch-seconds", "0", *options,
        )  # fmt: skip
        office.tokens["operator"] = printed.splitlines()[-1]
        office.done(None, "backup-key", "--shares", "2-of-3", "-o", str(kept))
        shares = sorted(kept.glob("share-*.txt"))
        assert [path.stat().st_mode & 0o077 for path in shares] == [0, 0, 0]
        words = [word for path in shares[1:] for word in ("--share", str(path))]
        return Disaster(office, kept, words)

    return set_up


def use_database(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let commands find the database: on a server, or as they would, in the folder."""
    if url.startswith("sqlite"):
        monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    else:
        monkeypatch.setenv("REGISTRY_DATABASE_URL", url)


def populate(disaster: Disaster) -> None:
    office = disaster.office
    office.done(
        "operator", "department", "admit", POLICE, "--name", "样例市公安局", "--kind", "PS",
        "--issues", KIND,
    )  # fmt: skip
    for name in ("clerk", "approver", "custodian"):
        office.officer(name, name)
    wait_for(lambda: f"{POLICE}  admitted" in office.done(None, "department", "list"))


def back_up(disaster: Disaster, name: str) -> Path:
    """Run the command as the timer does: without the passphrase, the registry running."""
    path = disaster.kept / name
    program = Path(sys.executable).parent / "registry"
    done = subprocess.run(
        [program, "--dir", disaster.office.directory, "backup", "-o", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert path.stat().st_mode & 0o777 == 0o600
    return path


def answers(office: Office, given: dict[str, bytes], name: str) -> bool:
    """Whether the chain runs again and a checkpoint is fresh."""
    if office.run(None, "rpc").code:
        return False
    return office.verdict(given[name]) != Verdict.UNDECIDED


def test_a_registry_with_its_own_chain_comes_back_whole(
    make: Make, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is gone, the chain in it too: everything is as it was in the night."""
    disaster = make(new_database(tmp_path))
    office = disaster.office
    with Running(office):
        populate(disaster)
        given = disaster.issue(3, seed=1)
        revoked = next(iter(given))
        disaster.revoke(revoked, given[revoked])
        backup = back_up(disaster, "night.age")
        later = disaster.issue(2, seed=2)
    shutil.rmtree(office.directory)
    use_database(monkeypatch, new_database(tmp_path))
    disaster.restore(backup)
    with Running(office):
        wait_for(lambda: answers(office, given, revoked))
        verdicts = {name: office.verdict(data) for name, data in given.items()}
        assert verdicts.pop(revoked) == Verdict.REVOKED
        assert set(verdicts.values()) == {Verdict.VALID}
        assert {office.verdict(data) for data in later.values()} == {Verdict.NOT_YET_ANCHORED}
        again = disaster.issue(2, seed=2)
        assert {office.verdict(data) for data in again.values()} == {Verdict.VALID}
        assert "Nothing waits" in office.done(None, "restored")
        following = back_up(disaster, "next.age")
    assert "intact" in office.done(None, "backup-verify", str(backup), *disaster.shares)
    moved = Office(tmp_path / "moved")
    into_a_file = ("--last-state", "--database", "sqlite")
    moved.done(None, "restore", str(following), *disaster.shares, *into_a_file)
    monkeypatch.delenv("REGISTRY_DATABASE_URL", raising=False)
    assert "database_url" not in (moved.directory / "settings.json").read_text()
    moved.tokens = office.tokens
    assert len(moved.done("clerk", "list", "--department", POLICE).splitlines()) == 5


def test_a_registry_on_a_network_catches_up_with_it(
    make: Make, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry is gone, the chain is not: it knows better than the backup."""
    with EmbeddedChain(tmp_path / "network") as network:
        disaster = make(new_database(tmp_path), "--rpc", network.rpc_url)
        office = disaster.office
        with Running(office):
            populate(disaster)
            given = disaster.issue(3, seed=1)
            backup = back_up(disaster, "night.age")
            revoked = next(iter(given))
            disaster.revoke(revoked, given[revoked])
            later = disaster.issue(2, seed=2)
        shutil.rmtree(office.directory)
        use_database(monkeypatch, new_database(tmp_path))
        disaster.restore(backup)
        with Running(office):
            wait_for(lambda: " open " in office.done(None, "restored"))
            assert "registry reissue" in office.done(None, "restored")
            verdicts = {name: office.verdict(data) for name, data in (given | later).items()}
            assert verdicts.pop(revoked) == Verdict.REVOKED
            assert set(verdicts.values()) == {Verdict.VALID}
            listed = office.done("clerk", "list", "--department", POLICE).splitlines()
            assert {line.split()[0]: line.split()[-1] for line in listed} == {
                name: "revoked" if name == revoked else "valid" for name in given
            }
            printed = office.done("custodian", "reissue", POLICE, "--revoke", "restored")
            assert re.search(r"\b[1-9]\d* 个批次", printed)
            wait_for(lambda: {office.verdict(d) for d in later.values()} == {Verdict.REVOKED})
            again = disaster.issue(2, seed=2)
            assert {office.verdict(data) for data in again.values()} == {Verdict.VALID}
