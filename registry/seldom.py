"""What takes long to find out when there are millions of rows, and so is found out seldom."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_SHARE = 100
"""Finding out may take one part in so many of the time."""


class Seldom(Generic[T]):
    """Something counted over many rows: not for every question.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: T | None = None
        self._good_until = float("-inf")

    def get(self, find: Callable[[], T]) -> T:
        """Return what ``find`` returned a while ago, or returns now.

        The while is a hundred times what finding took: a small registry is counted nearly always,
        and a large one, to which a few rows more mean little, seldom.
        """
        with self._lock:
            started = self._clock()
            if self._kept is None or started >= self._good_until:
                self._kept = find()
                ended = self._clock()
                self._good_until = ended + _SHARE * (ended - started)
            return self._kept
