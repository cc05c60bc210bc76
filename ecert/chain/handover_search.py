"""Finding on nodes what shows how the validators changed.

Nothing here is trusted: what is found is checked by ``Following``. A change is found by bisection
over the lists of validators in the headers, the votes for it by reading headers backwards from
there, within their epoch.
"""

import time
from collections.abc import Iterator

from ecert import limits
from ecert.chain.header import BlockHeader
from ecert.chain.node import Nodes
from ecert.chain.qbft import Extra, Vote
from ecert.chain.validators import Following, Handover, VotingRules, deciding
from ecert.errors import ProofError, UnavailableError

BATCH = 100
"""Headers asked for at once."""
SEARCH_SECONDS = 120.0
"""How long one search takes at most. A header that nobody sealed begins one, so that a node that
lies and drips could otherwise keep its client for as many calls as there are headers to ask for."""


class Headers:
    """Headers of a chain, each asked for once, not more than a bound of them nor for longer.

    Args:
        nodes: The chain's nodes.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._left = limits.MAX_SCANNED_HEADERS
        self._until = time.monotonic() + SEARCH_SECONDS
        self._known: dict[int, BlockHeader] = {}

    def one(self, block: int) -> BlockHeader:
        """Return a header.

        Raises:
            UnavailableError: ``handover_not_found`` over a bound; a node's failure.
        """
        if block not in self._known:
            self._read([block])
        return self._known[block]

    def downwards(self, first: int, last: int) -> Iterator[BlockHeader]:
        """Yield the headers from ``last`` down to ``first``.

        Raises:
            UnavailableError: As ``one``.
        """
        for top in range(last, first - 1, -BATCH):
            wanted = range(max(first, top - BATCH + 1), top + 1)
            self._read([block for block in wanted if block not in self._known])
            for block in reversed(wanted):
                yield self._known[block]

    def _read(self, blocks: list[int]) -> None:
        self._left -= len(blocks)
        if self._left < 0 or time.monotonic() >= self._until:
            raise _not_found(min(blocks))
        if blocks:
            found = self._nodes.block_headers(blocks)
            self._known.update(zip(blocks, found, strict=True))


def find_handovers(
    headers: Headers, following: Following, rules: VotingRules, target: BlockHeader
) -> tuple[Handover, ...]:
    """Return what leads ``following`` on to the set that ``target`` names.

    Raises:
        ProofError: A header that cannot be read; as ``Following.take``.
        UnavailableError: ``handover_not_found``, or a node's failure.
    """
    wanted = Extra.decode(target.extra).validators
    found: list[Handover] = []
    while following.validators != wanted:
        if len(found) == limits.MAX_HANDOVERS:
            raise ProofError("handovers_too_many", limit=limits.MAX_HANDOVERS)
        first = _next_change(headers, following, target)
        handover = Handover(_votes(headers, following, rules, first), first.encoded)
        following.take(handover)
        found.append(handover)
    return tuple(found)


def _next_change(headers: Headers, following: Following, target: BlockHeader) -> BlockHeader:
    """Return the first header of another set than the present one's."""
    low, high, above = following.since, target.number, target
    while high - low > 1:
        middle = (low + high) // 2
        header = headers.one(middle)
        if Extra.decode(header.extra).validators == following.validators:
            low = middle
        else:
            high, above = middle, header
    return above


def _votes(
    headers: Headers, following: Following, rules: VotingRules, first: BlockHeader
) -> tuple[bytes, ...]:
    """Return the headers with the votes that made ``first`` name another set."""
    old = following.validators
    changed = set(Extra.decode(first.extra).validators) ^ set(old)
    if len(changed) != 1:
        raise _not_found(first.number)
    (recipient,) = changed
    wanted = Vote(recipient, add=recipient not in old)
    epoch = rules.epoch(first.number - 1)
    if epoch is None:
        raise _not_found(first.number)
    votes: dict[bytes, bytes] = {}
    lowest = max(1, epoch * rules.epoch_length, following.votes_from(recipient, recipient))
    for header in headers.downwards(lowest, first.number - 1):
        if rules.epoch(header.number) != epoch or header.coinbase not in old:
            continue
        if header.number < following.votes_from(recipient, header.coinbase):
            continue
        extra = Extra.decode(header.extra)
        if extra.vote == wanted and extra.validators == following.at(header.number):
            votes.setdefault(header.coinbase, header.encoded)
        if len(votes) == deciding(len(old)):
            return tuple(reversed(votes.values()))
    raise _not_found(first.number)


def _not_found(block: int) -> UnavailableError:
    return UnavailableError("handover_not_found", block=block)
