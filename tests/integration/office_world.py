"""A registry made and run by its command line: what that command line's tests share."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecert.client.online import online_verifier
from ecert.client.registry import Registries
from ecert.kinds import Catalogue
from ecert.report import Verdict
from ecert.trust import TrustStore
from registry.cli.main import app
from tests.fakes.console import Done, run_command

PASSPHRASE = "correct horse battery staple"
POLICE = "11430000006122244L"
KIND = "resident-id"
CHINESE = re.compile("[\u4e00-\u9fff]")


@dataclass
class Office:
    """One registry's folder, and the tokens of those who work there."""

    directory: Path
    origin: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    def run(self, who: str | None, *arguments: str, passphrase: str | None = PASSPHRASE) -> Done:
        environment = {}
        if who is not None:
            environment["REGISTRY_TOKEN"] = self.tokens.get(who, who)
        if passphrase is not None:
            environment["REGISTRY_PASSPHRASE"] = passphrase
        done = run_command(app, "--dir", str(self.directory), *arguments, environment=environment)
        printed = done.out + done.err
        assert PASSPHRASE not in printed
        assert not any(token in printed for token in self.tokens.values())
        return done

    def done(self, who: str | None, *arguments: str) -> str:
        """Run what must succeed; return what it printed."""
        found = self.run(who, *arguments)
        assert (found.code, found.err) == (0, ""), found
        return found.out.strip()

    def officer(self, name: str, *roles: str, department: str | None = POLICE) -> None:
        where = () if department is None else ("--department", department)
        given = [word for role in roles for word in ("--role", role)]
        self.tokens[name] = self.token("operator", "add", name, *given, *where)

    def token(self, who: str | None, *arguments: str) -> str:
        """Return a token that a command of ``officer`` hands over: alone, and named beside it."""
        found = self.run(who, "officer", *arguments)
        assert found.code == 0, found
        assert "shown this once" in found.err
        return found.out.removesuffix("\n")

    def documents(self, job: str) -> list[dict[str, str]]:
        listed = self.done(
            "clerk", "list", "--department", POLICE, "--import", job, "--limit", "500", "--json"
        )
        return list(json.loads(listed))

    def verdict(self, data: bytes) -> Verdict:
        """What a stranger with trust file and node finds."""
        trust = TrustStore(
            (self.directory / "trust.json").read_bytes(), Catalogue.load(), now=datetime.now(UTC)
        )
        node = self.done(None, "rpc")
        verifier = online_verifier(trust, [node], Registries(trust.file.registries))
        return verifier.verify(data, now=datetime.now(UTC)).verdict


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def told(done: Done, code: int, name: str) -> None:
    """The error came with its code and a sentence in each language, on stderr alone."""
    assert (done.code, done.out) == (code, ""), done.err
    first, zh, en, *more = done.err.splitlines()
    assert (first, more) == (name, [])
    assert CHINESE.search(zh)
    assert "<" not in zh + en


class Running:
    """``registry run``, ended by a signal as by Ctrl-C."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def __enter__(self) -> None:
        log = self._office.directory.with_suffix(".log").open("w")
        self._process = subprocess.Popen(
            [Path(sys.executable).parent / "registry", "--dir", self._office.directory, "run"],
            stdout=log,
            stderr=log,
            env={**os.environ, "REGISTRY_PASSPHRASE": PASSPHRASE},
        )
        log.close()

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(30) == 0, self._office.directory.with_suffix(".log").read_text()


@pytest.fixture(scope="module")
def office(anvil: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A registry that was made and runs, with a department and its officers."""
    assert anvil
    with running_office(tmp_path_factory.mktemp("office") / "registry") as made:
        yield made


@contextmanager
def running_office(directory: Path, *options: str) -> Iterator[Office]:
    """Make a registry with these options of ``init`` and let it run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("REGISTRY_")]:
            patch.delenv(name)
        office = Office(directory)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        office.origin = f"http://127.0.0.1:{port}"
        printed = office.done(
            None, "init", "--development", "--origin", office.origin,
            "--port", str(port), "--council-delay", "0", "--batch-seconds", "0",
            *options,
        )  # fmt: skip
        assert "AnchorRegistry" in printed
        office.tokens["operator"] = printed.splitlines()[-1]
        with Running(office):
            office.done(
                "operator", "department", "admit", POLICE, "--name", "样例市公安局",
                "--kind", "PS", "--issues", KIND, "--issues", "drivers-licence",
            )  # fmt: skip
            for name in ("clerk", "approver", "custodian"):
                office.officer(name, name)
            wait_for(lambda: f"{POLICE}  admitted" in office.done(None, "department", "list"))
            yield office
