"""The demonstration's stage: folders, programs that run, and what came out of each step."""

import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ecert.report import Verdict
from samples.programs import Program, running

POLL_SECONDS = 0.1
SECRETS = ("registry", "wallet")
"""Whose passphrases lie in each folder that a demo made, and that the next one may remove."""


@dataclass
class Demo:
    """The stage: folders, running programs, and what came out of each step."""

    directory: Path
    programs: list[Program] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    steps: list[tuple[str, float, bool]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Run one step; print it with its time."""
        print(f"\n{styled(1, f'{len(self.steps) + 1:2}. {title}')}", flush=True)
        begun, before = time.monotonic(), len(self.failures)
        yield
        took = time.monotonic() - begun
        good = len(self.failures) == before
        self.steps.append((title, took, good))
        print(f"    {'✔' if good else '✘'} {took:.1f} s", flush=True)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Note whether a step gave what it should."""
        if found == wanted:
            print(f"    {what}: {found}")
        else:
            self.failures.append(what)
            print(f"    {styled(31, f'{what}: {found}, expected {wanted}')}")

    def run(self, *command: str, stdin: bytes | None = None, **environment: str) -> str:
        """Run one of the three programs and return what it printed."""
        result = self.call(*command, stdin=stdin, **environment)
        if result.returncode:
            sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
        return result.stdout.strip()

    def call(
        self, *command: str, stdin: bytes | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of the three programs; echo the command."""
        shown = " ".join(part if " " not in part else f"'{part}'" for part in command)
        print(f"    $ {shown[:150]}", flush=True)
        result = subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=self.directory,
            env={**os.environ, **self.environment, **environment},
        )
        return subprocess.CompletedProcess(
            command, result.returncode, result.stdout.decode(), result.stderr.decode()
        )

    @property
    def environment(self) -> dict[str, str]:
        """Folders and passphrase files of the three programs; no secret is an argument."""
        return {
            "REGISTRY_DIRECTORY": "registry",
            "REGISTRY_PASSPHRASE_FILE": str(self.directory / "registry.passphrase"),
            "WALLET_HOME": "wallet",
            "WALLET_PASSPHRASE_FILE": str(self.directory / "wallet.passphrase"),
            "VERIFIER_HOME": "verifier",
        }

    def check(
        self,
        what: str,
        verdict: str,
        *arguments: str,
        stdin: bytes | None = None,
        **environment: str,
    ) -> None:
        """Verify something; compare the verdict and the exit code."""
        command = ("verifier", "check", *arguments, "--json")
        result = self.call(*command, stdin=stdin, **environment)
        found = _report(result)
        self.expect(what, found["verdict"], verdict)
        self.expect("exit code", result.returncode, Verdict(verdict).exit_code)
        if found["verdict"] != verdict:
            print(json.dumps(found, ensure_ascii=False, indent=2)[:4000])

    @contextmanager
    def running(self, name: str, *command: str) -> Iterator[None]:
        """Run one of the three programs beside the demo."""
        with running(
            name,
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            directory=self.directory,
            environment={**os.environ, **self.environment},
        ) as program:
            self.programs.append(program)
            try:
                yield
            finally:
                self.programs.remove(program)

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something holds, while all that runs beside the demo still runs."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.require_running()
            if time.monotonic() > deadline:
                sys.exit(f"{what}: not within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def require_running(self) -> None:
        """End the demo if a program beside it has ended by itself."""
        for program in self.programs:
            program.require_running()

    def verdict(self, path: str) -> str:
        """Return the verdict on a file."""
        return str(_report(self.call("verifier", "check", path, "--json"))["verdict"])

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.started


def styled(style: int, text: str) -> str:
    """Return the text in a terminal's style (ECMA-48, SGR); as it is where there is no terminal."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{style}m{text}\033[0m"


def _report(result: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    try:
        value = json.loads(result.stdout)
    except ValueError:
        return {"verdict": result.stderr.partition("\n")[0]}
    found: dict[str, Any] = value[0] if isinstance(value, list) else value
    return found


class Office:
    """An officer, or a department's system, at the registry's HTTP interface."""

    def __init__(self, origin: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=f"{origin}/v1",
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )

    def ready(self) -> bool:
        """Tell whether the registry answers."""
        try:
            return self._client.get("/me").is_success
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        """Return an answer's JSON."""
        return self._answer(self._client.get(path))

    def post(self, path: str, value: Any = None, **more: Any) -> Any:
        """Send JSON (or a file) and return the answer's JSON."""
        return self._answer(self._client.post(path, json=value, **more))

    def download(self, path: str) -> bytes:
        """Return an answer's bytes."""
        answer = self._client.get(path)
        self._answer(answer, read=False)
        return answer.content

    @staticmethod
    def _answer(answer: httpx.Response, *, read: bool = True) -> Any:
        if answer.is_error:
            sys.exit(f"{answer.request.method} {answer.request.url}: {answer.text}")
        return answer.json() if read and answer.content else None


def free_port(preferred: int) -> int:
    """Return a port that nobody listens on, the preferred one if possible."""
    for candidate in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port")


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Let no other demo have the folder: a new one would delete what the running one works on."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"{directory}: a demo is running here. End it with Ctrl-C, then start again.")
        yield


def prepare(directory: Path) -> Demo:
    """Make a fresh stage, in the place of an earlier one and of nothing else."""
    if directory.exists():
        ours = any((directory / f"{name}.passphrase").exists() for name in SECRETS)
        if not ours and any(directory.iterdir()):
            sys.exit(f"{directory} is no folder of an earlier demo; it was left as it is.")
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    for name in SECRETS:
        secret = directory / f"{name}.passphrase"
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24))
    return Demo(directory.resolve())
