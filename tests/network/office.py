"""A registry on a network of validators: its own commands, and its services as processes."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.network.network_world import until

PASSPHRASE = "correct horse battery staple"
POLICE = "11430000006122244L"
KINDS = ("resident-id", "drivers-licence")
STALL_SECONDS = 6
"""Longer than a round that waits for a proposer who is dead, and the one after it."""

_ROOT = Path(__file__).parents[2]
_BIN = Path(sys.executable).parent
_COUNTS = re.compile(r"(\d+) 份已签发 issued, (\d+) 份已上链 anchored\n(\d+) 份丢失 lost, (\d+) ")


@dataclass(frozen=True)
class Counts:
    """What ``registry audit --chain`` counted."""

    issued: int
    anchored: int
    lost: int
    doubled: int


@dataclass
class Office:
    """The folder of a registry, its processes, and the tokens of those who work there."""

    directory: Path
    port: int
    nodes: Sequence[str]
    tokens: dict[str, str] = field(default_factory=dict)
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    counts: Counts = Counts(0, 0, 0, 0)
    """The newest."""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, who: str | None = None) -> dict[str, str]:
        """No variable of whoever runs the tests reaches a registry."""
        kept = {name: value for name, value in os.environ.items() if "REGISTRY" not in name}
        return kept | {
            "PYTHONPATH": str(_ROOT),
            "REGISTRY_DIRECTORY": str(self.directory),
            "REGISTRY_PASSPHRASE": PASSPHRASE,
            "REGISTRY_RPC_URLS": ",".join(self.nodes),
            "REGISTRY_STALL_SECONDS": str(STALL_SECONDS),
            "REGISTRY_HEARTBEAT_SECONDS": "5",
            "REGISTRY_PROCESSES": "1",
            "REGISTRY_TOKEN": self.tokens.get(who or "", ""),
        }

    def call(self, *words: str, who: str | None = None, **environment: str) -> tuple[int, str]:
        """Run one of the programs; return its exit code and what it printed."""
        done = subprocess.run(
            [_BIN / words[0], *words[1:]],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.directory.parent,
            env=self.environment(who) | environment,
        )
        return done.returncode, done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def done(self, *words: str, who: str | None = None, **environment: str) -> str:
        """Run what must succeed; return what it printed."""
        code, printed = self.call(*words, who=who, **environment)
        assert code == 0, (words, printed)
        return printed.strip()

    def start(self, *names: str) -> None:
        """Start services (``worker``, ``serve``) as processes."""
        for name in names:
            with self._log(name).open("ab") as log:
                self.running[name] = subprocess.Popen(
                    [_BIN / "registry", name],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(),
                )  # fmt: skip
        if "serve" in names:
            until(self.answers)

    def end(self, number: signal.Signals, *names: str) -> None:
        """Send services a signal, and wait until they are gone."""
        for name in names:
            process = self.running.pop(name)
            process.send_signal(number)
            code = process.wait(60)
            assert code == (0 if number == signal.SIGTERM else -number), (name, code)

    def log(self, name: str) -> str:
        """What a service has logged, over all its processes."""
        return self._log(name).read_text("utf-8")

    def _log(self, name: str) -> Path:
        return self.directory.parent / f"{name}.log"

    def answers(self) -> bool:
        try:
            return self.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"{self.origin}{path}", headers=headers, timeout=60, trust_env=False)

    def client(self, who: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.tokens[who]}"}
        return httpx.Client(base_url=self.origin, headers=headers, timeout=60, trust_env=False)

    def documents(self, client: httpx.Client) -> dict[str, dict[str, Any]]:
        """All documents of the department by id."""
        found: dict[str, dict[str, Any]] = {}
        query: dict[str, Any] = {"limit": 500}
        while True:
            page = client.get("/v1/documents", params=query).raise_for_status().json()
            found |= {row["id"]: row for row in page["documents"]}
            if page["next"] is None:
                return found
            query["after"] = page["next"]

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/health").json()
        return found

    def waits_for(self) -> str | None:
        """The code of what the worker waits for at this moment."""
        numbers = self.get("/metrics").text
        if "ecert_worker_waiting 1.0" not in numbers:
            return None
        return re.findall(r'ecert_worker_error_timestamp_seconds\{code="(\w+)"\}', numbers)[0]

    def audit(self) -> Counts:
        printed = self.done("registry", "audit", "--chain")
        found = _COUNTS.search(printed)
        assert found, printed
        self.counts = Counts(*map(int, found.groups()))
        return self.counts

    def officer(self, name: str) -> None:
        self.tokens[name] = self.done(
            *("registry", "officer", "add", name, "--role", name, "--department", POLICE),
            who="operator",
        )

    def admit(self) -> None:
        """Admit a department, and give it its officers; wait until it may issue."""
        granted = [word for kind in KINDS for word in ("--issues", kind)]
        self.done(
            *("registry", "department", "admit", POLICE, "--name", "样例市公安局", "--kind", "PS"),
            *granted,
            who="operator",
        )
        for name in ("clerk", "approver"):
            self.officer(name)
        with self.client("operator") as operator:
            until(lambda: _may_issue(operator.get(f"/v1/departments/{POLICE}").json()))


def _may_issue(department: dict[str, Any]) -> bool:
    states = [entry["state"] for entry in (*department["keys"], *department["kinds"])]
    return department["state"] == "admitted" and set(states) <= {"registered", "granted"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def office_on(nodes: Sequence[str], directory: Path) -> Iterator[Office]:
    """Make a registry on these nodes, its services running and a department admitted."""
    office = Office(directory, free_port(), nodes)
    named = [word for node in nodes for word in ("--rpc", node)]
    printed = office.done(
        *("registry", "init", "--development", "--origin", office.origin),
        *("--port", str(office.port), "--council-delay", "1", "--batch-seconds", "0.5"),
        *named,
    )
    office.tokens["operator"] = printed.splitlines()[-1]
    try:
        office.start("worker", "serve")
        office.admit()
        yield office
    finally:
        for process in office.running.values():
            process.kill()
            process.wait()
