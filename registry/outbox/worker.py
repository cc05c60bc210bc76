"""The worker: from approved rows to final receipts, one short transaction after another.

A crash between any two steps leaves rows from which the next start goes on; a crash within one
undoes it. Nothing is remembered outside the database.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from sqlmodel import Session

from ecert.chain.node import Nodes
from ecert.errors import EcertError, UnavailableError
from ecert.trust import Engine
from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.batches.sealing import queue_anchors, seal_waiting
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from registry.context import Context, standstill_of
from registry.documents.renewal import mark_stale, renew_stale
from registry.documents.signing import sign_approved
from registry.errors import ConflictError, ReconciliationError
from registry.outbox.checkpoints import base_of, keep_checkpoint, signing_time
from registry.outbox.council import CouncilWatch
from registry.outbox.duty import duty_of
from registry.outbox.models import ChainCheckpoint, ChainDeployment
from registry.outbox.reconciliation import reconcile
from registry.outbox.refusals import mend_refused
from registry.outbox.seals import Base, genesis_base, seals_of
from registry.outbox.sight import (
    LOOK_SECONDS,
    EmbeddedSettlement,
    Final,
    NetworkSettlement,
    Settlement,
    Sight,
)
from registry.outbox.transmission import Hook, Transmitter
from registry.outbox.watch import Watch
from registry.processes import Pool
from registry.status.sending import queue_changes
from registry.timekeeping import ClockError

_SIGN_AT_ONCE = 16_384
"""Documents that are signed before the chain gets its turn, and other writers theirs."""

_RENEW_CHUNK = 500
"""Artefacts that are signed anew in one transaction."""

_MEND_SECONDS = 5.0
_LOOK_SECONDS = 5.0
"""How often the clock and the chain's are held together."""

_LONGEST_PAUSE = 10.0
_FAILURES_ON_DUTY = 3
"""Rounds in a row that may fail before another worker is let to the chain."""

_PASSING = (UnavailableError, ConflictError)
"""Errors after which trying again is right: no answer, or another worker was quicker."""

_log = logging.getLogger(__name__)


Connect = Callable[[], tuple[Sight, Settlement]]
"""Opens the chain, for the worker whose duty it is; called again after a failure."""


