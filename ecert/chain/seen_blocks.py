"""Blocks whose seals were checked before: who asks much asks about the same few."""

from collections import OrderedDict
from typing import NoReturn

from ecert.chain import qbft
from ecert.chain.block_proof import BlockProof, ProvenBlock, prove_block
from ecert.chain.header import BlockHeader
from ecert.chain.node import Nodes, sealed_header
from ecert.chain.rpc import RpcNode
from ecert.chain.validators import Handover
from ecert.errors import ProofError
from ecert.trust import TrustStore

LAG_SECONDS = 60.0
"""How old a node's newest block may be before other nodes are asked too: networks make one every
few seconds. Where none has a newer one, the newest answers, and says as of when."""

KEPT = 64
"""Blocks remembered: a minute of them at one a second."""

_OTHER_SET = frozenset({"validators_differ", "block_proof_malformed"})
"""Codes of a header whose validators other handovers lead to, be it before or after those."""


class SeenBlocks:
    """Proves blocks of a network of validators from their headers; to be used by many threads.

    Args:
        nodes: Where the handovers are looked for when the validators have changed.
        trust: The trust roots.
    """

    def __init__(self, nodes: Nodes, trust: TrustStore) -> None:
        self._nodes = nodes
        self._trust = trust
        self._known: OrderedDict[bytes, tuple[BlockProof, ProvenBlock]] = OrderedDict()
        self._handovers: tuple[Handover, ...] = ()

    def newest(self, *, since: float = 0.0) -> ProvenBlock:
        """Return the newest block of a node that proves it.

        Args:
            since: A node whose newest block is older than this is behind: others are asked too,
                and the newest of all is returned. Unix seconds.

        Raises:
            UnavailableError: No node gives a usable answer, ``rpc_proof_invalid`` where it proves
                nothing.
        """
        method = "eth_getBlockByNumber"

        def ask(node: RpcNode) -> ProvenBlock:
            block = node.call(method, ["latest", False])
            return self.prove(sealed_header("latest")(block))[1]

        return self._nodes.any(method, ask, rank=lambda block: block.time, enough=since)

    def prove(self, header: BlockHeader) -> tuple[BlockProof, ProvenBlock]:
        """Return a proof of the header's block, and what it proves.

        A block's hash does not cover its seals: one that was proved is certain whatever seals
        another node shows for it.

        Raises:
            ProofError: As ``BlockProof.verify``.
            UnavailableError: ``handover_not_found``, or a node's failure.
        """
        name = qbft.block_hash(header)
        known = self._known.get(name)
        if known is None:
            known = self._prove(header)
            self._known[name] = known
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return known

    def _prove(self, header: BlockHeader) -> tuple[BlockProof, ProvenBlock]:
        for handovers in dict.fromkeys(((), self._handovers)):
            proof = BlockProof(header.encoded, handovers, None)
            try:
                return proof, proof.verify(self._trust)
            except ProofError as error:
                if error.code not in _OTHER_SET:
                    raise
        proof = prove_block(
            self._nodes, self._trust, header.number, fetch_checkpoint=_no_checkpoint
        )
        self._handovers = proof.handovers
        proof = BlockProof(header.encoded, proof.handovers, None)
        return proof, proof.verify(self._trust)


def _no_checkpoint() -> NoReturn:
    raise AssertionError("a network of validators has no operator")
