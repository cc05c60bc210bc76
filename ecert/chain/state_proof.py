"""A proof of what the contracts hold about one document, for who holds nothing but the trust file.

1 the block is certain: its seals, or the operator's word (``ecert.chain.block_proof``)
2 its state root leads to the contracts, whose code is the one that the trust file names
3 their storage roots lead to each word that is read, be it to show that it holds nothing
4 the words, read by the compiler's layout, are records that the contracts can have made
5 no node of a trie was given that none of this needed
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ecert.chain import stored, view
from ecert.chain.block_proof import BlockProof, ProvenBlock, prove_block
from ecert.chain.node import Nodes
from ecert.chain.proof import ProofNodes
from ecert.chain.records import CONTRACTS
from ecert.chain.rpc import RpcNode
from ecert.chain.seen_blocks import SeenBlocks
from ecert.chain.state_calls import inspect, prove_slots, prove_slots_and_header
from ecert.errors import MalformedError, ProofError, UnavailableError
from ecert.facts import Basis, Facts, Query
from ecert.fields import MAX_TIME, hex_text
from ecert.trust import TrustFile, TrustStore

_METHOD = "eth_getProof"


@dataclass(frozen=True, slots=True)
class StateProof:
    """A proof of the answer to one query; whoever gave it is not trusted.

    Attributes:
        block: Proves the block in whose state the answer holds.
        nodes: The tries' nodes, each once, in any order.
    """

    block: BlockProof
    nodes: tuple[bytes, ...]

    def facts(self, trust: TrustStore, query: Query) -> Facts:
        """Return what is proved about ``query``.

        Raises:
            MalformedError: The contracts cannot be asked such a thing; or the operator's word
                cannot be read.
            ProofError: ``state_proof_invalid``, ``contract_code_differs``, or as
                ``BlockProof.verify``.
            TrustError: As ``BlockProof.verify``.
            UnavailableError: ``contract_closed``; ``state_words_too_many``.
        """
        proof = ProofNodes(self.nodes)
        block = self.block.verify(trust)
        found = read_words(proof, block, trust.file, query)
        proof.require_all_used()
        return facts_of(found, block)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A proof that was checked as it was gathered.

    Attributes:
        proof: The proof.
        block: The block that it is of.
        found: What it shows.
    """

    proof: StateProof
    block: ProvenBlock
    found: view.Inspection


def read_words(
    proof: ProofNodes, block: ProvenBlock, file: TrustFile, query: Query
) -> view.Inspection:
    """Return what a block's state holds about ``query``.

    Args:
        proof: The nodes that lead from the block's state root to every word that is read.
        block: The block.
        file: Names the contracts and their code.
        query: What is asked.

    Raises:
        MalformedError: The contracts cannot be asked such a thing.
        ProofError: ``state_proof_invalid``, ``contract_code_differs``.
        UnavailableError: ``state_words_too_many``.
    """
    roots = {}
    for name in CONTRACTS:
        account = proof.account(block.state_root, file.contracts[name].address)
        if account.code_hash != file.contracts[name].code_hash:
            raise ProofError("contract_code_differs", contract=name)
        roots[name] = account.storage_root
    # The operator's word does not say what time a block has.
    time = block.time if block.basis is Basis.VALIDATORS else MAX_TIME
    try:
        return stored.read(
            query,
            lambda contract, slot: proof.word(roots[contract], slot),
            chain_id=file.chain_id,
            block=block.number,
            time=time,
        )
    except MalformedError as error:
        if error.code != "chain_record_impossible":
            raise
        raise ProofError("state_proof_invalid", reason=error.details["record"]) from error


def facts_of(found: view.Inspection, block: ProvenBlock) -> Facts:
    """Return what was found in a block's state as an answer.

    Raises:
        UnavailableError: ``contract_closed``.
    """
    for name, successor in found.successors.items():
        raise UnavailableError("contract_closed", contract=name, successor=hex_text(successor))
    return Facts(
        chain_id=found.chain_id,
        block=block.number,
        time=block.time,
        final_block=block.number,
        anchor=found.anchor,
        key=found.key,
        lineage=found.lineage,
        status=found.status,
        digest_revoked=found.digest_revoked,
        root_revoked=found.root_revoked,
        basis=block.basis,
    )


class Gatherer:
    """Asks nodes for proofs, each in two exchanges with one node.

    Args:
        nodes: Nodes of the chain; none is trusted.
        trust: The trust roots.
        fetch_checkpoint: Gets the operator's latest checkpoint, on an embedded chain.
    """

    def __init__(
        self, nodes: Nodes, trust: TrustStore, fetch_checkpoint: Callable[[], bytes]
    ) -> None:
        self._nodes = nodes
        self._trust = trust
        self._fetch_checkpoint = fetch_checkpoint
        self._seen = SeenBlocks(nodes, trust)

    def gather(self, query: Query, *, since: float = 0.0) -> Gathered:
        """Return a proof of the answer to ``query`` at the newest final block that is to be had.

        Args:
            query: What is asked.
            since: A node whose newest block is older than this is behind: others are asked too,
                and the newest answer is returned. Unix seconds.

        Raises:
            MalformedError: The contracts cannot be asked such a thing; a checkpoint that cannot be
                read.
            ProofError: The checkpoint proves nothing, as ``prove_block``.
            TrustError: ``signed_by_too_few``.
            UnavailableError: No node gave a usable answer, ``rpc_proof_invalid`` where it proves
                nothing.
        """
        view.call_data(query)  # what cannot be asked is no node's fault
        if self._trust.file.engine != "anvil":
            return self._nodes.any(
                _METHOD,
                lambda node: self._newest(node, query),
                rank=lambda gathered: gathered.block.time,
                enough=since,
            )
        proof = prove_block(
            self._nodes, self._trust, "latest", fetch_checkpoint=self._fetch_checkpoint
        )
        block = proof.verify(self._trust)
        return self._nodes.any(_METHOD, lambda node: self._at(node, query, proof, block))

    def _newest(self, node: RpcNode, query: Query) -> Gathered:
        file = self._trust.file
        found = inspect(node, file, query, "latest")
        if found.block < file.checkpoint.number:
            raise UnavailableError(
                "rpc_node_behind",
                origin=node.origin,
                block=found.block,
                final=file.checkpoint.number,
            )
        slots = stored.slots(query, found)
        nodes, header = prove_slots_and_header(node, file, slots, found.block)
        return self._checked(query, nodes, *self._seen.prove(header))

    def _at(self, node: RpcNode, query: Query, proof: BlockProof, block: ProvenBlock) -> Gathered:
        file = self._trust.file
        slots = stored.slots(query, inspect(node, file, query, block.number))
        nodes = prove_slots(node, file, slots, block.number)
        return self._checked(query, nodes, proof, block)

    def _checked(
        self, query: Query, nodes: Iterable[bytes], proof: BlockProof, block: ProvenBlock
    ) -> Gathered:
        known = ProofNodes(nodes)
        found = read_words(known, block, self._trust.file, query)
        return Gathered(StateProof(proof, known.used()), block, found)


def gather(
    nodes: Nodes, trust: TrustStore, query: Query, *, fetch_checkpoint: Callable[[], bytes]
) -> StateProof:
    """Return a proof of the answer to ``query``, checked, at the newest final block.

    Args:
        nodes: Nodes of the chain; none is trusted.
        trust: The trust roots.
        query: What is asked.
        fetch_checkpoint: Gets the operator's latest checkpoint, on an embedded chain.

    Raises:
        EcertError: As ``Gatherer.gather``.
    """
    return Gatherer(nodes, trust, fetch_checkpoint).gather(query).proof
