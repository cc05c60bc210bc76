"""A verifier that asks nodes and registries."""

from collections.abc import Sequence

from ecert.card import ReplayCache
from ecert.chain.finality import FinalWhenSigned
from ecert.chain.reader import ChainReader
from ecert.client.registry import Registries
from ecert.facts import FactSource
from ecert.trust import TrustStore
from ecert.verification import Verifier


def online_verifier(
    trust: TrustStore,
    nodes: Sequence[str],
    registries: Registries,
    *,
    replay: ReplayCache | None = None,
) -> Verifier:
    """Return a verifier that asks a node about each document.

    Of a network of validators, nodes prove what they answer; the operator of an embedded chain is
    taken at its word.

    Args:
        trust: The trust roots.
        nodes: JSON-RPC addresses, the preferred one first.
        registries: Where receipts and checkpoints come from.
        replay: Remembers cards' proofs; of this process when not given.

    Raises:
        MalformedError: ``rpc_url_malformed``, also when there is none.
    """
    return Verifier(trust, _source(trust, nodes, registries), receipts=registries, replay=replay)


def _source(trust: TrustStore, nodes: Sequence[str], registries: Registries) -> FactSource:
    if trust.file.engine == "anvil":
        finality = FinalWhenSigned(trust, registries.checkpoint)
        return ChainReader(trust, nodes, finality=finality)
    # What reads headers and tries takes a tenth of a second to load.
    from ecert.chain.proven_reader import ProvenReader  # noqa: PLC0415

    return ProvenReader(trust, nodes)
