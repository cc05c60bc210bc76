"""Numbers for Prometheus: requests as they come, the rest looked up when asked for."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

import sqlalchemy as sa
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlmodel import Session, col, select

from ecert.errors import EcertError
from registry.api.health import Health
from registry.application import Registry
from registry.batches.models import Batch, BatchState
from registry.documents.models import DocumentRecord, DocumentState
from registry.outbox.models import LIVE_STATES, Transaction
from registry.status.models import ChangeState, StatusChange

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series nobody reads
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Metrics:
    """The numbers of one process.

    Args:
        registry: Asked for documents, batches and the outbox.
        health: Asked for the chain and the worker.
    """

    def __init__(self, registry: Registry, health: Health) -> None:
        self._collected = CollectorRegistry()
        self._requests = Counter(
            "ecert_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._collected,
        )
        self._seconds = Histogram(
            "ecert_http_request_seconds",
            "How long requests took.",
            ("route",),
            registry=self._collected,
        )
        self._collected.register(_State(registry, health))

    def count(self, method: str, route: str, status: int, seconds: float) -> str:
        """Account for a request; return its method as counted: anybody may invent one."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        return method

    def text(self) -> bytes:
        """Return all numbers in Prometheus' text format."""
        return generate_latest(self._collected)


class _State:
    """Looks numbers up when they are scraped."""

    def __init__(self, registry: Registry, health: Health) -> None:
        self._registry = registry
        self._health = health

    def describe(self) -> Iterable[Metric]:
        """Return nothing: so that registering does not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return the gauges; without a database those of the chain only."""
        yield from self._vitals()
        try:
            with self._registry.database.reading() as session:
                found = list(self._rows(session))
        except EcertError:
            return
        yield from found

    def _vitals(self) -> Iterator[Metric]:
        vitals = self._health.vitals()
        for name, value, text in (
            ("database", vitals.database, "Whether the database answers."),
            ("chain", vitals.chain, "Whether a node of the chain answers."),
            ("worker", vitals.worker, "Whether the worker signed a checkpoint lately."),
        ):
            yield GaugeMetricFamily(f"ecert_{name}_up", text, float(value))
        if vitals.checkpoint is not None:
            number, signed = vitals.checkpoint
            yield GaugeMetricFamily("ecert_final_block", "Newest final block.", number)
            age = max(0, self._registry.context.clock() - signed)
            yield GaugeMetricFamily(
                "ecert_checkpoint_age_seconds", "Time since it was signed last.", age
            )

    def _rows(self, session: Session) -> Iterator[Metric]:
        documents = _counts(session, DocumentRecord.state, DocumentState)
        yield _gauge("ecert_documents", "Documents by state.", documents)
        batches = _counts(session, Batch.state, BatchState)
        yield _gauge("ecert_batches", "Batches by state.", batches)
        backlog = _counts(session, Transaction.state, LIVE_STATES)
        yield _gauge("ecert_outbox_transactions", "Transactions not yet final.", backlog)
        live = col(Transaction.state).in_(LIVE_STATES)
        oldest = session.exec(select(sa.func.min(Transaction.created_at)).where(live)).one()
        age = 0 if oldest is None else max(0, self._registry.context.clock() - oldest)
        yield GaugeMetricFamily(
            "ecert_outbox_oldest_seconds", "Age of the oldest of them; 0 when there is none.", age
        )
        waiting = (ChangeState.REQUESTED, ChangeState.SENT)
        changes = _counts(session, StatusChange.state, waiting)
        yield _gauge("ecert_status_changes", "Changes of status not yet final.", changes)


def _counts(session: Session, state: StrEnum, states: Iterable[StrEnum]) -> dict[str, int]:
    """Return how many rows are in each of ``states``, also where there are none."""
    counts = {member.value: 0 for member in states}
    column = col(state)
    statement = sa.select(column, sa.func.count()).where(column.in_(list(states))).group_by(column)
    return counts | {str(name): count for name, count in session.execute(statement)}


def _gauge(name: str, text: str, values: dict[str, int]) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=("state",))
    for state, count in values.items():
        gauge.add_metric((state,), count)
    return gauge
