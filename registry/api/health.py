"""Whether the service, its database, its worker and its chain are there."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ecert.chain.rpc import RpcNode
from ecert.errors import EcertError
from networks.embedded import endpoint
from registry.application import Registry
from registry.outbox.models import ChainCheckpoint

CHAIN_DIRECTORY = "chain"
"""Where an embedded chain lies in the registry's directory."""

LATE_BEATS = 3
"""Heartbeats that a worker may miss before it counts as gone."""

CHECK_SECONDS = 5.0
"""How long what was found is taken to be so still."""

_NODE_SECONDS = 3.0

State = Literal["ok", "degraded", "unavailable"]


@dataclass(frozen=True, slots=True)
class Vitals:
    """What was found at one moment.

    Attributes:
        database: Whether the database answers.
        chain: Whether a node of the chain answers.
        worker: Whether the worker signed a checkpoint lately; it does so also when idle.
        checkpoint: The newest final block with the time of its signature.
    """

    database: bool
    chain: bool
    worker: bool
    checkpoint: tuple[int, int] | None

    @property
    def state(self) -> State:
        """``unavailable`` when nothing can be served; ``degraded`` when nothing new is issued."""
        if not self.database:
            return "unavailable"
        return "ok" if self.chain and self.worker else "degraded"


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
        self._vitals = Vitals(False, False, False, None)

    def vitals(self) -> Vitals:
        """Return what was found a few seconds ago at most."""
        with self._lock:
            if self._clock() >= self._looked + CHECK_SECONDS:
                self._vitals = self._look()
                self._looked = self._clock()
            return self._vitals

    def _look(self) -> Vitals:
        try:
            with self._registry.database.reading() as session:
                row = session.get(ChainCheckpoint, 1)
        except EcertError:
            return Vitals(False, self._chain_answers(), False, None)
        latest = None if row is None else (row.number, row.time)
        return Vitals(True, self._chain_answers(), self._worker_beats(latest), latest)

    def _worker_beats(self, latest: tuple[int, int] | None) -> bool:
        if latest is None:
            return False
        allowed = LATE_BEATS * self._registry.settings.heartbeat_seconds
        return self._registry.context.clock() - latest[1] <= allowed

    def _chain_answers(self) -> bool:
        settings = self._registry.settings
        try:
            url = settings.rpc_url or endpoint(settings.directory / CHAIN_DIRECTORY)
            answer = RpcNode(url, seconds=_NODE_SECONDS).call("eth_chainId", [])
            return bool(answer == hex(self._registry.context.contracts.chain_id))
        except EcertError:
            return False
