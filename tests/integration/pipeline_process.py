"""A worker in a process of its own, for tests that kill it or what it stands on at a named point.

    python pipeline_process.py '{"directory": …, "url": …, "point": …, "times": …, "victim": …}'

Works until nothing is left to do, unless the point is passed for the given time. Then it kills
itself (``worker``), the node (``chain``) or both; or it says so (``database``), and goes on when
whoever started it has killed that.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import networks.embedded
from ecert.errors import UnavailableError
from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.outbox.worker import Worker
from tests.integration.registry_world import settings_for

HALF_WRITTEN = "snapshot-half-written"
"""The point within writing the chain's snapshot, which the worker has no name for."""


class Killer:
    """Counts passes of the point, and does what is to be done there."""

    def __init__(self, chain: EmbeddedChain, point: str, times: int, victim: str) -> None:
        self._chain, self._point, self._victim = chain, point, victim
        self._left = times

    def __call__(self, point: str) -> None:
        if point != self._point:
            return
        self._left -= 1
        if self._left:
            return
        if self._victim in ("chain", "both"):
            os.kill(self._chain.pid or os.getpid(), signal.SIGKILL)
        if self._victim in ("worker", "both"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self._victim == "database":
            print("passed", flush=True)
            sys.stdin.readline()


def write_in_halves(killer: Killer) -> None:
    """Let the snapshot be written as by a process that may die in the middle of it."""
    whole = networks.embedded.write_durably

    def write(path: Path, data: bytes) -> None:
        if path.name == "state.json":
            with path.with_name(path.name + ".new").open("wb") as file:
                file.write(data[: len(data) // 2])
            killer(HALF_WRITTEN)
        whole(path, data)

    networks.embedded.write_durably = write


def open_registry(directory: Path, url: str) -> Registry:
    """Open it, as whoever starts it again until its server is there."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return Registry.open(settings_for(directory, database_url=url))
        except UnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def main(directory: Path, url: str, point: str, times: int, victim: str) -> None:
    with EmbeddedChain(directory / "chain") as chain:
        killer = Killer(chain, point, times, victim)
        write_in_halves(killer)
        registry = open_registry(directory, url)
        worker = Worker.embedded(registry, chain, hook=killer)
        worker.drain(seconds=120)
        registry.close()


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    main(Path(told["directory"]), told["url"], told["point"], told["times"], told["victim"])
