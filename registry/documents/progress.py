"""How far the documents of an import have come, and when all of them will be anchored."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from registry.documents.models import ANCHORED_STATES, DocumentRecord, DocumentState, ImportJob


@dataclass(frozen=True, slots=True)
class ImportState:
    """An import at one moment.

    Attributes:
        finished: Whether its file has been read to its end.
        rows: Rows read so far.
        documents: How many of its documents are in each state, those without any left out.
    """

    finished: bool
    rows: int
    documents: Mapping[DocumentState, int]

    @property
    def anchored(self) -> int:
        """Documents with a final receipt."""
        return sum(self.documents.get(state, 0) for state in ANCHORED_STATES)

    @property
    def left(self) -> int:
        """Documents that are on their way there."""
        rejected = self.documents.get(DocumentState.REJECTED, 0)
        return sum(self.documents.values()) - self.anchored - rejected

    @property
    def moving(self) -> bool:
        """Whether the worker has something to do for it."""
        waiting = (DocumentState.APPROVED, DocumentState.SIGNED, DocumentState.BATCHED)
        return any(self.documents.get(state, 0) for state in waiting)


def state_of(session: Session, job: ImportJob) -> ImportState:
    """Count an import's documents by state."""
    statement = (
        select(DocumentRecord.state, sa.func.count())
        .where(col(DocumentRecord.import_id) == job.id)
        .group_by(col(DocumentRecord.state))
    )
    counts = {DocumentState(state): count for state, count in session.exec(statement)}
    ordered = {state: counts[state] for state in DocumentState if state in counts}
    return ImportState(not job.reading, job.rows, ordered)


class Meter:
    """Tells the rate of something that goes on, and how long it will still take.

    The rate is that since ``WINDOW_SECONDS`` ago: the work comes in large steps.

    Args:
        done: How much was done when it began.
        now: When it began, in seconds.
    """

    WINDOW_SECONDS = 30.0

    def __init__(self, done: int, now: float) -> None:
        self._seen = [(now, done)]

    def rate(self, done: int, now: float) -> float:
        """Return how much is done in a second; 0 while nothing can be said."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self.WINDOW_SECONDS:
            self._seen.pop(0)
        since, before = self._seen[0]
        return (done - before) / (now - since) if now > since else 0.0
