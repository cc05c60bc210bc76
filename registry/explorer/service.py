"""What the routes for pages ask: the chain's nodes, its newest final block, the index."""

from ecert.chain.node import Nodes
from ecert.errors import UnavailableError
from registry.application import Registry
from registry.explorer.index import ChainIndex, Contracts
from registry.nodes import node_urls
from registry.outbox.models import ChainCheckpoint, ChainDeployment


class Explorer:
    """The chain of one registry, for pages.

    Args:
        registry: The opened registry.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        made = registry.context.contracts.deployment
        contracts = Contracts(made.chain_id, made.addresses, made.first_block)
        self.index = ChainIndex(contracts, self.nodes, self._newest)

    def nodes(self) -> Nodes:
        """Return the chain's nodes.

        Raises:
            UnavailableError: ``chain_not_started``.
        """
        return Nodes(node_urls(self._registry.settings))

    def final(self) -> ChainCheckpoint:
        """Return the newest final block.

        Raises:
            UnavailableError: The database does not answer.
        """
        with self._registry.reading() as services:
            return services.outbox.checkpoint()

    def deployment(self) -> ChainDeployment:
        """Return what is known of the chain since this registry was set up."""
        with self._registry.reading() as services:
            found = services.session.get(ChainDeployment, 1)
        if found is None:  # Registry.open checked
            raise UnavailableError("chain_not_started", path="-")
        return found

    def has_validators(self) -> bool:
        """Whether validators seal the chain's blocks."""
        return self.deployment().engine != "anvil"

    def _newest(self) -> tuple[int, bytes]:
        final = self.final()
        return final.number, final.hash
