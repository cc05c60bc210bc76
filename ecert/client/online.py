"""A verifier that asks nodes and registries."""

from collections.abc import Sequence

from ecert.card import ReplayCache
from ecert.chain.finality import finality_of
from ecert.chain.reader import ChainReader
from ecert.client.registry import Registries
from ecert.trust import TrustStore
from ecert.verification import Verifier


def online_verifier(
    trust: TrustStore,
    nodes: Sequence[str],
    registries: Registries,
    *,
    replay: ReplayCache | None = None,
) -> Verifier:
    """Return a verifier that makes one call to a node for each document.

    Args:
        trust: The trust roots.
        nodes: JSON-RPC addresses, the preferred one first.
        registries: Where receipts and checkpoints come from.
        replay: Remembers cards' proofs; of this process when not given.

    Raises:
        MalformedError: ``rpc_url_malformed``, also when there is none.
    """
    finality = finality_of(trust, registries.checkpoint)
    reader = ChainReader(trust, nodes, finality=finality)
    return Verifier(trust, reader, receipts=registries, replay=replay)
