"""Acts of a council that is one account, for demos and tests of the delay.

A council in production is a k-of-n Safe, whose members announce and make the same calls by signed
proposals (``registry.council``).
"""

import time
from collections.abc import Iterable, Sequence

from eth_hash.auto import keccak

from ecert.errors import UnavailableError
from registry.chain.accounts import TransactionSigner
from registry.chain.calls import AnchorCalls, ContractCall, DepartmentCalls, StatusCalls
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces, NonceStore
from registry.chain.sender import Sender
from registry.chain.transactions import Mined

LONGEST_WAIT_SECONDS = 120
"""A longer delay is not waited for: announce now, make the acts another day."""

_POLL_SECONDS = 0.2


class CouncilAccount:
    """The council, acting through one account.

    Args:
        sender: Who sends.
        account: The council's account.
        nonces: Where its nonces are kept; in memory when no outbox shares the account.
    """

    def __init__(
        self, sender: Sender, account: TransactionSigner, nonces: NonceStore | None = None
    ) -> None:
        self._sender = sender
        self._account = account
        self._nonces = nonces or MemoryNonces()

    def announce(self, acts: Iterable[ContractCall]) -> int:
        """Announce acts that are not announced yet.

        Returns:
            The time (Unix seconds) from which all of them may be made; 0 when there is no delay.

        Raises:
            ChainRejectedError: What the contracts refuse.
            UnavailableError: No node answers.
        """
        latest = 0
        for act in acts:
            if not self._eta(act):
                try:
                    self._execute(_calls(act).schedule(act))
                except ChainRejectedError as error:
                    if error.code == "chain_delay_is_zero":
                        continue
                    raise
            latest = max(latest, self._eta(act))
        return latest

    def make(self, acts: Iterable[ContractCall], *, seconds: float = 30.0) -> list[Mined]:
        """Make announced acts, waiting for blocks whose time has come.

        Args:
            acts: The calls, exactly as announced, in the order in which they depend on each other.
            seconds: How long the chain's clock may lag behind this machine's.

        Raises:
            ChainRejectedError: What the contracts refuse.
            UnavailableError: No node answers.
        """
        return [self._make(act, time.monotonic() + seconds) for act in acts]

    def carry_out(self, acts: Sequence[ContractCall]) -> list[Mined]:
        """Announce acts, wait for the delay, make them.

        Raises:
            ChainRejectedError: What the contracts refuse.
            UnavailableError: ``council_delay_too_long``: they are announced, to be made later.
        """
        eta = self.announce(acts)
        if eta > time.time() + LONGEST_WAIT_SECONDS:
            raise UnavailableError("council_delay_too_long", eta=eta)
        time.sleep(max(0.0, eta - time.time()))
        return self.make(acts)

    def _make(self, act: ContractCall, deadline: float) -> Mined:
        while True:
            try:
                return self._execute(act)
            except ChainRejectedError as error:
                # Some nodes try a call at the time of the latest block, which may be old.
                if error.code != "chain_act_too_early" or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_SECONDS)

    def _execute(self, call: ContractCall) -> Mined:
        return self._sender.execute(self._account, call, self._nonces)

    def _eta(self, act: ContractCall) -> int:
        return int.from_bytes(self._sender.read(_calls(act).eta_of(keccak(act.data))))


def _calls(act: ContractCall) -> DepartmentCalls | AnchorCalls | StatusCalls:
    """Return the calls on the contract that an act is for: it is announced there too."""
    kinds = (DepartmentCalls, AnchorCalls, StatusCalls)
    kind = next(kind for kind in kinds if kind.contract == act.contract)
    return kind(act.to or "")
