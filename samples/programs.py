"""Programs that run beside the demonstration, and how they end: always, and in good order."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ecert.errors import EcertError
from networks.embedded import EmbeddedChain

GRACE_SECONDS = 30.0
"""How long a program may take to end before it is ended by force."""

LOG_LINES = 20


@dataclass
class Program:
    """A program that runs beside the demo.

    Attributes:
        name: What its log is called.
        process: The process.
        log: What it printed.
    """

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def require_running(self) -> None:
        """End the demo if the program ended by itself, with what it said last."""
        if self.process.poll() is not None:
            said = self.log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
            sys.exit("\n".join((f"{self.name} ended by itself; see {self.log}:", *said)))

    def end(self) -> None:
        """End it as Ctrl-C would; by force when that takes too long."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(
    name: str, command: list[str], *, directory: Path, environment: Mapping[str, str]
) -> Iterator[Program]:
    """Run a program; end it, and only it, whatever happens."""
    path = directory / f"{name}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends it in good order
        )
    program = Program(name, process, path)
    try:
        yield program
        program.require_running()
    finally:
        program.end()


@contextmanager
def chain_ended(directory: Path) -> Iterator[None]:
    """See to it that no chain's node is left, even if its owner had to be ended by force."""
    try:
        yield
    finally:
        if (directory / "node.pid").exists():
            # Whoever opens a chain's folder ends the node that a dead owner left running there.
            with suppress(EcertError):
                EmbeddedChain(directory).close()


class Stopped(BaseException):
    """A signal came.

    Not ``KeyboardInterrupt``: where that passes through code made from a string, as dataclasses
    are, Python ends by the signal itself after all has been tidied up, whatever was returned.
    """


def end_on_signals() -> None:
    """Let signals end the demo with all that it started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)


def _stop(*_: object) -> None:
    raise Stopped
