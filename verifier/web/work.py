"""Where checks are done, so many at a time, so many waiting, and no more.

What takes a millisecond and waits for nothing is done in the event loop itself: handing it to a
thread and back would cost a fifth of it, and two threads of one interpreter get into each other's
way for milliseconds. All else is done by threads.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from verifier.web.errors import BusyError

T = TypeVar("T")

PARALLEL = 4
"""Checks at one time: decoding takes a core each, the chain's answer only time."""

WAITING = 64
"""Checks that wait for a thread; whoever comes then is asked to come again."""

WAITING_PROMPTLY = 128
"""Prompt checks that wait for their turn, each for a tenth of a second or two."""

CHECK_SECONDS = 60.0
"""How long one is waited for, the time in the queue included."""


class Turns:
    """The event loop's own work, one piece at a time; in between, the loop sees to everything else.

    Args:
        waiting: How many wait for their turn; whoever comes then is asked to come again.
    """

    def __init__(self, waiting: int = WAITING_PROMPTLY) -> None:
        self._limit = waiting
        self._turn = asyncio.Lock()
        self.waiting = 0

    @asynccontextmanager
    async def next(self) -> AsyncIterator[None]:
        """Wait for one's turn.

        Raises:
            BusyError: ``service_busy``.
        """
        if self.waiting >= self._limit:
            raise BusyError("service_busy")
        self.waiting += 1
        try:
            async with self._turn:
                await asyncio.sleep(0)  # once round the loop: what else has come is seen to first
                yield
        finally:
            self.waiting -= 1


class Workers:
    """A bounded pool.

    Args:
        parallel: Threads.
        waiting: Jobs that wait for one.
        seconds: How long a job is waited for.
    """

    def __init__(
        self,
        *,
        parallel: int = PARALLEL,
        waiting: int = WAITING,
        seconds: float = CHECK_SECONDS,
    ) -> None:
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="check")
        self._capacity = parallel + waiting
        self._seconds = seconds
        self.jobs = 0

    async def run(self, job: Callable[[], T], *, finished: Callable[[], None]) -> T:
        """Run a job in a thread.

        Args:
            job: What to do.
            finished: Called in the event loop when the job no longer holds anything: also when it
                was not run, and not before its thread is done when it was not waited for.

        Raises:
            BusyError: ``service_busy`` when all threads and places are taken; ``check_too_slow``
                when the time is over. The thread then still counts until it is done.
        """
        if self.jobs >= self._capacity:
            finished()
            raise BusyError("service_busy")
        loop = asyncio.get_running_loop()

        def done(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop is closed: the service has ended
                loop.call_soon_threadsafe(leave)

        def leave() -> None:
            self.jobs -= 1
            finished()

        self.jobs += 1
        future = self._pool.submit(job)
        future.add_done_callback(done)
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise BusyError("check_too_slow") from None

    def close(self) -> None:
        """Take no more jobs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
