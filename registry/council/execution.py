"""Carrying a proposal out, once enough of the council's members have signed it."""

import time
from collections.abc import Callable
from enum import StrEnum

from ecert.errors import UnavailableError
from registry.chain.accounts import LocalAccount, TransactionSigner
from registry.chain.calls import ContractCall
from registry.chain.council import LONGEST_WAIT_SECONDS
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.safe import SafeState, execution
from registry.chain.sender import Sender
from registry.chain.transactions import Mined
from registry.council.chain import CouncilView
from registry.council.proposals import Proposal, Step
from registry.errors import ConflictError

_POLL_SECONDS = 0.5
_LAG_SECONDS = 30.0
"""How long the chain's newest block may lag behind this machine's clock."""


class Fate(StrEnum):
    """What became of a step."""

    DONE = "done"
    BEFORE = "before"
    """Its nonce was used before: by itself, or by another transaction in its place."""


Tell = Callable[[Step, Fate, int], None]
"""Told each step, what became of it, and the block."""


def carry_out(
    sender: Sender,
    view: CouncilView,
    proposal: Proposal,
    safe: SafeState,
    tell: Tell,
    *,
    account: TransactionSigner | None = None,
) -> None:
    """Send a proposal's transactions in order, waiting for a delay that is short.

    Args:
        sender: Who sends.
        view: Tells when an announced act is due.
        proposal: The signed proposal.
        safe: The wallet as it is now.
        tell: See ``Tell``.
        account: Who pays nothing and gets no right by sending; one for this once when not given.

    Raises:
        ConflictError: ``proposal_nonce_ahead``, ``proposal_signatures_missing``; see
            ``Proposal.require``.
        ChainRejectedError: What wallet or contracts refuse.
        UnavailableError: ``council_delay_too_long``; no node answers.
    """
    proposal.require(sender.chain_id, safe)
    first = proposal.steps[0].transaction.nonce
    if first > safe.nonce:
        raise ConflictError("proposal_nonce_ahead", nonce=first, expected=safe.nonce)
    ahead = [step for step in proposal.steps if step.transaction.nonce >= safe.nonce]
    for step in ahead:
        if len(step.signatures) < safe.threshold:
            raise ConflictError(
                "proposal_signatures_missing",
                nonce=step.transaction.nonce,
                signed=len(step.signatures),
                threshold=safe.threshold,
            )
    account, nonces = account or LocalAccount.generate(), MemoryNonces()
    for step in proposal.steps:
        if step not in ahead:
            tell(step, Fate.BEFORE, 0)
            continue
        _wait(view, step)
        call = execution(safe.address, step.transaction, step.signatures)
        mined = _execute(sender, account, call, nonces)
        tell(step, Fate.DONE, mined.block_number)


def _execute(
    sender: Sender, account: TransactionSigner, call: ContractCall, nonces: MemoryNonces
) -> Mined:
    deadline = time.monotonic() + _LAG_SECONDS
    while True:
        try:
            return sender.execute(account, call, nonces)
        except ChainRejectedError as error:
            # Some nodes try a call at the time of the latest block, which may be old.
            if error.code != "chain_act_too_early" or time.monotonic() > deadline:
                raise
        time.sleep(_POLL_SECONDS)


def _wait(view: CouncilView, step: Step) -> None:
    """Wait until an announced act may be made, if that is soon.

    Raises:
        UnavailableError: ``council_delay_too_long``.
    """
    if step.act.announces is not None:
        return
    eta = view.eta(step.transaction.to, step.transaction.data)
    if eta > time.time() + LONGEST_WAIT_SECONDS:
        raise UnavailableError("council_delay_too_long", eta=eta)
    time.sleep(max(0.0, eta - time.time()))
