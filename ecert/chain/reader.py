"""Asks a node about a document: one RPC call for anchor, key, kind and status.

For an embedded chain, whose operator decides what is on it anyway. Of a network of validators,
``ecert.chain.proven_reader`` takes no node's word.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from ecert.chain import view
from ecert.chain.finality import Finality
from ecert.chain.rpc import RpcNode, RpcPool
from ecert.checkpoint import Checkpoint
from ecert.errors import MalformedError, UnavailableError
from ecert.facts import Basis, Facts, Query
from ecert.fields import hex_text
from ecert.trust import TrustStore

_METHOD = "eth_call"


class ChainReader:
    """A ``FactSource`` that rests on a node's word.

    Args:
        trust: Names the chain and the contract that is asked.
        urls: JSON-RPC addresses of nodes, the preferred one first; another one is asked when one
            does not answer, or not as a node of this chain would.
        finality: The rule of the chain's engine.
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
        finality: Finality,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._trust = trust
        self._pool = RpcPool(urls, seconds=seconds, keep=True)
        self._finality = finality
        self._clock = clock

    def facts(self, query: Query) -> Facts:
        """Return the chain's records.

        Raises:
            MalformedError: The contracts cannot be asked such a thing.
            UnavailableError: No node gave a usable answer: ``rpc_unreachable``, ``rpc_refused``,
                ``rpc_answer_too_large``, ``rpc_answer_malformed``, ``rpc_other_chain``,
                ``rpc_contract_absent``, ``rpc_node_behind``; or ``contract_closed``.
        """
        checkpoint = self._finality.checkpoint()
        call = {
            "to": hex_text(self._trust.file.contracts["view"].address),
            "data": hex_text(view.call_data(query)),
        }

        def read(result: Any, node: RpcNode) -> view.Inspection:
            return self._read(result, node, query, checkpoint)

        found = self._pool.ask(_METHOD, [call, "latest"], read)
        as_of = self._time(found, checkpoint)
        if found.anchor is not None and checkpoint and found.anchor.block > checkpoint.number:
            # Anchored after the checkpoint that is remembered; it may be final by now.
            checkpoint = self._finality.checkpoint(fresh=True) or checkpoint
        return Facts(
            chain_id=found.chain_id,
            block=found.block,
            time=as_of,
            final_block=self._finality.final_block(found.block, checkpoint),
            anchor=found.anchor,
            key=found.key,
            lineage=found.lineage,
            status=found.status,
            digest_revoked=found.digest_revoked,
            root_revoked=found.root_revoked,
            basis=Basis.NODE,
        )

    def _read(
        self, result: Any, node: RpcNode, query: Query, checkpoint: Checkpoint | None
    ) -> view.Inspection:
        found = inspection_of(result, node, query)
        wanted = self._trust.file.chain_id
        if found.chain_id != wanted:
            raise UnavailableError(
                "rpc_other_chain", origin=node.origin, found=found.chain_id, expected=wanted
            )
        if checkpoint is not None and found.block < checkpoint.number:
            raise UnavailableError(
                "rpc_node_behind", origin=node.origin, block=found.block, final=checkpoint.number
            )
        for name, successor in found.successors.items():
            raise UnavailableError("contract_closed", contract=name, successor=hex_text(successor))
        return found

    def _time(self, found: view.Inspection, checkpoint: Checkpoint | None) -> int:
        """Return as of when the answer holds: the later of the block and the operator's heartbeat.

        A block's time may run ahead of the clock; nothing is known of the future.
        """
        latest = found.time if checkpoint is None else max(found.time, checkpoint.time)
        return min(latest, int(self._clock()))


def inspection_of(result: Any, node: RpcNode, query: Query) -> view.Inspection:
    """Read what a node answered to ``view.call_data``.

    Raises:
        UnavailableError: ``rpc_contract_absent``, ``rpc_answer_malformed``.
    """
    if result == "0x":
        raise UnavailableError("rpc_contract_absent", origin=node.origin)
    try:
        if not isinstance(result, str) or not result.startswith("0x"):
            raise node.malformed(_METHOD, "hexadecimal")
        return view.read(bytes.fromhex(result[2:]), query)
    except MalformedError as error:
        reason = error.details.get("reason") or error.details.get("record") or error.code
        raise node.malformed(_METHOD, str(reason)) from error
    except ValueError as error:
        raise node.malformed(_METHOD, "hexadecimal") from error
