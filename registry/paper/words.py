"""The page's own words and its dates, in both languages."""

import tomllib
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from registry.paper.model import Label

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


@cache
def words() -> dict[str, Any]:
    """Return the table of the page's sentences."""
    return tomllib.loads(
        resources.files("registry.paper").joinpath("words.toml").read_text("utf-8")
    )


def day(value: date) -> Label:
    """Write a date as people read it."""
    return Label(
        f"{value.year}年{value.month}月{value.day}日",
        f"{value.day} {_MONTHS[value.month - 1]} {value.year}",
    )


def period(start: date, end: date | None) -> Label:
    """Write a period of validity; without ``end`` it is permanent."""
    first = day(start)
    last = Label(**words()["permanent"]) if end is None else day(end)
    joiner = "起" if end is None else "至"
    return Label(f"{first.zh}{joiner}{last.zh}", f"{first.en} – {last.en}")
