"""Which of the two languages a visitor gets, and the page's own sentences in it."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from ecert.errors import Language, messages
from ecert.fields import time_text

LANGUAGES: tuple[Language, ...] = ("zh", "en")
BEIJING = timezone(timedelta(hours=8))

_MAX_HEADER_CHARS = 400
_QUALITY = re.compile(r"q=(0(?:\.\d{1,3})?|1(?:\.0{1,3})?)\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
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


def say(key: str, language: Language, values: Mapping[str, object] | None = None) -> str:
    """Return one of the page's sentences."""
    return messages()[f"web_{key}"][language].format_map(values or {})


def time_said(seconds: int, language: Language) -> str:
    """Return a time as people in China read it, to the minute, with its zone."""
    moment = _said(datetime.fromisoformat(time_text(seconds)), language)
    return say("zone", language, {"time": moment})


def with_times_said(text: str, language: Language) -> str:
    """Return a sentence with the times in it written for people, without their zone."""

    def rewrite(match: re.Match[str]) -> str:
        try:
            return _said(datetime.fromisoformat(match[0]), language)
        except ValueError:  # looks like a time, is none
            return match[0]

    return _TIME.sub(rewrite, text)


def _said(moment: datetime, language: Language) -> str:
    try:
        local = moment.astimezone(BEIJING)
    except OverflowError:  # the last hours of the year 9999
        local = moment
    clock = f"{local.hour:02}:{local.minute:02}"
    if language == "zh":
        return f"{local.year}年{local.month}月{local.day}日 {clock}"
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {clock}"
