"""The parent's side: children that are started when there is work, and replaced when they die.

A child is a fresh interpreter, not a fork: the parent runs threads, and holds much that a child has
no use for. What a child works on, keys among it, comes over its pipe, never by argument or
environment.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, Pipe
from queue import Empty, LifoQueue
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from ecert.errors import UnavailableError

T = TypeVar("T")
R = TypeVar("R")

TRIES = 3
"""How many children may die of one task before it is given up."""

END_SECONDS = 5.0
"""How long a child may take to end before it is killed."""

_log = logging.getLogger(__name__)


class Mapper(Protocol):
    """Calls a function for each task and yields the results in order, as the builtin ``map``."""

    def __call__(self, function: Callable[[T], R], tasks: Iterable[T], /) -> Iterator[R]:
        """Yield the result of each task."""


class Pool:
    """Children that call functions of this program's modules.

    Args:
        count: How many at once.
        ahead: How many tasks may be worked on or done before the first result is taken: what
            bounds the memory, whatever the number of tasks.
    """

    def __init__(self, count: int, *, ahead: int | None = None) -> None:
        self._ahead = 2 * count if ahead is None else ahead
        self._threads = ThreadPoolExecutor(
            count, thread_name_prefix="processes", initializer=_survive_broken_pipes
        )
        self._free: LifoQueue[_Child | None] = LifoQueue()
        for _ in range(count):
            self._free.put(None)  # a child that is still to be started

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def map(self, function: Callable[[T], R], tasks: Iterable[T], /) -> Iterator[R]:
        """Call ``function``, of a module, for each task; yield the results in order.

        A task whose child dies is done again by another one: it must have no effect but its result.

        Raises:
            UnavailableError: ``process_died``, ``process_failed``, ``process_not_started``.
        """
        waiting: deque[Future[R]] = deque()
        try:
            for task in tasks:
                waiting.append(self._threads.submit(self._call, function, task))
                if len(waiting) >= self._ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def rest(self) -> None:
        """End the children until there is work again: an idle one holds memory, and keys."""
        resting = 0
        with contextlib.suppress(Empty):
            while True:
                child = self._free.get_nowait()
                resting += 1
                if child is not None:
                    child.end()
        for _ in range(resting):
            self._free.put(None)

    def close(self) -> None:
        """End the children, after the tasks they work on."""
        self._threads.shutdown(cancel_futures=True)
        self.rest()

    def _call(self, function: Callable[[T], R], task: T) -> R:
        for _ in range(TRIES):
            child = self._free.get()
            try:
                if child is None:
                    child = _Child()
                done, value = child.call(function, task)
            except (EOFError, OSError) as error:
                self._free.put(None)
                if child is None:
                    raise UnavailableError("process_not_started") from error
                _log.warning("a process ended in the middle of its work: another one does it again")
                child.end()
                continue
            except BaseException:
                self._free.put(None)
                if child is not None:
                    child.end()
                raise
            self._free.put(child)
            if not done:
                raise UnavailableError("process_failed", reason=value)
            result: R = value
            return result
        raise UnavailableError("process_died", tries=TRIES)


def _environment() -> dict[str, str]:
    """Return the environment without secrets, and with this process's ways to its modules."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _survive_broken_pipes() -> None:
    """Let a write to a dead child be an error; command lines end at SIGPIPE."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])


class _Child:
    """One process and its pipe."""

    def __init__(self) -> None:
        ours, theirs = Pipe()
        with theirs:
            self._pipe: Connection[Any, Any] = ours
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "registry.processes.child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )

    def call(self, function: Callable[[Any], Any], task: Any) -> tuple[bool, Any]:
        self._pipe.send((function, task))
        answer: tuple[bool, Any] = self._pipe.recv()
        return answer

    def end(self) -> None:
        self._pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
            return
        self._process.kill()
        self._process.wait()
