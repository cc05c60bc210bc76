"""Numbers for Prometheus: requests as they come, the rest looked up when asked for."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import get_args

import sqlalchemy as sa
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlmodel import Session, col, select

from ecert.errors import EcertError
from registry.api.health import Halt, Health, NodeVitals
from registry.application import Registry
from registry.batches.models import Batch, BatchState
from registry.documents.models import DocumentRecord, DocumentState
from registry.outbox.models import LIVE_STATES, Transaction, TransactionState, WorkerState
from registry.seldom import Seldom
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
        self._documents: Seldom[dict[str, int]] = Seldom()

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
            ("worker", vitals.worker, "Whether the worker gave a sign of life lately."),
        ):
            yield GaugeMetricFamily(f"ecert_{name}_up", text, float(value))
        yield GaugeMetricFamily(
            "ecert_clock_right", "Whether this machine's clock can be right.", float(vitals.clock)
        )
        if vitals.free is not None:
            yield GaugeMetricFamily(
                "ecert_disk_free_bytes", "Free on the disk of the directory.", vitals.free
            )
        if vitals.checkpoint is not None:
            number, signed = vitals.checkpoint
            yield GaugeMetricFamily("ecert_final_block", "Newest final block.", number)
            age = max(0, self._registry.context.clock() - signed)
            yield GaugeMetricFamily(
                "ecert_checkpoint_age_seconds", "Time since it was signed last.", age
            )
        halted = GaugeMetricFamily(
            "ecert_issuing_halted", "Whether nothing new is issued, by reason.", labels=("reason",)
        )
        for reason in get_args(Halt):
            halted.add_metric((reason,), float(vitals.halted == reason))
        yield halted
        yield from _nodes(vitals.nodes)
        if vitals.told is not None:
            yield from _worker(vitals.told)

    def _rows(self, session: Session) -> Iterator[Metric]:
        documents = self._documents.get(
            lambda: _counts(session, DocumentRecord.state, DocumentState)
        )
        yield _gauge("ecert_documents", "Documents by state.", documents)
        batches = _counts(session, Batch.state, BatchState)
        yield _gauge("ecert_batches", "Batches by state.", batches)
        backlog = _counts(session, Transaction.state, LIVE_STATES)
        yield _gauge("ecert_outbox_transactions", "Transactions not yet final.", backlog)
        # What awaits the council is no fault, however long its members take.
        ours = [state for state in LIVE_STATES if state != TransactionState.AWAITING]
        live = col(Transaction.state).in_(ours)
        oldest = session.exec(select(sa.func.min(Transaction.created_at)).where(live)).one()
        age = 0 if oldest is None else max(0, self._registry.context.clock() - oldest)
        yield GaugeMetricFamily(
            "ecert_outbox_oldest_seconds", "Age of the oldest of them; 0 when there is none.", age
        )
        waiting = (ChangeState.REQUESTED, ChangeState.SENT)
        changes = _counts(session, StatusChange.state, waiting)
        yield _gauge("ecert_status_changes", "Changes of status not yet final.", changes)


def _nodes(nodes: Sequence[NodeVitals]) -> Iterator[Metric]:
    """Tell of the chain's nodes by their place: an address may hold a credential."""
    best = max((node.height for node in nodes), default=0)
    newest = max((node.time for node in nodes if node.up), default=None)
    if newest is not None:
        yield GaugeMetricFamily(
            "ecert_chain_block_timestamp_seconds", "When the newest block was made.", newest
        )
    up, seconds, lag = (
        GaugeMetricFamily(name, text, labels=("node",))
        for name, text in (
            ("ecert_chain_node_up", "Whether a node answers as one of this chain."),
            ("ecert_chain_node_seconds", "How long it took to answer."),
            ("ecert_chain_node_lag_blocks", "How far it is behind the highest."),
        )
    )
    for number, node in enumerate(nodes, 1):
        up.add_metric((str(number),), float(node.up))
        if node.up:
            seconds.add_metric((str(number),), node.seconds)
            lag.add_metric((str(number),), best - node.height)
    yield from (up, seconds, lag)


def _worker(told: WorkerState) -> Iterator[Metric]:
    failures = CounterMetricFamily(
        "ecert_chain_node_failures_total",
        "Failures of a node since the worker started, by kind.",
        labels=("node", "kind"),
    )
    for number, kinds in enumerate(told.failures, 1):
        for kind, count in sorted(kinds.items()):
            failures.add_metric((str(number), kind), count)
    yield failures
    yield CounterMetricFamily(
        "ecert_chain_reorganisations_total", "Final blocks found replaced.", told.reorganisations
    )
    yield CounterMetricFamily("ecert_outbox_resent_total", "Transactions sent again.", told.resent)
    yield GaugeMetricFamily(
        "ecert_worker_waiting", "Whether the worker waits for something.", float(told.waits)
    )
    if told.error is not None:
        error = GaugeMetricFamily(
            "ecert_worker_error_timestamp_seconds",
            "Since when the worker waited for something last, by the error's code.",
            labels=("code",),
        )
        error.add_metric((told.error,), told.error_since or 0)
        yield error


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
