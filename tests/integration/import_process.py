"""An import in a process of its own, killed by SIGKILL after some transactions: run by the tests.

python import_process.py DIRECTORY DATABASE OFFICER FILE TIMES
"""

import os
import signal
import sys
from pathlib import Path

from registry_world import DEPARTMENT, settings_for

from registry.application import Registry
from registry.documents import streaming


def main(directory: Path, url: str, officer: str, file: Path, times: int) -> None:
    streaming.CHUNK, streaming.COMMIT_CHUNKS, streaming.POOL_FROM = 50, 2, 10
    registry = Registry.open(settings_for(directory, database_url=url, processes=2))
    with registry.transaction() as services:
        actor = services.officers.actor(officer)
    reports = 0

    def report(_: streaming.Progress) -> None:
        nonlocal reports
        reports += 1
        if reports == times:
            os.kill(os.getpid(), signal.SIGKILL)

    streaming.import_stream(
        registry, actor, department=DEPARTMENT, kind="resident-id", path=file, report=report
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
