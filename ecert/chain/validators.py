"""Following the set of validators from a certain block to a later one.

The set changes by votes in headers (one a header, its proposer's): when more than half of the
validators have voted the same since the last epoch block, the next block names the new set. A
``Handover`` shows one such change. Each of its headers is sealed by a quorum of the set at its
height, the first one of the new set by that set, and names the last vote's block as its parent.
Votes on whoever came or went are used up with that, as are all votes by whoever went.

What Besu and GoQuorum do differently: a vote in an epoch block counts in GoQuorum and not in Besu.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from ecert import limits
from ecert.chain import qbft
from ecert.chain.header import BlockHeader
from ecert.errors import ProofError


@dataclass(frozen=True, slots=True)
class Handover:
    """One change of the set.

    Attributes:
        votes: RLP of the headers with the votes that decided it, lowest block first.
        first: RLP of the first header of the new set: the block after the last vote's.
    """

    votes: tuple[bytes, ...]
    first: bytes


@dataclass(frozen=True, slots=True)
class VotingRules:
    """How an engine counts votes.

    Attributes:
        epoch_length: Blocks from one epoch block, at which all votes lapse, to the next.
        in_epoch_blocks: Whether votes in epoch blocks count, for the epoch that begins.
    """

    epoch_length: int
    in_epoch_blocks: bool

    def epoch(self, block: int) -> int | None:
        """Return the epoch in which a vote in ``block`` counts; None where it does not."""
        if block % self.epoch_length == 0 and not self.in_epoch_blocks:
            return None
        return block // self.epoch_length

    def epoch_start(self, block: int) -> int:
        """Return the first block of a block's epoch: no vote from before it counts in the block."""
        return block - block % self.epoch_length

    def lapsed(self, change: int, block: int) -> bool:
        """Whether no vote from before ``change`` can count in ``block`` or later."""
        return block // self.epoch_length > change // self.epoch_length


def deciding(validators: int) -> int:
    """Return how many of so many validators decide a vote: more than half."""
    return validators // 2 + 1


class Following:
    """The sets of validators, from a certain block on.

    Args:
        block: The certain block's number.
        validators: Its set.
        rules: How votes are counted.
        counted: Whose seals count; all validators' when not given.
        votes_from: From which block on votes count; from the certain block on when not given. What
            was changed and changed back before it cannot be seen, and its votes are used up.
    """

    def __init__(
        self,
        block: int,
        validators: Iterable[bytes],
        rules: VotingRules,
        *,
        counted: frozenset[bytes] | None = None,
        votes_from: int | None = None,
    ) -> None:
        self._sets = [(block, tuple(sorted(validators)))]
        self._rules = rules
        self._counted = counted
        self._votes_from = block if votes_from is None else votes_from
        self._changed: dict[bytes, int] = {}  # who, and from which block on

    def branch(self) -> "Following":
        """Return another of these that knows the same and goes its own way."""
        return deepcopy(self)

    @property
    def base(self) -> tuple[int, tuple[bytes, ...]]:
        """The certain block's number, and its set."""
        return self._sets[0]

    @property
    def since(self) -> int:
        """The block from which on the newest set holds."""
        return self._sets[-1][0]

    @property
    def validators(self) -> tuple[bytes, ...]:
        """The newest set, sorted."""
        return self._sets[-1][1]

    def at(self, block: int) -> tuple[bytes, ...]:
        """Return the set at a block's height; below the certain block, that block's own."""
        for since, validators in reversed(self._sets):
            if block >= since:
                return validators
        return self._sets[0][1]

    def votes_from(self, recipient: bytes, proposer: bytes) -> int:
        """Return from which block on a proposer's votes on a recipient count.

        Engines drop all votes on whoever came or went, and all votes by whoever went.
        """
        changes = (self._changed.get(address, 0) for address in (recipient, proposer))
        return max(self._votes_from, *changes)

    def check(self, header: BlockHeader) -> qbft.Checked:
        """Check that a quorum of the set at its height sealed a header.

        Raises:
            ProofError: As ``check_seals``.
        """
        return qbft.check_seals(header, self.at(header.number), counted=self._counted)

    def take(self, handover: Handover) -> None:
        """Go on to the set that a handover leads to.

        Raises:
            ProofError: ``header_malformed``; ``handover_invalid``; ``votes_too_few``; or as
                ``check_seals``.
        """
        needed = deciding(len(self.validators))
        if len(handover.votes) < needed:
            raise ProofError("votes_too_few", found=len(handover.votes), needed=needed)
        first = BlockHeader.decode(handover.first)
        if len(handover.votes) > needed:
            raise _invalid(first, "surplus")
        votes = [BlockHeader.decode(encoded) for encoded in handover.votes]
        self._check_order(votes, first)
        new = qbft.Extra.decode(first.extra).validators
        wanted = self._change(new, first)
        self._check_votes(votes, first, wanted)
        qbft.check_seals(first, new, counted=self._counted)
        self._sets.append((first.number, new))
        self._changed[wanted.recipient] = first.number

    def _check_order(self, votes: Sequence[BlockHeader], first: BlockHeader) -> None:
        numbers = [vote.number for vote in votes]
        if sorted(set(numbers)) != numbers:
            raise _invalid(first, "order")
        last = votes[-1]
        if first.number != last.number + 1 or first.number <= self.since:
            raise _invalid(first, "height")
        if first.parent_hash != qbft.block_hash(last):
            raise _invalid(first, "parent")

    def _change(self, new: Sequence[bytes], first: BlockHeader) -> qbft.Vote:
        """Return what must have been voted for to come to the set ``new``."""
        changed = set(new) ^ set(self.validators)
        if len(changed) != 1:
            raise _invalid(first, "change")
        (recipient,) = changed
        return qbft.Vote(recipient, add=recipient in new)

    def _check_votes(
        self, votes: Sequence[BlockHeader], first: BlockHeader, wanted: qbft.Vote
    ) -> None:
        epoch = self._rules.epoch(votes[-1].number)
        proposers = set()
        for vote in votes:
            if self.check(vote).extra.vote != wanted:
                raise _invalid(first, "vote")
            if epoch is None or self._rules.epoch(vote.number) != epoch:
                raise _invalid(first, "epoch")
            if vote.coinbase not in self.validators:
                raise _invalid(first, "proposer")
            if vote.number < self.votes_from(wanted.recipient, vote.coinbase):
                raise _invalid(first, "lapsed")
            proposers.add(vote.coinbase)
        if len(proposers) != len(votes):
            raise ProofError("votes_too_few", found=len(proposers), needed=len(votes))


def follow(following: Following, handovers: Sequence[Handover]) -> None:
    """Take handovers in their order.

    Raises:
        ProofError: ``handovers_too_many``, or as ``Following.take``.
    """
    if len(handovers) > limits.MAX_HANDOVERS:
        raise ProofError("handovers_too_many", limit=limits.MAX_HANDOVERS)
    for handover in handovers:
        following.take(handover)


def _invalid(first: BlockHeader, reason: str) -> ProofError:
    return ProofError("handover_invalid", block=first.number, reason=reason)
