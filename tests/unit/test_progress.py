"""Progress as people read it: a rate, and the time left that follows from it."""

import io
import sys

import pytest

from registry.cli import progress
from registry.cli.progress import as_line, duration, import_report, pace
from registry.documents.models import DocumentState
from registry.documents.progress import ImportState, Meter
from registry.documents.streaming import Progress


def test_the_rate_is_that_of_the_last_seconds() -> None:
    meter = Meter(0, 100.0)
    assert meter.rate(0, 100.0) == 0
    assert meter.rate(50, 110.0) == 5
    assert meter.rate(50, 130.0) == pytest.approx(50 / 30)
    for second in range(131, 200):
        rate = meter.rate(50 + 10 * (second - 130), float(second))
    assert rate == pytest.approx(10), "what was long ago counts no more"
    assert len(meter._seen) < 40


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (75, "1:15"), (3600, "1:00:00")]
)
def test_times_are_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_nothing_is_promised_without_a_rate() -> None:
    assert pace(10, 0.0) == "剩余时间未知 time left unknown"
    assert pace(10, 2.0) == "2/s  剩余 left 0:05"
    assert pace(0, 0.0) == "完成 done"


def test_an_import_is_told_by_state() -> None:
    documents = {
        DocumentState.APPROVED: 600, DocumentState.ANCHORED: 1000, DocumentState.DELIVERED: 200,
        DocumentState.REJECTED: 3,
    }  # fmt: skip
    state = ImportState(finished=True, rows=1803, documents=documents)
    assert (state.anchored, state.left, state.moving) == (1200, 600, True)
    line = as_line(state, 10.0, as_json=False)
    assert line == "approved 600  anchored 1,000  delivered 200  rejected 3  10/s  剩余 left 1:00"
    assert "not read to its end" in as_line(
        ImportState(finished=False, rows=0, documents={}), 0.0, as_json=False
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_has_one_line_and_a_log_many(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    shown = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    report = import_report()
    for rows in (1000, 2000, 3000):
        report(Progress(rows, 3000))
    text = shown.getvalue()
    assert "1,000 / 3,000 行 rows (33%)" in text
    assert ("完成 done" in text) == terminal
    assert text.count("\n") == (1 if terminal else 2)
    assert ("\r" in text) == terminal
