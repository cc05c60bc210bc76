"""A worker among several, in a process of its own: told a folder, a database, a node and a point.

    python worker_process.py '{"directory": …, "url": …, "rpc": …, "stop_at": …, "name": …}'

Works until it is ended. At the point ``stop_at`` it says so and stays where it is, holding what it
holds. Every point that it passes goes to standard output, so that tests know who did what.
"""

import json
import signal
import sys
import threading
from pathlib import Path

from registry.application import Registry
from registry.outbox.worker import Worker
from tests.integration.registry_world import settings_for


def main(directory: Path, url: str, rpc: str, stop_at: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def hook(point: str) -> None:
        print(point, flush=True)
        if point == stop_at:
            threading.Event().wait()

    settings = settings_for(directory, database_url=url, poll_seconds=0.02, sign_chunk=10)
    registry = Registry.open(settings)
    worker = Worker.network(registry, [rpc], hook=hook)
    worker.run(stop)
    worker.close()
    registry.close()


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    main(Path(told["directory"]), told["url"], told["rpc"], told["stop_at"])
