"""Which engine a chain has: told by looking at it, so that nobody says it wrongly."""

from ecert.chain.node import Nodes
from ecert.trust import Engine
from registry.errors import SettingsError

_BESU = "besu"


def engine_of(nodes: Nodes, *, development: bool, chosen: Engine | None = None) -> Engine:
    """Return the engine of a chain that others run.

    Args:
        nodes: Its nodes.
        development: Whether a chain without validators will do: final there is what the operator
            signs, as on an embedded chain.
        chosen: What the operator says; of Besu and GoQuorum, which both make QBFT headers.

    Raises:
        SettingsError: ``engine_not_qbft``, ``engine_is_qbft``.
        UnavailableError: No node gives a usable answer.
    """
    if not nodes.is_qbft():
        if chosen not in (None, "anvil") or not development:
            raise SettingsError("engine_not_qbft")
        return "anvil"
    if chosen == "anvil":
        raise SettingsError("engine_is_qbft")
    client = nodes.client_version().lower()
    return chosen or ("besu" if _BESU in client else "quorum")
