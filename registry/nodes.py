"""Where a registry's chain is asked: the nodes of its settings, or its own embedded one."""

from collections.abc import Sequence

from networks.embedded import endpoint
from registry.settings import Settings


def node_urls(settings: Settings) -> Sequence[str]:
    """Return the JSON-RPC addresses of the chain's nodes; an embedded one is run by some process.

    Raises:
        UnavailableError: ``chain_not_started``.
    """
    return settings.nodes or (endpoint(settings.chain_directory),)
