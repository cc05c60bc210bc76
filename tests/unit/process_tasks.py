"""What the processes of the tests are given to do."""

import os
import signal
import time
from pathlib import Path


def double(number: int) -> int:
    return 2 * number


def pid(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def end(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_once(mark: str) -> str:
    """Die in the middle of the first try."""
    path = Path(mark)
    if not path.exists():
        path.touch()
        end(None)
    return mark


def fail(text: str) -> None:
    raise ValueError(text)


def see(_: object) -> str:
    """Tell all that others on the machine may see of this process."""
    return Path("/proc/self/cmdline").read_text() + Path("/proc/self/environ").read_text()
