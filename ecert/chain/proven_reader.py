"""Asks nodes of a network about a document and takes nothing but proofs from them.

Two exchanges with one node: what it says, and then the header of that block with storage proofs of
exactly this. What counts is what a quorum of the validators sealed.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

from ecert.chain.node import Nodes
from ecert.chain.seen_blocks import LAG_SECONDS
from ecert.chain.state_proof import Gatherer, facts_of
from ecert.facts import Facts, Query
from ecert.trust import TrustStore


class ProvenReader:
    """A ``FactSource`` that rests on the validators' seals.

    Args:
        trust: Names the chain, its validators and its contracts.
        urls: JSON-RPC addresses of nodes, the preferred one first; another one is asked when one
            does not answer, lags, or proves nothing.
        seconds: Bound on the time of a call to one node.
        clock: The wall clock, unix seconds.

    Raises:
        MalformedError: ``rpc_url_malformed``.
    """

    def __init__(
        self,
        trust: TrustStore,
        urls: Sequence[str],
        *,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        nodes = Nodes(urls, seconds=seconds, keep=True)
        self._gatherer = Gatherer(nodes, trust, _no_checkpoint)
        self._clock = clock

    def facts(self, query: Query) -> Facts:
        """Return the chain's records.

        Raises:
            MalformedError: The contracts cannot be asked such a thing.
            UnavailableError: No node gave a usable answer: ``rpc_unreachable``, ``rpc_refused``,
                ``rpc_answer_too_large``, ``rpc_answer_malformed``, ``rpc_block_absent``,
                ``rpc_other_chain``, ``rpc_contract_absent``, ``rpc_node_behind``,
                ``rpc_proof_invalid``, ``handover_not_found``; or ``contract_closed``,
                ``state_words_too_many``.
        """
        now = self._clock()
        found = self._gatherer.gather(query, since=now - LAG_SECONDS)
        facts = facts_of(found.found, found.block)
        # A block's time may run ahead of the clock; nothing is known of the future.
        return replace(facts, time=min(facts.time, int(now)))


def _no_checkpoint() -> NoReturn:
    raise AssertionError("a network of validators has no operator")
