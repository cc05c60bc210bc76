"""Whether the service, its database, its worker and its chain are there."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ecert.chain.node import read_header
from ecert.chain.rpc import RpcNode
from ecert.errors import EcertError
from ecert.limits import MIB
from registry.application import Registry
from registry.context import standstill_of
from registry.nodes import node_urls
from registry.outbox.models import ChainCheckpoint, WorkerState
from registry.timekeeping import ClockError

LATE_BEATS = 3
"""Heartbeats that a worker may miss before it counts as gone."""

PASSING_SECONDS = 30
"""How long a worker may wait for something before that is told: much is over in a moment."""

CHECK_SECONDS = 5.0
"""How long what was found is taken to be so still."""

_NODE_SECONDS = 3.0

_log = logging.getLogger(__name__)

State = Literal["ok", "degraded", "unavailable"]
Halt = Literal["database", "chain", "stalled", "worker", "waiting"]
"""Why nothing new is issued: no database; no node; no blocks; no worker; a worker that waits."""


@dataclass(frozen=True, slots=True)
class NodeVitals:
    """How one of the chain's nodes fares.

    Attributes:
        up: Whether it answers as a node of this chain.
        seconds: How long it took to answer.
        height: The block that it is at.
        time: That block's time, unix seconds.
    """

    up: bool
    seconds: float = 0.0
    height: int = 0
    time: int = 0


@dataclass(frozen=True, slots=True)
class Vitals:
    """What was found at one moment.

    Attributes:
        database: Whether the database answers.
        nodes: The chain's nodes, in the order of the settings.
        stalled: Whether a network has made no block for too long, as far as these know.
        worker: Whether the worker gave a sign of life lately; it does so also when idle.
        waiting: Whether the worker has waited for something for a while.
        told: What the worker tells of itself, if it has.
        clock: Whether this machine's clock can be right.
        free: Bytes that are free on the disk of the registry's directory; None when not known.
        low: Whether these are fewer than the setting ``disk_low_mib`` wants.
        checkpoint: The newest final block with the time of its signature.
    """

    database: bool
    nodes: tuple[NodeVitals, ...]
    stalled: bool
    worker: bool
    waiting: bool
    told: WorkerState | None
    clock: bool
    free: int | None
    low: bool
    checkpoint: tuple[int, int] | None

    @property
    def chain(self) -> bool:
        """Whether any node of the chain answers."""
        return any(node.up for node in self.nodes)

    @property
    def halted(self) -> Halt | None:
        """Why nothing new is issued."""
        if not self.database:
            return "database"
        if not self.chain:
            return "chain"
        if self.stalled:
            return "stalled"
        if not self.worker:
            return "worker"
        return "waiting" if self.waiting else None

    @property
    def state(self) -> State:
        """``unavailable`` when nothing can be served.

        ``degraded`` when nothing new is issued, or soon will not be.
        """
        if not self.database:
            return "unavailable"
        return "degraded" if self.halted or not self.clock or self.low else "ok"


class Health:
    """Looks, at most once in a few seconds however often it is asked.

    Args:
        registry: The registry.
        clock: Monotonic seconds.
    """

    def __init__(self, registry: Registry, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._standstill = standstill_of(registry.context)
        self._vitals = Vitals(False, (), False, False, False, None, False, None, False, None)

    def vitals(self) -> Vitals:
        """Return what was found a few seconds ago at most."""
        with self._lock:
            if self._clock() >= self._looked + CHECK_SECONDS:
                self._vitals = self._look()
                self._looked = self._clock()
            return self._vitals

    def _look(self) -> Vitals:
        nodes, settings = self._nodes(), self._registry.settings
        stalled = self._stalled(nodes)
        free = free_bytes(settings.directory)
        low = free is not None and free < settings.disk_low_mib * MIB
        try:
            with self._registry.database.reading() as session:
                row = session.get(ChainCheckpoint, 1)
                told = session.get(WorkerState, 1)
        except EcertError:
            right = self._clock_right(None)
            return Vitals(False, nodes, stalled, False, False, None, right, free, low, None)
        now = self._registry.context.clock()
        latest = None if row is None else (row.number, row.time)
        signs = [0 if latest is None else latest[1], 0 if told is None else told.updated_at]
        allowed = LATE_BEATS * self._registry.settings.heartbeat_seconds
        return Vitals(
            database=True,
            nodes=nodes,
            stalled=stalled,
            worker=now - max(signs) <= allowed,
            waiting=told is not None
            and told.waits
            and now - (told.error_since or now) >= PASSING_SECONDS,
            told=told,
            clock=self._clock_right(latest),
            free=free,
            low=low,
            checkpoint=latest,
        )

    def _nodes(self) -> tuple[NodeVitals, ...]:
        try:
            urls = node_urls(self._registry.settings)
        except EcertError:
            return (NodeVitals(False),)
        if len(urls) == 1:
            return (self._node(urls[0]),)
        with ThreadPoolExecutor(len(urls)) as threads:
            return tuple(threads.map(self._node, urls))

    def _node(self, url: str) -> NodeVitals:
        started = time.perf_counter()
        try:
            node = RpcNode(url, seconds=_NODE_SECONDS)
            found = node.call("eth_chainId", [])
            seconds = time.perf_counter() - started
            block = read_header(node.call("eth_getBlockByNumber", ["latest", False]))
        except EcertError:
            return NodeVitals(False)
        if found != hex(self._registry.context.contracts.chain_id):
            return NodeVitals(False)
        return NodeVitals(True, seconds, block.number, block.time)

    def _stalled(self, nodes: Sequence[NodeVitals]) -> bool:
        if self._standstill is None or not any(node.up for node in nodes):
            return False
        newest = max((node for node in nodes if node.up), key=lambda node: node.height)
        now = self._registry.context.clock()
        return self._standstill.see(newest.height, newest.time, now) is not None

    def _clock_right(self, latest: tuple[int, int] | None) -> bool:
        context = self._registry.context
        try:
            context.watch.check(context.clock(), signed=None if latest is None else latest[1])
        except ClockError as error:
            _log.warning("%s", error)
            return False
        return True


def free_bytes(directory: Path) -> int | None:
    """Return how much an ordinary process may still write on a directory's disk."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
