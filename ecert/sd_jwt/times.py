"""Times in tokens: NumericDate (RFC 7519 section 2) against a verifier's clock."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ecert.errors import MalformedError, ValidityError
from ecert.fields import MAX_TIME
from ecert.sd_jwt.names import CLOCK_LEEWAY_SECONDS

_NUMBERS = frozenset({int, float})  # by their very types: a bool is an int to isinstance


def unix_seconds(now: datetime) -> float:
    """Return ``now`` in seconds since 1970.

    Raises:
        MalformedError: ``time_not_aware`` for a time without its zone, whose meaning would depend
            on the machine.
    """
    if now.tzinfo is None:
        raise MalformedError("time_not_aware")
    return now.timestamp()


def numeric_date(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a time claim in seconds, or None when it is absent.

    Raises:
        ValidityError: ``sd_jwt_time_malformed`` for anything but a number a clock can hold.
    """
    if name not in claims:
        return None
    value: float = claims[name]
    if type(value) not in _NUMBERS or not 0 <= value <= MAX_TIME:
        raise ValidityError("sd_jwt_time_malformed", name=name)
    return value


def check_validity(claims: Mapping[str, Any], now: datetime) -> None:
    """Check ``iat``, ``nbf`` and ``exp`` where present (RFC 9901 section 7.1, step 6).

    Raises:
        ValidityError: ``sd_jwt_time_malformed``, ``sd_jwt_not_yet_valid``, ``sd_jwt_expired``.
        MalformedError: ``time_not_aware``.
    """
    time = unix_seconds(now)
    for name in ("iat", "nbf"):
        start = numeric_date(claims, name)
        if start is not None and start > time + CLOCK_LEEWAY_SECONDS:
            raise ValidityError("sd_jwt_not_yet_valid", name=name, since=int(start))
    end = numeric_date(claims, "exp")
    if end is not None and end <= time - CLOCK_LEEWAY_SECONDS:
        raise ValidityError("sd_jwt_expired", until=int(end))
