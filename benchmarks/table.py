"""The table that a run prints: ours beside a reference, a limit and what was to be reached."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Unit(Enum):
    """What a number counts, how it is written, and whether more of it is better."""

    RATE = ("{:,.0f}/s", 1.0, True)
    SECONDS = ("{:,.2f} s", 1.0, False)
    MILLISECONDS = ("{:,.2f} ms", 1000.0, False)
    GAS = ("{:,.0f} gas", 1.0, False)
    CALLS = ("{:,.0f}", 1.0, False)
    BYTES = ("{:,.0f} B", 1.0, False)
    MEBIBYTES = ("{:,.0f} MiB", 2.0**-20, False)

    def text(self, value: float) -> str:
        """Write ``value`` (times are in seconds, memory in bytes)."""
        pattern, factor, _ = self.value
        return pattern.format(value * factor)

    def better(self, ours: float, other: float) -> float:
        """Return how many times as good as ``other`` ours is."""
        more_is_better = self.value[2]
        if ours == other:
            return 1.0
        return ours / other if more_is_better else other / ours


EXACT = (Unit.GAS, Unit.CALLS)
"""Units in which a number is the same on every machine."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A number to compare with.

    Attributes:
        name: Whose or what it is.
        value: The number, in the row's unit.
        measured: Whether this run measured it; else it is quoted, and the table says so.
    """

    name: str
    value: float
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: What was measured.
        unit: The unit of all its numbers.
        ours: Our number.
        reference: What somebody else takes for the same.
        limit: What no implementation can do better than.
        target: What was to be reached.
    """

    name: str
    unit: Unit
    ours: float
    reference: Mark | None = None
    limit: Mark | None = None
    target: Mark | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        return self._times(self.target) >= 1

    def cells(self) -> tuple[str, ...]:
        """Return the row as texts, in the order of ``HEAD``."""
        return (
            self.name,
            self.unit.text(self.ours),
            self._mark(self.reference),
            self._ratio(),
            self._mark(self.limit),
            "" if self.limit is None else f"{self._times(self.limit):.0%}",
            self._mark(self.target),
            {None: "", True: "yes", False: "no"}[self.reached],
        )

    def _mark(self, mark: Mark | None) -> str:
        if mark is None:
            return ""
        star = "" if mark.measured else " *"
        return f"{self.unit.text(mark.value)} {mark.name}{star}".rstrip()

    def _ratio(self) -> str:
        """Leave out what would divide a time of this run by one of another machine."""
        reference = self.reference
        if reference is None or not (reference.measured or self.unit in EXACT):
            return ""
        ratio = self._times(reference)
        return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2f}"

    def _times(self, mark: Mark) -> float:
        return self.unit.better(self.ours, mark.value)


HEAD = ("what", "ours", "reference", "ratio", "limit", "of limit", "to reach", "reached")


def table(rows: Iterable[Row]) -> str:
    """Return ``rows`` as an aligned table in Markdown."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(cells, widths) for cells in (lines[0], rule, *lines[1:]))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
