"""The page's own sentences in the language that a visitor gets."""

import re
from collections.abc import Mapping
from datetime import datetime

from ecert.errors import Language, messages
from ecert.fields import time_text
from ecert.languages import moment_said

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def say(key: str, language: Language, values: Mapping[str, object] | None = None) -> str:
    """Return one of the page's sentences."""
    return messages()[f"web_{key}"][language].format_map(values or {})


def time_said(seconds: int, language: Language) -> str:
    """Return a time as people in China read it, to the minute, with its zone."""
    moment = moment_said(datetime.fromisoformat(time_text(seconds)), language)
    return say("zone", language, {"time": moment})


def with_times_said(text: str, language: Language) -> str:
    """Return a sentence with the times in it written for people, without their zone."""

    def rewrite(match: re.Match[str]) -> str:
        try:
            return moment_said(datetime.fromisoformat(match[0]), language)
        except ValueError:  # looks like a time, is none
            return match[0]

    return _TIME.sub(rewrite, text)
