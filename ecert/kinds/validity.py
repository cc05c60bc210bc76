"""Until when a certificate is valid, from its kind's rule.

=============  =================================================================================
type           the last day of validity
=============  =================================================================================
permanent      none
fixed          a term after issue
by_age         a term that the holder's age at issue chooses
by_number      a term that a number among the claims chooses
by_claim       a term that a claim's value names
until_claim    a date among the claims, ``at_most`` a term away; ``otherwise`` a term after issue
until_event    none, or ``latest``: a date among the claims; revoked when the event happens
=============  =================================================================================

A term counts from the day of issue, or from the date in the claim that ``from`` names. The day
that comes after the last one begins at midnight in China, UTC+8: that instant is the end.
"""

import calendar
import datetime as dt
from collections.abc import Mapping
from typing import Any

from ecert.errors import ContentError

CHINA_TIME = dt.timezone(dt.timedelta(hours=8), "UTC+08:00")
"""Certificates name days of this zone, which has no summer time."""

Rule = Mapping[str, Any]
Claims = Mapping[str, Any]


def last_day(  # noqa: PLR0911 - one return a rule type
    rule: Rule, issued: dt.date, claims: Claims
) -> dt.date | None:
    """Return the last day on which a certificate is valid.

    Args:
        rule: A kind's validity rule, already checked against the kind schema.
        issued: The day of issue; a date in the claim that ``from`` names goes before it.
        claims: The certificate's claims.

    Returns:
        The day, or None for a certificate without an end.

    Raises:
        ContentError: ``claim_missing``, ``claim_wrong_type`` or ``claim_date_impossible`` for a
            claim that the rule needs, ``claim_not_allowed`` when no case fits,
            ``claim_date_out_of_range``, ``claim_beyond_term``.
    """
    start = _date(claims, rule["from"], default=issued) if "from" in rule else issued
    match rule["type"]:
        case "permanent":
            return None
        case "fixed":
            return _after(rule, start)
        case "by_age":
            age = age_on(_date(claims, rule["birth_date"]), start)
            return _after(_band(rule, "until_age", age, rule["birth_date"]), start)
        case "by_number":
            number = _value(claims, rule["claim"])
            if not isinstance(number, int):
                raise _error("claim_wrong_type", rule["claim"], expected="integer")
            return _after(_band(rule, "below", number, rule["claim"]), start)
        case "by_claim":
            term = rule["cases"].get(_value(claims, rule["claim"]))
            if term is None:
                raise _error("claim_not_allowed", rule["claim"], expected=", ".join(rule["cases"]))
            return _after(term, start)
        case "until_claim":
            return _until_claim(rule, start, claims)
        case _:  # until_event: the schema knows no other
            latest = rule.get("latest")
            return None if latest is None else _date(claims, latest)


def end_instant(day: dt.date | None) -> dt.datetime | None:
    """Return the instant at which validity ends, given its last day.

    Raises:
        ContentError: ``claim_date_out_of_range`` when the day is the calendar's last.
    """
    if day is None:
        return None
    try:
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), CHINA_TIME)
    except OverflowError as error:
        raise _error("claim_date_out_of_range", "validity") from error


def age_on(birth: dt.date, day: dt.date) -> int:
    """Return the age in completed years; born on 29 February, one ages on 1 March."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def parse_date(text: object, claim: str) -> dt.date:
    """Read a date as claims write it, ``YYYY-MM-DD``.

    Raises:
        ContentError: ``claim_date_impossible``.
    """
    # fromisoformat alone would also take 20260131 and 2026-W05-6.
    if isinstance(text, str) and len(text) == 10 and text[4] == text[7] == "-":
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            pass
    raise _error("claim_date_impossible", claim)


def _until_claim(rule: Rule, start: dt.date, claims: Claims) -> dt.date | None:
    claim = rule["claim"]
    if claim not in claims and "otherwise" in rule:
        return _after(rule["otherwise"], start)
    day = _date(claims, claim)
    bound = _after(rule["at_most"], start) if "at_most" in rule else None
    if bound is not None and day > bound:
        raise _error("claim_beyond_term", claim, limit=bound.isoformat())
    return day


def _band(rule: Rule, bound: str, number: int, claim: str) -> Rule:
    for band in rule["bands"]:
        if number < band.get(bound, number + 1):
            return band  # type: ignore[no-any-return]
    raise _error("claim_number_out_of_range", claim, expected=rule["bands"][-1].get(bound))


def _after(term: Rule, start: dt.date) -> dt.date | None:
    if term.get("permanent"):
        return None
    try:
        if "days" in term:
            return start + dt.timedelta(days=term["days"])
        years, month = divmod(start.month - 1 + term.get("months", 0), 12)
        year = start.year + years + term.get("years", 0)
        # 29 February plus a year ends on 28 February.
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        return dt.date(year, month + 1, day)
    except (OverflowError, ValueError) as error:
        raise _error("claim_date_out_of_range", "validity") from error


def _value(claims: Claims, claim: str) -> Any:
    if claim not in claims:
        raise _error("claim_missing", claim)
    value = claims[claim]
    if not isinstance(value, str | int):
        raise _error("claim_wrong_type", claim, expected="string")
    return value


def _date(claims: Claims, claim: str, default: dt.date | None = None) -> dt.date:
    if claim not in claims and default is not None:
        return default
    return parse_date(_value(claims, claim), claim)


def _error(code: str, claim: str, **details: object) -> ContentError:
    return ContentError(code, claim=claim, label=claim, **details)
