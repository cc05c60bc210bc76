"""The public status page: what strangers may know, and what it means for them."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from ecert.errors import Language, messages
from ecert.languages import LANGUAGES, moment_said
from registry.api.backlog import MOST, Backlog, Waiting
from registry.api.health import LATE_BEATS, Vitals

_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))
_TWO = 2


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("registry.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    return (resources.files("registry.api") / "templates" / "status.css").read_text("utf-8")


@cache
def policy() -> str:
    """Return the page's Content-Security-Policy: its own style sheet and nothing else."""
    digest = b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def status_page(
    language: Language,
    vitals: Vitals,
    backlog: Backlog | None,
    *,
    origin: str,
    now: int,
    heartbeat: int,
) -> str:
    """Return the page.

    Args:
        language: What it is written in.
        vitals: What is there and what is not.
        backlog: What waits; None when that is not known.
        origin: The registry's address, its name here.
        now: The time, unix seconds.
        heartbeat: Seconds after which the newest final block is signed again.
    """

    def t(key: str, **parts: object) -> str:
        return messages()[f"web_status_{key}"][language].format_map(parts)

    def age(since: int) -> str:
        return _age(max(0, now - since), language)

    waiting = None
    if backlog is not None:
        waiting = [
            (name, _number(found), _when(found.since, language), age(found.since or now))
            for name, found in (
                ("unsigned", backlog.unsigned),
                ("unanchored", backlog.unanchored),
                ("changes", backlog.changes),
                ("council", backlog.council),
            )
        ]
    block = None
    if vitals.checkpoint is not None:
        number, signed = vitals.checkpoint
        late = now - signed > LATE_BEATS * heartbeat
        block = (number, _when(signed, language), age(signed), late)
    return (
        _environment()
        .get_template("status.html")
        .render(
            t=t,
            language=language,
            other=next(found for found in LANGUAGES if found != language),
            html_lang={"zh": "zh-CN", "en": "en"},
            style=_style(),
            origin=origin,
            standing=vitals.state,
            changes_wait=backlog is not None and backlog.changes.count > 0,
            parts=[
                ("service", "up"),
                ("database", "up" if vitals.database else "down"),
                ("chain", _chain(vitals)),
                ("worker", _worker(vitals)),
            ],
            block=block,
            waiting=waiting,
            looked=_when(now, language),
        )
    )


def _chain(vitals: Vitals) -> str:
    if not vitals.chain:
        return "down"
    return "stalled" if vitals.stalled else "up"


def _worker(vitals: Vitals) -> str:
    if not vitals.database:
        return "unknown"
    if not vitals.worker:
        return "down"
    return "waits" if vitals.waiting else "up"


def _number(found: Waiting) -> str:
    return f"> {MOST - 1:,}" if found.count >= MOST else f"{found.count:,}"


def _when(seconds: int | None, language: Language) -> str:
    if seconds is None:
        return ""
    return moment_said(datetime.fromtimestamp(seconds, UTC), language)


def _age(seconds: int, language: Language) -> str:
    """Return a length of time in the largest unit of which there are two."""
    found = [(seconds // size, unit) for size, unit in _UNITS if seconds >= _TWO * size]
    count, unit = (*found, (0, "moment"))[0]
    return messages()[f"web_status_{unit}"][language].format(count=count)
