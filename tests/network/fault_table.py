"""The table of the network's faults: a row for each, printed when the tests have ended.

Rows travel as properties of test reports, so that they arrive from whatever process ran the test.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pytest

PROPERTY = "network_fault"
WRITTEN = Path(__file__).parents[2] / "build" / "network.txt"
TITLE = "documents while the network fails"


@dataclass(frozen=True)
class Row:
    """What became of the documents of one fault.

    Attributes:
        fault: What was done.
        issued: Documents whose approval was confirmed, before, while and after it was done.
        anchored: Those that a block holds in the end.
        lost: Those that are nowhere.
        doubled: Those that are there twice.
        changes: Suspensions, reinstatements and revocations that were confirmed; all in force.
        blocks: How many the network made while the fault lasted.
        seconds: From its end until nothing waited any more.
    """

    fault: str
    issued: int
    anchored: int
    lost: int
    doubled: int
    changes: int
    blocks: int
    seconds: float

    @property
    def cells(self) -> list[str]:
        numbers = [getattr(self, field.name) for field in fields(self)[1:-1]]
        return [self.fault, *map(str, numbers), f"{self.seconds:.0f}"]


HEADER = [*(field.name for field in fields(Row)[:-1]), "seconds to drain"]


def record(node: pytest.Item, row: Row) -> None:
    """Let a test's report carry a row."""
    node.user_properties.append((PROPERTY, asdict(row)))


def rows_of(reports: Iterable[object]) -> list[Row]:
    """Return the rows that reports carry, in the order of the tests."""
    return [
        Row(**value)
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY
    ]


def text_of(rows: Iterable[Row]) -> str:
    """Return the table as text."""
    table = [HEADER, *(row.cells for row in rows)]
    widths = [max(len(line[place]) for line in table) for place in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    )


def show(terminal: pytest.TerminalReporter) -> None:
    """Print the table of this session, and write it to a file, if there is any row."""
    rows = rows_of(report for found in terminal.stats.values() for report in found)
    if not rows:
        return
    text = text_of(rows)
    terminal.section(TITLE)
    terminal.write_line(text)
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(text + "\n", "utf-8")
