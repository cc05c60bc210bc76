"""A sync in a process of its own, which says what it took: time and memory.

    python -m benchmarks.scale.syncing DIRECTORY NODE

The directory holds the trust file and the operator's word of which block is final; the snapshot is
made there.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from ecert.kinds.catalogue import Catalogue
from ecert.trust import TrustStore
from verifier.sync import sync

TRUST, CHECKPOINT, SNAPSHOT = "trust.json", "checkpoint", "snapshot.db"
_PROJECT = Path(__file__).parents[2]
_SECONDS = 900.0


def elsewhere(directory: Path, trust_file: bytes, checkpoint: bytes, url: str) -> tuple[float, int]:
    """Sync from nothing in another process; return its seconds, and bytes of memory it added."""
    directory.mkdir()
    (directory / TRUST).write_bytes(trust_file)
    (directory / CHECKPOINT).write_bytes(checkpoint)
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, str(directory), url],
        cwd=_PROJECT,
        capture_output=True,
        check=True,
        timeout=_SECONDS,
    )
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def main(directory: Path, url: str) -> None:
    """Sync, and print what it took."""
    trust = TrustStore((directory / TRUST).read_bytes(), Catalogue.load(), now=datetime.now(UTC))
    checkpoint = (directory / CHECKPOINT).read_bytes()
    before, start = _most_memory(), time.perf_counter()
    sync(directory / SNAPSHOT, trust, [url], fetch_checkpoint=lambda: checkpoint)
    print(json.dumps([time.perf_counter() - start, _most_memory() - before]))


def _most_memory() -> int:
    """Return the most that this process has held, in bytes; Linux alone says it."""
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.exists() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
