"""One node's process, found again by whoever comes later.

The process id stands in a file. An id alone may have passed to another process since: signals go
only to a process whose command line names the node's folder, and through a handle on that very
process (``pidfd_open``), so that they never reach another.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from networks.qbft.errors import NetworkError

STOP_SECONDS = 20.0
_KEEPER = Path(__file__).with_name("keeper.py")
_LAST_CHARS = 300
_NOTE_SECONDS = 2.0
"""How long a keeper may take to note the end of its node in the log."""


class NodeProcess:
    """The process of the node that lives in a folder.

    Args:
        folder: The folder, absolute; its path is an argument of the node's command.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid_file = folder / "node.pid"
        self.log = folder / "node.log"

    @property
    def pid(self) -> int | None:
        """The process id, or None where the node does not run."""
        with self._handle() as (pid, _):
            return pid

    @property
    def running(self) -> bool:
        """Whether the node's process is there, paused or not."""
        return self.pid is not None

    def start(self, command: Sequence[str]) -> None:
        """Start the node, unless it runs.

        Raises:
            NetworkError: ``network_node_not_started``.
        """
        if self.running:
            return
        self._pid_file.unlink(missing_ok=True)
        done = subprocess.run(
            [
                *(sys.executable, "-I", "-S", str(_KEEPER)),
                *(str(self.log), str(self._pid_file), *command),
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"HOME": str(self._folder), "PATH": os.defpath + ":/usr/sbin:/sbin"},
            umask=0o077,
            check=False,
        )
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip()[-_LAST_CHARS:]
            raise NetworkError("network_node_not_started", name=self._folder.name, reason=reason)

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; tell whether there was a process to send it to."""
        with self._handle() as (pid, handle):
            if pid is None:
                return False
            try:
                signal.pidfd_send_signal(handle, number)
            except ProcessLookupError:
                return False
            return True

    def kill(self) -> None:
        """End the node at once, as a power cut would; return when it is gone."""
        self._end(signal.SIGKILL, STOP_SECONDS)

    def pause(self) -> None:
        """Let the node stand still, its connections open."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused node go on."""
        self.send(signal.SIGCONT)

    def stop(self) -> None:
        """End the node in good order, or at once where it takes too long."""
        self.resume()
        if not self._end(signal.SIGTERM, STOP_SECONDS):
            self.kill()

    def last_words(self) -> str:
        """Return the end of an ended node's log, for an error's sentence."""
        lines: list[str] = []
        deadline = time.monotonic() + _NOTE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                lines = self.log.read_text("utf-8", "replace").strip().splitlines()
            if lines and lines[-1].startswith("keeper: "):
                break
            time.sleep(0.05)
        return " / ".join(lines[-2:])[-_LAST_CHARS:]

    def _end(self, number: signal.Signals, seconds: float) -> bool:
        with self._handle() as (pid, handle):
            if pid is None:
                return True
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            ended, _, _ = select.select([handle], [], [], seconds)
        if not ended:
            return False
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            time.sleep(0.01)  # its keeper has not yet collected it
        return True

    @contextmanager
    def _handle(self) -> Iterator[tuple[int | None, int]]:
        """Give the id and a handle of the node's process, or None where there is none."""
        handle = -1
        try:
            pid: int | None = int(self._pid_file.read_text("ascii"))
            handle = os.pidfd_open(pid or 0)
        except (OSError, ValueError):
            pid = None
        try:
            yield (pid if pid is not None and self._is_ours(pid) else None), handle
        finally:
            if handle >= 0:
                os.close(handle)

    def _is_ours(self, pid: int) -> bool:
        """Tell whether a process was started for this folder and has not ended."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")  # empty once ended
        except OSError:
            return False
        return os.fsencode(self._folder) in words