class Worker:
    """Runs the pipeline; one of several where the database is a server.

    Args:
        registry: Database and context.
        connect: See ``Connect``.
        hook: Told each point that is passed; does nothing outside tests.
    """

    def __init__(
        self, registry: Registry, connect: Connect, *, hook: Hook = lambda _: None
    ) -> None:
        self._registry = registry
        self._connect = connect
        self._hook = hook
        self._duty = duty_of(registry.database)
        self._transmitter: Transmitter | None = None
        self._watch = Watch(registry)
        self._council = CouncilWatch(registry)
        cores = registry.settings.cores
        self._pool = Pool(cores, ahead=4 * cores) if cores > 1 else None
        self._reconciled = False
        self._mended_at = 0.0
        self._looked_at = float("-inf")
        self._failures = 0

    @classmethod
    def embedded(
        cls, registry: Registry, chain: EmbeddedChain, *, hook: Hook = lambda _: None
    ) -> "Worker":
        """Return a worker on an embedded chain that this process runs."""
        sight = sight_of(registry, [chain.rpc_url])
        return cls(registry, lambda: (sight, EmbeddedSettlement(chain)), hook=hook)

    @classmethod
    def network(
        cls,
        registry: Registry,
        urls: Sequence[str],
        *,
        look_seconds: float = LOOK_SECONDS,
        hook: Hook = lambda _: None,
    ) -> "Worker":
        """Return a worker on a network of nodes.

        Args:
            registry: Database and context.
            urls: The nodes' JSON-RPC addresses.
            look_seconds: How often it is looked whether what was final still is.
            hook: Told each point that is passed.
        """
        found = network_of(registry, urls, look_seconds=look_seconds)
        return cls(registry, lambda: found, hook=hook)

    def start(self) -> None:
        """Open the chain if that is this worker's duty, so that what is wrong shows at once.

        Raises:
            EcertError: The chain cannot be opened.
        """
        self._on_duty()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; wait where there is nothing to do or nothing answers."""
        pause = self._registry.settings.poll_seconds
        while not stop.is_set():
            try:
                if not self.tick():
                    stop.wait(pause)
            except _PASSING as error:
                stop.wait(self._after(error))
            except ReconciliationError as error:
                self._duty.release()  # another one may have the right nodes
                if self._transmitter is None or not self._transmitter.compared_at:
                    raise  # these are no nodes of this registry
                stop.wait(self._after(error))  # a node behind the same address lies, or was changed

    def close(self) -> None:
        """End this worker's processes, and let another have the duty to talk to the chain."""
        self._rest()
        self._duty.release()

    def drain(self, *, seconds: float) -> None:
        """Work until nothing is left to do now: for commands that wait for their result.

        Raises:
            UnavailableError: ``worker_too_slow``, or why chain or database did not answer.
        """
        deadline = time.monotonic() + seconds
        failure: EcertError = UnavailableError("worker_too_slow", seconds=seconds)
        idle = 0
        while idle < 2:
            if time.monotonic() > deadline:
                raise failure
            try:
                idle = 0 if self.tick() else idle + 1
            except _PASSING as error:
                failure = error
                time.sleep(self._after(error))
            else:
                if idle:
                    time.sleep(self._registry.settings.batch_seconds + 0.05)

    def _after(self, error: EcertError) -> float:
        """Return how long to wait: chain or disk may be back in a moment; what was done is kept."""
        self._reconciled = False
        self._failures += 1
        if self._failures >= _FAILURES_ON_DUTY:
            self._duty.release()  # perhaps another one sees the chain
        if (chain := self._transmitter) is not None:
            self._watch.waits(error, chain.resent, chain.sight.sender.failures)
        _log.warning("the worker waits: %s", error)
        pause = self._registry.settings.poll_seconds
        return float(min(pause * 2 ** min(self._failures, 16), _LONGEST_PAUSE))

    def tick(self) -> bool:
        """Do one round of everything; return whether anything was done.

        Raises:
            UnavailableError: Chain or database do not answer.
            ClockError: This machine's clock is plainly wrong: nothing is done by it.
            ReconciliationError: This is not the registry's chain.
        """
        chain = self._on_duty()
        if chain is None:
            self._reconciled = False
            worked = self._duty.may_sign() and self._make()
        else:
            self._bring_together(chain)
            # Changes of one entry keep their order only if one worker queues them.
            worked = self._in_transaction("changes-queued", queue_changes)
            self._in_transaction("dropped", mark_stale)
            worked = self._make() or worked
            worked = chain.step() or worked
            worked = self._council.look(chain.sight, chain.settlement) or worked
            if chain.stuck:
                self._reconciled = False
            self._mend(chain)
            self._heartbeat(chain)
            self._watch.works(chain.resent, chain.sight.sender.failures)
        if self._failures:
            _log.warning("the worker goes on")
        self._failures = 0
        return worked

    def _on_duty(self) -> Transmitter | None:
        """Return what talks to the chain, if that is this worker's duty now."""
        if not self._duty.take():
            return None
        if self._transmitter is None:
            try:
                sight, settlement = self._connect()
            except EcertError:
                self._duty.release()  # perhaps another one can
                raise
            self._transmitter = Transmitter(self._registry, sight, settlement, self._hook)
        return self._transmitter

    def _bring_together(self, chain: Transmitter) -> None:
        if chain.settlement.recover():
            self._reconciled = False
            if chain.settlement.recalls:
                self._watch.reorganised()
        self._check_clock(chain.settlement)
        if not self._reconciled:
            reconcile(self._registry, chain.sight, chain.settlement)
            self._duty.confirm()
            self._reconciled = True
            self._council.forget()
            _log.info("this worker talks to the chain; the database agrees with it")
            chain.compared_at = self._registry.context.clock()
            self._hook("reconciled")

    def _check_clock(self, settlement: Settlement) -> None:
        context, looks = self._registry.context, time.monotonic() >= self._looked_at + _LOOK_SECONDS
        if looks:
            with contextlib.suppress(UnavailableError):  # whoever needs the chain will say so
                if (head := settlement.witness()) is not None:
                    context.watch.see_block(head.number, head.time)
        try:
            with self._registry.database.reading() as session:
                now = signing_time(session, context)
        except ClockError:
            self._looked_at = float("-inf")  # at once when it is right again
            self._duty.release()  # perhaps another one's is right
            raise
        if looks:
            settlement.set_clock(now)
            self._looked_at = time.monotonic()

    def _make(self) -> bool:
        """Sign and close batches: what any number of workers do at once."""
        worked = self._renew()
        worked = self._sign() or worked
        return self._in_transaction("sealed", _seal) or worked

    def _sign(self) -> bool:
        chunk = self._registry.settings.sign_chunk
        for number in range(max(1, _SIGN_AT_ONCE // chunk)):
            signed = self._in_transaction(
                "signed",
                lambda session, context: sign_approved(session, context, chunk, self._pool),
            )
            if not signed:
                if not number:
                    self._rest()
                return number > 0
        return True

    def _rest(self) -> None:
        if self._pool is not None:
            self._pool.rest()

    def _renew(self) -> bool:
        return self._in_transaction(
            "renewed", lambda session, context: renew_stale(session, context, _RENEW_CHUNK)
        )

    def _in_transaction(self, name: str, step: Callable[[Session, Context], int]) -> bool:
        with self._registry.database.transaction() as session:
            count = step(session, self._registry.context)
            if count:
                self._hook(f"before-{name}")
        if count:
            self._hook(name)
        return count > 0

    def _mend(self, chain: Transmitter) -> None:
        if time.monotonic() >= self._mended_at + _MEND_SECONDS:
            mend_refused(self._registry, chain.sight)
            self._mended_at = time.monotonic()

    def _heartbeat(self, chain: Transmitter) -> None:
        """Sign the checkpoint again, so that verifiers see that nothing newer is withheld."""
        context = self._registry.context
        with self._registry.database.reading() as session:
            row = session.get(ChainCheckpoint, 1)
        due = 0 if row is None else row.time + self._registry.settings.heartbeat_seconds
        if context.clock() >= due:
            final = chain.settlement.settle()
            with self._registry.database.transaction() as session:
                keep_checkpoint(session, context, final)


def network_of(
    registry: Registry, urls: Sequence[str], *, look_seconds: float = LOOK_SECONDS
) -> tuple[Sight, Settlement]:
    """Return how a registry reads and writes a network of nodes, and what is final there."""
    sight = sight_of(registry, urls)
    context = registry.context
    seals = seals_of(
        urls,
        cast("Engine", context.contracts.engine),
        registry.settings.epoch_length,
        partial(_base, registry, urls),
    )
    settlement = NetworkSettlement(
        sight.sender,
        partial(last_final, registry),
        seals=seals,
        look_seconds=look_seconds,
        standstill=standstill_of(context),
        clock=context.clock,
    )
    return sight, settlement


def _base(registry: Registry, urls: Sequence[str]) -> Base:
    """Return from where the validators are followed."""
    with registry.database.reading() as session:
        row = session.get(ChainDeployment, 1)
    kept = None if row is None else base_of(row)
    return kept or genesis_base(urls)


def last_final(registry: Registry) -> Final | None:
    """Return number and hash of the newest block that was called final."""
    with registry.database.reading() as session:
        row = session.get(ChainCheckpoint, 1)
    return None if row is None else (row.number, row.hash)


def sight_of(registry: Registry, urls: Sequence[str]) -> Sight:
    """Return how a registry reads and writes the chain at ``urls``."""
    contracts = registry.context.contracts
    view = contracts.deployment.contracts["VerificationView"].address
    return Sight(Sender(RpcPool(urls, contracts.chain_id)), Nodes(urls), view)


def _seal(session: Session, context: Context) -> int:
    sealed = seal_waiting(session, context)
    return sealed + queue_anchors(session, context)
