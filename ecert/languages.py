"""Which of the two languages somebody gets a page in, and how people there read a time."""

import re
from datetime import datetime, timedelta, timezone

from ecert.errors import Language

LANGUAGES: tuple[Language, ...] = ("zh", "en")
BEIJING = timezone(timedelta(hours=8))

_MAX_HEADER_CHARS = 400
_QUALITY = re.compile(r"q=(0(?:\.\d{1,3})?|1(?:\.0{1,3})?)\Z")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def choose_language(asked: str | None, accept: str | None) -> Language:
    """Return the language of an answer.

    Args:
        asked: What the address asks for.
        accept: The ``Accept-Language`` header (RFC 9110 section 12.5.4).
    """
    for language in LANGUAGES:
        if asked == language:
            return language
    best: tuple[float, Language] = (0.0, "zh")
    for item in (accept or "")[:_MAX_HEADER_CHARS].split(","):
        name, _, parameter = item.strip().partition(";")
        for language in LANGUAGES:
            if name.lower().partition("-")[0] == language:
                best = max(best, (_quality(parameter.strip()), language), key=lambda it: it[0])
    return best[1]


def _quality(parameter: str) -> float:
    if not parameter:
        return 1.0
    match = _QUALITY.match(parameter)
    return float(match[1]) if match else 0.0


def moment_said(moment: datetime, language: Language) -> str:
    """Return a time as people in China read it, to the minute, without its zone."""
    try:
        local = moment.astimezone(BEIJING)
    except OverflowError:  # the last hours of the year 9999
        local = moment
    clock = f"{local.hour:02}:{local.minute:02}"
    if language == "zh":
        return f"{local.year}年{local.month}月{local.day}日 {clock}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {clock}"
