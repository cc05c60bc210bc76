"""Which blocks count as final, and how fresh an answer is (DESIGN section 10).

The rest of the code knows a chain's engine only through these two rules.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ecert.checkpoint import Checkpoint
from ecert.errors import EcertError, UnavailableError
from ecert.facts import NOTHING_FINAL
from ecert.trust import TrustStore

_log = logging.getLogger(__name__)

KEEP_SECONDS = 5.0
"""How long a checkpoint, or not getting one, serves before it is tried again."""


class Finality(Protocol):
    """The rule of one engine."""

    def checkpoint(self, *, fresh: bool = False) -> Checkpoint | None:
        """Return the newest word on what is final, None where the engine needs or gives none.

        It must be asked before the chain is: a node that then answers for an earlier block is
        behind, and its answer may miss a revocation.

        Args:
            fresh: Do not answer from memory.
        """

    def final_block(self, answered: int, checkpoint: Checkpoint | None) -> int:
        """Return the highest final block.

        Args:
            answered: The newest block that the node knows.
            checkpoint: What ``checkpoint`` returned.
        """


class FinalAtOnce:
    """QBFT: a block exists only with a quorum's seals, so it is final as soon as it exists."""

    def checkpoint(self, *, fresh: bool = False) -> Checkpoint | None:  # noqa: ARG002
        """Return None: none is needed."""
        return None

    def final_block(self, answered: int, checkpoint: Checkpoint | None) -> int:  # noqa: ARG002
        """Return the newest block."""
        return answered


class FinalWhenSigned:
    """The embedded engine: final is what the operator has on disk and has signed.

    Args:
        trust: Names the chain and the operators.
        fetch: Gets the operator's latest checkpoint, for example over HTTP.
    """

    def __init__(self, trust: TrustStore, fetch: Callable[[], bytes]) -> None:
        self._trust = trust
        self._fetch = fetch
        self._lock = threading.Lock()
        self._kept: Checkpoint | None = None
        self._kept_until = 0.0

    def verified(self) -> Checkpoint:
        """Fetch the checkpoint and check who signed it.

        Raises:
            MalformedError: It cannot be read.
            TrustError: ``signed_by_too_few``: no operator of the trust file signed it.
            UnavailableError: It cannot be fetched, or ``checkpoint_other_chain``.
        """
        checkpoint = Checkpoint.verify(self._fetch(), self._trust.file.operators)
        wanted = self._trust.file.chain_id
        if checkpoint.chain_id != wanted:
            raise UnavailableError(
                "checkpoint_other_chain", found=checkpoint.chain_id, expected=wanted
            )
        return checkpoint

    def checkpoint(self, *, fresh: bool = False) -> Checkpoint | None:
        """Return the latest checkpoint to be had; None while there never was one.

        What was final remains so: an older one serves while no newer one can be fetched.
        """
        with self._lock:
            if fresh or time.monotonic() >= self._kept_until:
                try:
                    self._keep(self.verified())
                except EcertError as error:
                    _log.warning("no checkpoint: %s", error)
                self._kept_until = time.monotonic() + KEEP_SECONDS
            return self._kept

    def _keep(self, found: Checkpoint) -> None:
        old = self._kept
        if old is None or (found.number, found.time) > (old.number, old.time):
            self._kept = found

    def final_block(self, answered: int, checkpoint: Checkpoint | None) -> int:  # noqa: ARG002
        """Return the checkpoint's block; without one nothing is final."""
        return NOTHING_FINAL if checkpoint is None else checkpoint.number


def finality_of(trust: TrustStore, fetch_checkpoint: Callable[[], bytes]) -> Finality:
    """Return the rule of the engine that the trust file names."""
    if trust.file.engine == "anvil":
        return FinalWhenSigned(trust, fetch_checkpoint)
    return FinalAtOnce()
