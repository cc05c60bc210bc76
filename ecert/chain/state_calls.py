"""The two exchanges with a node that prove an answer: what it says, and then the proofs of that."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ecert import limits
from ecert.chain import view
from ecert.chain.header import BlockHeader
from ecert.chain.node import proof_nodes, sealed_header
from ecert.chain.reader import inspection_of
from ecert.chain.rpc import RpcNode
from ecert.errors import UnavailableError
from ecert.facts import Query
from ecert.fields import Fields, hex_text
from ecert.trust import TrustFile

_PROOF, _BLOCK = "eth_getProof", "eth_getBlockByNumber"


def inspect(
    node: RpcNode, file: TrustFile, query: Query, block: int | Literal["latest"]
) -> view.Inspection:
    """Ask a node what the contracts hold about ``query``: its word alone.

    Raises:
        MalformedError: The contracts cannot be asked such a thing.
        UnavailableError: ``rpc_contract_absent``, ``rpc_other_chain``, or the node's failure.
    """
    call = {
        "to": hex_text(file.contracts["view"].address),
        "data": hex_text(view.call_data(query)),
    }
    result = node.call("eth_call", [call, _tag(block)])
    found = inspection_of(result, node, query)
    if found.chain_id != file.chain_id:
        raise UnavailableError(
            "rpc_other_chain", origin=node.origin, found=found.chain_id, expected=file.chain_id
        )
    return found


def prove_slots(
    node: RpcNode, file: TrustFile, slots: Mapping[str, Sequence[int]], block: int
) -> list[bytes]:
    """Ask a node for proofs of words of several contracts.

    Args:
        node: The node.
        file: Names the contracts.
        slots: Which words, by the contract's name in the trust file.
        block: The block in whose state.

    Returns:
        The trie nodes that were given, each once, unchecked.

    Raises:
        MalformedError: ``field_malformed``.
        UnavailableError: ``rpc_refused`` by a node that makes no proofs of this block; or the
            node's failure.
    """
    answers = node.batch(_proofs(file, slots, block))
    return _trie_nodes(answers, slots)


def prove_slots_and_header(
    node: RpcNode, file: TrustFile, slots: Mapping[str, Sequence[int]], block: int
) -> tuple[list[bytes], BlockHeader]:
    """Do as ``prove_slots``, and return the block's sealed header too, still in one exchange.

    Raises:
        MalformedError: ``field_malformed``.
        ProofError: ``header_malformed``.
        UnavailableError: As ``prove_slots``; ``rpc_block_absent``.
    """
    *answers, header = node.batch(
        [*_proofs(file, slots, block), (_BLOCK, [_tag(block), False])],
    )
    return _trie_nodes(answers, slots), sealed_header(block)(header)


def _proofs(
    file: TrustFile, slots: Mapping[str, Sequence[int]], block: int
) -> list[tuple[str, list[object]]]:
    return [
        (
            _PROOF,
            [
                hex_text(file.contracts[name].address),
                [hex_text(slot.to_bytes(32)) for slot in wanted],
                _tag(block),
            ],
        )
        for name, wanted in slots.items()
    ]


def _trie_nodes(answers: Sequence[Any], slots: Mapping[str, Sequence[int]]) -> list[bytes]:
    found: dict[bytes, None] = {}
    for answer, wanted in zip(answers, slots.values(), strict=True):
        fields = Fields(answer, "proof")
        found.update(dict.fromkeys(proof_nodes(fields, "accountProof")))
        for entry in fields.items("storageProof", limit=len(wanted)):
            found.update(dict.fromkeys(proof_nodes(Fields(entry, "proof"), "proof")))
        if len(found) > limits.MAX_PROOF_NODES:
            raise fields.fail("storageProof")
    return list(found)


def _tag(block: int | Literal["latest"]) -> str:
    return block if block == "latest" else hex(block)
