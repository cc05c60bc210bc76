"""A verifier that asks nodes and registries."""

from collections.abc import Sequence

from ecert.chain.finality import finality_of
from ecert.chain.reader import ChainReader
from ecert.client.registry import Registries
from ecert.trust import TrustStore
from ecert.verification import Verifier


def online_verifier(trust: TrustStore, nodes: Sequence[str], registries: Registries) -> Verifier:
    """Return a verifier that makes one call to a node for each document.

    Args:
        trust: The trust roots.
        nodes: JSON-RPC addresses, the preferred one first.
        registries: Where receipts and checkpoints come from.

    Raises:
        MalformedError: ``rpc_url_malformed``, also when there is none.
    """
    finality = finality_of(trust, registries.checkpoint)
    return Verifier(trust, ChainReader(trust, nodes, finality=finality), receipts=registries)
