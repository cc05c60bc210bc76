"""Time and identifiers, in one place so that tests can set them."""

import datetime as dt
import secrets
import time
from collections.abc import Callable
from functools import lru_cache

Clock = Callable[[], int]
"""Returns unix seconds, UTC."""

_RANDOM_BITS = 80


def unix_now() -> int:
    """Return the time in unix seconds."""
    return int(time.time())


def new_id() -> str:
    """Return a 32-digit hexadecimal id: 48 bits of milliseconds, then 80 random bits.

    As in UUID version 7 (RFC 9562 section 5.7), rows made later sort later, so that a million
    inserts go to one end of an index and pages can be read in order of age.
    """
    return new_ids(1)[0]


def new_ids(count: int) -> list[str]:
    """Return ``count`` new ids in ascending order."""
    stamp = time.time_ns() // 1_000_000
    tails = sorted(secrets.randbits(_RANDOM_BITS) for _ in range(count))
    return [f"{stamp:012x}{tail:020x}" for tail in tails]


@lru_cache(maxsize=64)  # many documents are made within a second
def day_in_china(moment: int) -> dt.date:
    """Return the day that certificates name at ``moment``: that of UTC+8."""
    return dt.datetime.fromtimestamp(moment, dt.timezone(dt.timedelta(hours=8))).date()
