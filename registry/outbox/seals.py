"""Blocks of a network are believed with the seals of its validators, whatever its nodes say.

The validators are followed from a base: a block whose set is certain. The followed sets are kept in
this process, and the database gets a newer base in each epoch, once no vote from before it can
matter: votes lapse with their epoch.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecert.chain import qbft
from ecert.chain.block_proof import voting_rules_of
from ecert.chain.handover_search import Headers, find_handovers
from ecert.chain.node import Header, Nodes
from ecert.chain.validators import Following, VotingRules
from ecert.errors import ProofError, UnavailableError
from ecert.trust import Engine
from registry.chain.rpc import disagreement
from registry.chain.sender import Sender

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Base:
    """A block whose set of validators is certain."""

    number: int
    validators: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SealedHeader(Header):
    """A block that a quorum of its validators sealed.

    Attributes:
        validators: The set at its height.
        base: From where they were followed, or better are from now on.
    """

    validators: tuple[bytes, ...]
    base: Base


class Seals:
    """Checks blocks of one network; used by one thread.

    Args:
        urls: JSON-RPC addresses of its nodes.
        rules: How votes are counted.
        base: Returns where following begins.
    """

    def __init__(self, urls: Sequence[str], rules: VotingRules, base: Callable[[], Base]) -> None:
        self._nodes = [Nodes([url]) for url in urls]
        self._rules = rules
        self._base = base
        self._following: Following | None = None
        self._last: SealedHeader | None = None

    def check(self, header: Header) -> SealedHeader:
        """Return a block with its validators, after checking that a quorum of them sealed it.

        Args:
            header: The block as most nodes have it.

        Raises:
            UnavailableError: ``chain_block_unproven``: no node has seals that hold, or what shows
                how the validators changed; or the nodes' failures.
        """
        last = self._last
        if last is not None and (last.number, last.hash) == (header.number, header.hash):
            return last
        known = self._following or self._begin()
        failure: UnavailableError | None = None
        for nodes in self._nodes:
            try:
                self._following = self._followed(nodes, known, header)
            except UnavailableError as error:
                failure = failure or error
                continue
            self._last = self._sealed(header, self._following)
            return self._last
        assert failure is not None  # there is at least one node
        self._following = None  # an operator may have accepted other validators meanwhile
        raise failure

    def _begin(self) -> Following:
        return self._following_from(self._base())

    def _following_from(self, base: Base) -> Following:
        """Follow from a base, and count votes of its whole epoch: it follows every change."""
        votes_from = self._rules.epoch_start(base.number)
        return Following(base.number, base.validators, self._rules, votes_from=votes_from)

    def _followed(self, nodes: Nodes, known: Following, header: Header) -> Following:
        following = known.branch()
        try:
            found = nodes.block_header(header.number)
            if qbft.block_hash(found) != header.hash:
                raise _unproven(header, "hash")
            find_handovers(Headers(nodes), following, self._rules, found)
            following.check(found)
        except ProofError as error:
            raise _unproven(header, error.code) from error
        if following.since != known.since:
            _log.warning("the chain's validators changed at block %d", following.since)
        return following

    def _sealed(self, header: Header, following: Following) -> SealedHeader:
        validators = following.at(header.number)
        base = Base(*following.base)
        if self._rules.lapsed(max(base.number, following.since), header.number):
            base = Base(header.number, validators)  # no vote from before it counts any more
            self._following = self._following_from(base)
        return SealedHeader(
            header.number, header.hash, header.state_root, header.time, validators, base
        )


def seals_of(
    urls: Sequence[str], engine: Engine, epoch_length: int, base: Callable[[], Base]
) -> Seals | None:
    """Return what checks seals on a chain of that engine; None where there are none."""
    if engine == "anvil":
        return None
    return Seals(urls, voting_rules_of(engine, epoch_length), base)


def genesis_base(urls: Sequence[str]) -> Base:
    """Return the set that block 0 names: from there all changes can be followed.

    Raises:
        ProofError: ``header_malformed``.
        UnavailableError: No node gives a usable answer.
    """
    genesis = Nodes(urls).block_header(0)
    return Base(0, tuple(sorted(qbft.Extra.decode(genesis.extra).validators)))


def newest_base(sender: Sender, urls: Sequence[str]) -> Base:
    """Return the set that the newest block names, on the word of all the nodes together.

    For a network whose validators were changed without votes: an operator must say so.

    Raises:
        UnavailableError: ``chain_block_unproven``: a node has another block, or it is not sealed by
            those whom it names; ``chain_nodes_disagree``, or a node's failure.
    """
    height = sender.block_number()
    header = sender.header(height)
    if header is None:
        raise disagreement(f"block {height}")
    validators: tuple[bytes, ...] = ()
    for url in urls:
        found = Nodes([url]).block_header(height)
        if qbft.block_hash(found) != header.hash:
            raise _unproven(header, "hash")
        try:
            validators = qbft.Extra.decode(found.extra).validators  # the same: the hash covers them
            qbft.check_seals(found, validators)
        except ProofError as error:
            raise _unproven(header, error.code) from error
    return Base(height, validators)


def _unproven(header: Header, reason: str) -> UnavailableError:
    return UnavailableError("chain_block_unproven", block=header.number, reason=reason)
