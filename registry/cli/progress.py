"""Showing how far long work has come: on a terminal in one line, else a line every few seconds."""

import json
import sys
import time
from collections.abc import Callable, Iterator

from registry.access.actor import Actor
from registry.application import Registry
from registry.documents.progress import ImportState, Meter, state_of
from registry.documents.streaming import Progress

LINE_SECONDS = 5.0
"""Between two lines where they are kept, as in a log."""

REDRAW_SECONDS = 0.5
WATCH_SECONDS = 2.0
_SHARE = 20
"""Counting may take one part in so many of the time."""


def import_report() -> Callable[[Progress], None]:
    """Return what writes an import's progress to standard error."""
    terminal = sys.stderr.isatty()
    pause = REDRAW_SECONDS if terminal else LINE_SECONDS
    started = shown = time.monotonic()
    meter = Meter(0, started)

    def report(progress: Progress) -> None:
        nonlocal shown
        now = time.monotonic()
        rate = meter.rate(progress.rows, now)
        ended = progress.rows == progress.total
        # Where lines are kept the result follows; on a terminal the line is brought to its end.
        if not terminal if ended else now < shown + pause:
            return
        shown = now
        share = progress.rows / progress.total
        text = f"{progress.rows:,} / {progress.total:,} 行 rows ({share:.0%})  " + pace(
            progress.total - progress.rows, rate
        )
        print(
            f"\r\x1b[K{text}" if terminal else text,
            end="\n" if ended or not terminal else "",
            file=sys.stderr,
            flush=True,
        )

    return report


def watched(
    registry: Registry, actor: Actor, import_id: str, *, again: bool
) -> Iterator[tuple[ImportState, float]]:
    """Yield an import's state and how many documents are anchored in a second.

    Args:
        registry: Where it is.
        actor: Who asks.
        import_id: The import.
        again: Go on until there is nothing left to do for the worker; else look twice, or once
            where nothing moves.

    Raises:
        NotFoundError: ``import_unknown``.
    """
    meter: Meter | None = None
    while True:
        started = time.monotonic()
        with registry.reading() as services:
            job = services.documents.import_job(actor, import_id)
            state = state_of(services.session, job)
        now = time.monotonic()
        first = meter is None
        meter = meter or Meter(state.anchored, now)
        if again or not first or not state.moving:
            yield state, meter.rate(state.anchored, now)
        if not state.moving or not (again or first):
            return
        # Millions are not counted all the time.
        time.sleep(max(WATCH_SECONDS, _SHARE * (now - started)))


def as_line(state: ImportState, rate: float, *, as_json: bool) -> str:
    """Return an import's state as a line of text, or of JSON."""
    if as_json:
        left = round(state.left / rate) if rate > 0 else None
        values = {
            "finished": state.finished,
            "rows": state.rows,
            "documents": {name.value: count for name, count in state.documents.items()},
            "anchored_per_second": round(rate, 1),
            "seconds_left": left if state.left else 0,
        }
        return json.dumps(values)
    counts = "  ".join(f"{name} {count:,}" for name, count in state.documents.items())
    unfinished = "" if state.finished else "文件未读完 file not read to its end  "
    return f"{unfinished}{counts}  {pace(state.left, rate)}"


def pace(left: int, rate: float) -> str:
    """Return rate and time left as people read them."""
    if not left:
        return "完成 done"
    if rate <= 0:
        return "剩余时间未知 time left unknown"
    return f"{rate:,.0f}/s  剩余 left {duration(left / rate)}"


def duration(seconds: float) -> str:
    """Return a time as minutes and seconds, or hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
