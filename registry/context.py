"""What every service of one process shares."""

from dataclasses import dataclass, field

from ecert.keystore import Keystore
from ecert.kinds import Catalogue
from registry.batches.paths import Paths
from registry.chain.calls import AnchorCalls, DepartmentCalls, StatusCalls
from registry.chain.deploy import Deployment
from registry.chain.standstill import Standstill
from registry.clock import Clock, unix_now
from registry.outbox.models import ChainDeployment
from registry.seldom import Seldom
from registry.settings import Settings
from registry.timekeeping import ClockWatch


@dataclass(frozen=True)
class Contracts:
    """The contracts as their callers see them.

    Attributes:
        chain_id: EIP-155 chain id.
        engine: What makes its blocks.
        council_delay: Seconds that acts of the council wait after they were announced.
        departments: Calls on DepartmentRegistry.
        anchors: Calls on AnchorRegistry.
        statuses: Calls on StatusRegistry.
        deployment: Addresses and code hashes.
    """

    chain_id: int
    engine: str
    council_delay: int
    departments: DepartmentCalls
    anchors: AnchorCalls
    statuses: StatusCalls
    deployment: Deployment

    @classmethod
    def of(cls, row: ChainDeployment) -> "Contracts":
        """Return the contracts of a deployment."""
        deployment = Deployment.from_json(row.record)
        return cls(
            chain_id=row.chain_id,
            engine=row.engine,
            council_delay=row.council_delay,
            departments=deployment.departments,
            anchors=deployment.anchors,
            statuses=deployment.status,
            deployment=deployment,
        )


@dataclass(frozen=True)
class Context:
    """Settings, opened key store, catalogue, contracts, clock of one process and who watches it.

    And what it keeps so as not to work it out for every question.
    """

    settings: Settings
    catalogue: Catalogue
    keystore: Keystore
    contracts: Contracts
    clock: Clock = unix_now
    watch: ClockWatch = field(default_factory=ClockWatch)
    paths: Paths = field(default_factory=Paths)
    leaf_count: Seldom[int] = field(default_factory=Seldom)


def standstill_of(context: Context) -> Standstill | None:
    """Return what notices that a network stands still; None for a chain that may rest."""
    if context.contracts.engine == "anvil":
        return None  # blocks come with transactions
    return Standstill(context.settings.stall_seconds)
