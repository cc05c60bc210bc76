"""What all benchmarks share: measuring side by side, and a table of ratios.

Rates are of one core of whatever machine this is, so only ratios taken in one run say anything.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

ROUNDS = 9
ROUND_SECONDS = 0.12


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        name: What was measured.
        ours: Times a second, ours.
        reference: What it is compared with.
        reference_rate: Times a second, the reference in the same run.
        goal: The ratio of ours to the reference to reach; None where none is set.
        limit: What no implementation can exceed.
    """

    name: str
    ours: float
    reference: str
    reference_rate: float
    goal: float | None = None
    limit: str = ""

    @property
    def ratio(self) -> float:
        """Ours by the reference's."""
        return self.ours / self.reference_rate

    @property
    def reached(self) -> bool:
        """Whether the goal, if any, is reached."""
        return self.goal is None or self.ratio >= self.goal


def rates(actions: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Measure ``actions`` in turns, so that a busy moment of the machine meets all of them.

    Args:
        actions: What to call, by name.

    Returns:
        Calls a second of each, in its best round.
    """
    counts = {name: _calls_in(action, ROUND_SECONDS) for name, action in actions.items()}
    best = dict.fromkeys(actions, 0.0)
    for _ in range(ROUNDS):
        for name, action in actions.items():
            best[name] = max(best[name], counts[name] / _seconds(action, counts[name]))
    return best


def table(rows: Iterable[Row]) -> str:
    """Return ``rows`` as an aligned table in Markdown."""
    head = ("what", "ours/s", "reference", "reference/s", "ratio", "to reach", "limit")
    lines = [head, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in [head, rule, *lines[1:]]
    )


def _cells(row: Row) -> tuple[str, ...]:
    goal = "" if row.goal is None else f"{row.goal:.2f} {'yes' if row.reached else 'no'}"
    rate, reference = f"{row.ours:,.0f}", f"{row.reference_rate:,.0f}"
    return (row.name, rate, row.reference, reference, f"{row.ratio:.2f}", goal, row.limit)


def _calls_in(action: Callable[[], object], seconds: float) -> int:
    count = 1
    while (taken := _seconds(action, count)) < seconds / 8:
        count *= 2
    return max(1, round(count * seconds / taken))


def _seconds(action: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        action()
    return time.perf_counter() - start
