"""Several processes that serve as one: one interpreter uses one processor core.

They share a listening socket, so that whoever is idle takes the next connection, the key under
which challenges are made, and, in files, the memory of what was accepted once. The first process
checks nothing: it starts the others, replaces one that ends, and ends all.
"""

import multiprocessing
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from ecert.client.console import describe, exit_code
from ecert.client.home import Home
from ecert.errors import EcertError, UnavailableError, reason_of
from verifier.checker import open_checker
from verifier.seen import SeenOnce
from verifier.web.challenges import KEY_BYTES, MAX_ANSWERED, Challenges
from verifier.web.server import GRACE_SECONDS, check_audience, listen_and_tell, serve_at

MAX_PROCESSES = 64
ANSWERED_WAIT_SECONDS = 0.5
"""How long one process waits for another to record an answer."""

REPLACED_AFTER_SECONDS = 1.0
"""How long a process has lived at least before it is replaced: one that cannot start is not started
again and again."""

_ENDINGS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Service:
    """What every process is told.

    Attributes:
        home: The verifier's folder.
        nodes: JSON-RPC addresses.
        offline: Whether to use the snapshot alone.
        audience: Who the verifier is; what a browser calls the service when None.
        key: Under which challenges are made.
        answered: The file of challenges that were answered.
    """

    home: Home
    nodes: Sequence[str]
    offline: bool
    audience: str | None
    key: bytes
    answered: Path

    def serve(self, listener: socket.socket) -> None:
        """Serve in this process until a signal ends it, or its parent has ended."""
        threading.Thread(target=_end_with_parent, daemon=True).start()
        try:
            self._serve(listener)
        except EcertError as error:  # such as a trust file that has expired meanwhile
            print(describe(error), file=sys.stderr)  # noqa: T201
            sys.exit(exit_code(error))

    def _serve(self, listener: socket.socket) -> None:
        checker = open_checker(self.home, nodes=self.nodes, use_snapshot=self.offline)
        answered = SeenOnce(self.answered, capacity=MAX_ANSWERED, wait=ANSWERED_WAIT_SECONDS)
        challenges = Challenges(time.time, key=self.key, answered=answered)
        serve_at(listener, checker, audience=self.audience, challenges=challenges)


def serve_together(
    home: Home,
    host: str,
    port: int,
    *,
    processes: int,
    nodes: Sequence[str],
    offline: bool,
    audience: str | None = None,
) -> None:
    """Serve with several processes until a signal ends them.

    Args:
        home: The verifier's folder.
        host: The address to listen on.
        port: The TCP port.
        processes: How many check.
        nodes: As for ``open_checker``.
        offline: Whether to use the snapshot alone.
        audience: Who the verifier is; what a browser calls the service when not given.

    Raises:
        MalformedError: ``audience_invalid``.
        UnavailableError: ``address_unusable``, ``seen_unusable``.
        EcertError: What ``open_checker`` raises.
    """
    check_audience(audience)
    open_checker(home, nodes=nodes, use_snapshot=offline)  # what is wrong is told once, and here
    key = secrets.token_bytes(KEY_BYTES)
    # A file of this command's own: another's challenges are not for these processes, and the times
    # in it mean nothing once the machine was started anew.
    with _folder(home.directory) as folder, listen_and_tell(host, port) as listener:
        service = Service(home, nodes, offline, audience, key, Path(folder) / "answered.db")
        ending = _Keeper(service, listener).keep(processes)
    signal.raise_signal(ending)


class _Keeper:
    """Starts processes and replaces those that end."""

    def __init__(self, service: Service, listener: socket.socket) -> None:
        # Started anew, not forked: what a fork would take along of open files is nobody's to share.
        self._context = multiprocessing.get_context("spawn")
        self._service = service
        self._listener = listener
        self._running: dict[SpawnProcess, float] = {}

    def keep(self, count: int) -> signal.Signals:
        """Keep ``count`` processes running; return the signal that ended this."""
        told, tell = socket.socketpair()
        tell.setblocking(False)
        before = {number: signal.signal(number, lambda *_: None) for number in _ENDINGS}
        woken = signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)
        try:
            while True:
                while len(self._running) < count:
                    self._start()
                ready = wait([told, *(process.sentinel for process in self._running)])
                if told in ready and (number := told.recv(1)[0]) in _ENDINGS:
                    return signal.Signals(number)
                self._bury()
        finally:
            self._end()
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)
            told.close()
            tell.close()

    def _start(self) -> None:
        process = self._context.Process(target=self._service.serve, args=[self._listener])
        # Ctrl-C goes to all processes of a terminal: this one takes it, and ends the others.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        process.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._running[process] = time.monotonic()

    def _bury(self) -> None:
        """Take leave of processes that have ended, none before its time."""
        for process, started in list(self._running.items()):
            if process.exitcode is not None:
                time.sleep(max(0.0, started + REPLACED_AFTER_SECONDS - time.monotonic()))
                process.close()
                del self._running[process]

    def _end(self) -> None:
        """End all: as a signal would, and by force what has not ended when its grace is over."""
        for process in self._running:
            process.terminate()
        deadline = time.monotonic() + 2 * GRACE_SECONDS
        for process in self._running:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()


def _folder(beside: Path) -> "TemporaryDirectory[str]":
    try:
        return TemporaryDirectory(prefix="answered-", dir=beside)
    except OSError as error:
        reason = reason_of(error)
        raise UnavailableError("seen_unusable", path=str(beside), reason=reason) from error


def _end_with_parent() -> None:
    """End this process in good order when the one that keeps it has ended, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
