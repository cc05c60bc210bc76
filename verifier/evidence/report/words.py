"""A report's own sentences, and times as it writes them."""

from datetime import datetime

from ecert.errors import Language, messages
from ecert.fields import time_text
from ecert.languages import moment_said


def say(key: str, language: Language, **values: object) -> str:
    """Return one of the report's sentences."""
    return messages()[f"report_{key}"][language].format_map(values)


def moment(seconds: int, language: Language) -> str:
    """Return a time in Beijing to the second, and the same in UTC."""
    text = time_text(seconds)
    local = moment_said(datetime.fromisoformat(text), language)
    return say("moment", language, local=f"{local}:{text[17:19]}", utc=text)
