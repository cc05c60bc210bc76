"""Whether this machine's clock can be right: nothing is signed by one that is plainly wrong.

A document counts only if its ``iat`` fits the time of the block that anchors it. One that was
signed by a wrong clock would be refused for ever, and a checkpoint of tomorrow would let old
answers pass for fresh ones. So before anything is signed the clock is held against what nobody
sets:

==================  =============================================================================
time that passed    counted by the system since the last look, sleep included
newest checkpoint   it was signed in the past, so the present is not before it
newest block        on a network, where other machines give blocks their time
==================  =============================================================================

A machine that was off for a week has no time that passed, and starts.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ecert.errors import UnavailableError
from ecert.fields import time_text
from ecert.steps import CLOCK_SKEW_SECONDS

TOLERANCE_SECONDS = CLOCK_SKEW_SECONDS
"""How far a clock may be off: as far as verifiers allow."""

FRESH_SECONDS = 60
"""A block that was not there this long before shows what time it is."""


class ClockError(UnavailableError):
    """This machine's clock is plainly wrong; what waits goes on when it is right again.

    Attributes:
        seconds: How far ahead it seems to be; below zero where it is behind.
    """

    def __init__(self, code: str, *, seconds: int, found: int, expected: int) -> None:
        super().__init__(
            code, seconds=abs(seconds), found=time_text(found), expected=time_text(expected)
        )
        self.seconds = seconds


def seconds_passed() -> float:
    """Return seconds that no setting of the clock changes; they pass during sleep as well."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time of day with the seconds that had passed then."""

    time: int
    passed: float

    def expected(self, passed: float) -> int:
        return self.time + round(passed - self.passed)


class ClockWatch:
    """Judges the clock of one process.

    Args:
        passed: Counts seconds whatever the clock says.
        tolerance: How far the clock may be off, in seconds.
    """

    def __init__(
        self,
        passed: Callable[[], float] = seconds_passed,
        *,
        tolerance: int = TOLERANCE_SECONDS,
    ) -> None:
        self._passed = passed
        self._tolerance = tolerance
        self._lock = threading.Lock()
        self._trusted: _Moment | None = None  # when the clock was last found right
        self._signed: int | None = None  # the newest checkpoint's time then
        self._number = -1
        self._block_time = 0
        self._looked = float("-inf")
        self._chain: _Moment | None = None  # as other machines' newest block tells it

    def see_block(self, number: int, block_time: int) -> None:
        """Take note of the chain's newest block, to which another machine gave its time."""
        with self._lock:
            passed = self._passed()
            if number > self._number:  # else nothing new, or a node that lags behind another
                if passed - self._looked <= FRESH_SECONDS:
                    self._chain = _Moment(block_time, passed)
                self._number, self._block_time = number, block_time
            self._looked = passed

    def check(self, now: int, *, signed: int | None) -> int:
        """Return ``now``, unless the clock that says so is plainly wrong.

        Args:
            now: What the clock says.
            signed: When the newest checkpoint was signed.

        Raises:
            ClockError: ``clock_jumped``, ``clock_behind_checkpoint``, ``clock_behind_chain``,
                ``clock_apart_from_chain``.
        """
        with self._lock:
            passed = self._passed()
            if signed is not None and now < signed - self._tolerance:
                raise _wrong("clock_behind_checkpoint", now, signed)
            self._check_chain(now, passed)
            self._check_passed(now, passed, signed)
            self._trusted, self._signed = _Moment(now, passed), signed
        return now

    def _check_chain(self, now: int, passed: float) -> None:
        if self._block_time - now > self._tolerance:
            raise _wrong("clock_behind_chain", now, self._block_time)
        if self._chain is not None:
            expected = self._chain.expected(passed)
            if abs(now - expected) > self._tolerance:
                raise _wrong("clock_apart_from_chain", now, expected)

    def _check_passed(self, now: int, passed: float, signed: int | None) -> None:
        if self._trusted is None:
            return
        expected = self._trusted.expected(passed)
        if abs(now - expected) <= self._tolerance or self._vouched(now, passed, signed):
            return
        raise _wrong("clock_jumped", now, expected)

    def _vouched(self, now: int, passed: float, signed: int | None) -> bool:
        """Tell whether something else shows that the clock is right, although it jumped.

        A machine that was stopped and continued counts no seconds meanwhile.
        """
        if self._chain is not None and passed - self._chain.passed <= FRESH_SECONDS:
            return True  # with which it agrees
        # Somebody has signed by this clock since: another process that was started later, or the
        # operator by ``registry accept-clock``.
        return (
            signed is not None and signed != self._signed and abs(now - signed) <= self._tolerance
        )


def _wrong(code: str, now: int, expected: int) -> ClockError:
    return ClockError(code, seconds=now - expected, found=now, expected=expected)
