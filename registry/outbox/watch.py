"""What the worker tells of itself and of the chain's nodes, through the database."""

import contextlib
import time

from ecert.errors import EcertError
from registry.application import Registry
from registry.outbox.models import WorkerState

TELL_SECONDS = 5.0
"""How often a worker without news tells that it works."""


class Watch:
    """Keeps ``WorkerState``.

    Args:
        registry: Database and clock.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._told_at = float("-inf")
        self._error: str | None = None
        self._reorganisations = 0
        self._resent = 0

    def reorganised(self) -> None:
        """Note that a final block was replaced; told with what is told next."""
        self._reorganisations += 1

    def works(self, resent: int, failures: list[dict[str, int]]) -> None:
        """Tell that a round was done.

        Args:
            resent: Transactions sent again since the worker started.
            failures: Of each node, by kind.
        """
        news = self._error is not None or self._reorganisations or resent > self._resent
        if news or time.monotonic() >= self._told_at + TELL_SECONDS:
            self._tell(None, resent, failures)

    def waits(self, error: EcertError, resent: int, failures: list[dict[str, int]]) -> None:
        """Tell what the worker waits for, as far as the database can be told."""
        with contextlib.suppress(EcertError):
            self._tell(error.code, resent, failures)

    def _tell(self, error: str | None, resent: int, failures: list[dict[str, int]]) -> None:
        now = self._registry.context.clock()
        with self._registry.database.transaction() as session:
            row = session.get(WorkerState, 1, with_for_update=True) or WorkerState(id=1)
            if error is not None:
                row.error_since = row.error_since if row.waits else now
                row.error, row.error_until = error, None
            elif row.waits:
                row.error_until = now
            row.failures, row.updated_at = failures, now
            row.reorganisations += self._reorganisations
            row.resent += resent - self._resent
            session.add(row)
        self._error, self._told_at = error, time.monotonic()
        self._reorganisations, self._resent = 0, resent
