"""Where whoever makes evidence gets the chain's part of it: nodes, or else registries."""

from collections.abc import Callable, Sequence

from ecert.chain.node import Nodes
from ecert.chain.state_proof import gather
from ecert.client.registry import Registries
from ecert.evidence import ChainProof
from ecert.facts import Query
from ecert.trust import TrustStore


def prover(trust: TrustStore, nodes: Sequence[str]) -> Callable[[Query], ChainProof]:
    """Return what gets proofs: from nodes where some are given, else from the registries.

    A registry may add a timestamping authority's token. Neither is trusted: what they give proves
    itself or does not.

    Args:
        trust: Names the chain and its registries.
        nodes: JSON-RPC addresses, the preferred one first.

    Raises:
        MalformedError: ``rpc_url_malformed``, ``registry_origin_malformed``.
    """
    registries = Registries(trust.file.registries)
    if not nodes:
        return lambda query: ChainProof.decode(registries.proof(query))
    asked = Nodes(nodes)
    return lambda query: ChainProof(
        gather(asked, trust, query, fetch_checkpoint=registries.checkpoint), None
    )
