"""Whether a network stands still: its validators make blocks also where nothing is sent.

Without a quorum of validators no block is made, and a node that is cut off from the others gets
none. Both answer as before, for the past.
"""

import threading
from collections.abc import Callable

from registry.timekeeping import TOLERANCE_SECONDS, seconds_passed


class Standstill:
    """Counts the time since a new block was last seen.

    No clock is asked but for a first block that was there already: how old it is only its own time
    tells, which is believed as far as clocks may differ.

    Args:
        limit: Seconds without a new block that are too many.
        passed: Counts seconds whatever the clock says.
        tolerance: How far clocks may differ, in seconds.
    """

    def __init__(
        self,
        limit: float,
        passed: Callable[[], float] = seconds_passed,
        *,
        tolerance: int = TOLERANCE_SECONDS,
    ) -> None:
        self._limit = limit
        self._passed = passed
        self._tolerance = tolerance
        self._lock = threading.Lock()
        self._number: int | None = None
        self._since = 0.0

    def see(self, number: int, block_time: int, now: int) -> int | None:
        """Take note of the newest block there is; tell for how many seconds it has been that.

        Args:
            number: Its number.
            block_time: Its time, unix seconds.
            now: The time by this machine's clock.

        Returns:
            The seconds where they are too many, else None.
        """
        with self._lock:
            passed = self._passed()
            if self._number is None:
                self._since = passed - max(0, now - block_time - self._tolerance)
            elif number > self._number:
                self._since = passed
            # A lower one is no news. Blocks that follow it are, or the word of a node that once
            # invented high ones would stand for ever.
            self._number = number
            still = passed - self._since
        return int(still) if still > self._limit else None
