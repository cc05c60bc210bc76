"""A worker in a process of its own, killed by SIGKILL at a named point: run by the crash tests.

    python pipeline_process.py DIRECTORY POINT TIMES [chain]

Works until nothing is left to do, unless POINT is passed for the TIMES-th time: then the process
kills itself, or with ``chain`` the node under it.
"""

import os
import signal
import sys
from pathlib import Path

from registry_world import settings_for

from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.outbox.worker import Worker


def main(directory: Path, point: str, times: int, victim: str) -> None:
    with EmbeddedChain(directory / "chain") as chain:
        passed = 0

        def hook(name: str) -> None:
            nonlocal passed
            if name != point:
                return
            passed += 1
            if passed == times:
                pid = chain.pid if victim == "chain" else os.getpid()
                os.kill(pid or os.getpid(), signal.SIGKILL)

        registry = Registry.open(settings_for(directory))
        worker = Worker.embedded(registry, chain, hook=hook)
        worker.drain(seconds=60)
        registry.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), (*sys.argv, "worker")[4])
