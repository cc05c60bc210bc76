"""Checks in threads of their own: so many at a time, so many waiting, and no more."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from verifier.web.errors import BusyError

T = TypeVar("T")

PARALLEL = 4
"""Checks at one time: decoding takes a core each, the chain's answer only time."""

WAITING = 16
"""Checks that wait for a thread; whoever comes then is asked to come again."""

CHECK_SECONDS = 60.0
"""How long one is waited for, the time in the queue included."""


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
