"""What a trust file of this registry's chain says, for the council's members to sign."""

from dataclasses import dataclass

from ecert.chain.stored import SOLIDITY_NAMES
from ecert.kinds import Catalogue
from ecert.signing import PublicKey
from ecert.trust import Contract, PinnedBlock, TrustFile
from registry.chain.deploy import Deployment
from registry.departments.keys import public_key_of
from registry.departments.models import KeyPurpose
from registry.errors import RequestError
from registry.outbox.checkpoints import addresses
from registry.outbox.models import ChainDeployment
from registry.services import Services

DAY = 24 * 3600
YEAR = 365 * DAY
_NAMES = SOLIDITY_NAMES | {"view": "VerificationView"}


@dataclass(frozen=True, slots=True)
class Choices:
    """What the council decides; what is not given stays as it was.

    At first: the keys in this registry's store, more than half of which must sign, and its origin.

    Attributes:
        council: Who signs trust files.
        threshold: How many of them must.
        operators: Keys that sign checkpoints of an embedded chain.
        lifetime: Seconds until the file expires.
        registries: Origins that give out receipts, checkpoints and trust files.
        timestamp_authorities: Certificates (X.509, DER) of who signs timestamps.
        keep_checkpoint: Whether the checkpoint stays where it is.
    """

    council: tuple[PublicKey, ...] | None = None
    threshold: int | None = None
    operators: tuple[PublicKey, ...] | None = None
    lifetime: int = YEAR
    registries: tuple[str, ...] | None = None
    timestamp_authorities: tuple[bytes, ...] | None = None
    keep_checkpoint: bool = False


def draft(
    services: Services, choices: Choices, previous: TrustFile | None, version: int | None = None
) -> TrustFile:
    """Return the content of the next trust file, at the newest checkpoint.

    Args:
        services: Give this registry's keys and the newest checkpoint.
        choices: What is to be other than before.
        previous: The version that it follows; None for the first one.
        version: Its version; the next one when not given.

    Raises:
        NotFoundError: ``checkpoint_missing``.
        RequestError: ``trust_threshold_high``.
    """
    context = services.context
    deployment = services.session.get(ChainDeployment, 1)
    assert deployment is not None  # Registry.open checked
    before = previous or _first(services)
    checkpoint = before.checkpoint
    if not choices.keep_checkpoint:
        checkpoint = _newest(services)
    council = before.council if choices.council is None else choices.council
    threshold = before.threshold if choices.threshold is None else choices.threshold
    if choices.council is not None and choices.threshold is None:
        threshold = len(council) // 2 + 1
    if threshold > len(council):
        raise RequestError("trust_threshold_high", threshold=threshold, keys=len(council))
    return TrustFile(
        version=version or (1 if previous is None else previous.version + 1),
        expires=context.clock() + choices.lifetime,
        council=council,
        threshold=threshold,
        chain_id=deployment.chain_id,
        genesis_hash=deployment.genesis_hash,
        engine=before.engine,
        operators=before.operators if choices.operators is None else choices.operators,
        checkpoint=checkpoint,
        contracts=contracts_of(context.contracts.deployment),
        catalogue_hash=Catalogue.load().hash,
        registries=before.registries if choices.registries is None else choices.registries,
        history=_history(previous, checkpoint),
        timestamp_authorities=before.timestamp_authorities
        if choices.timestamp_authorities is None
        else choices.timestamp_authorities,
        epoch_length=None if before.engine == "anvil" else context.settings.epoch_length,
    )


def describe_trust(
    services: Services, *, version: int, lifetime: int, previous: TrustFile | None = None
) -> TrustFile:
    """Return the content of a version in which nothing but checkpoint and end is new.

    Raises:
        NotFoundError: ``checkpoint_missing``.
    """
    return draft(services, Choices(lifetime=lifetime), previous, version)


def issue_trust(
    services: Services,
    *,
    version: int = 1,
    lifetime: int = YEAR,
    previous: TrustFile | None = None,
) -> bytes:
    """Return a trust file for this chain, signed by all council's keys of this registry's store.

    Args:
        services: Give keys and the newest checkpoint.
        version: Must rise with every change.
        lifetime: Seconds until it expires.
        previous: The file that it follows, whose checkpoints it keeps.

    Raises:
        NotFoundError: ``checkpoint_missing``; ``signing_key_missing`` where the council keeps its
            keys elsewhere.
    """
    file = describe_trust(services, version=version, lifetime=lifetime, previous=previous)
    return file.sign([services.keys.signer(row) for row in services.keys.council()])


def contracts_of(deployment: Deployment) -> dict[str, Contract]:
    """Return the contracts as a trust file names them."""
    found = deployment.contracts
    return {
        name: Contract(bytes.fromhex(found[contract].address[2:]), found[contract].code_hash)
        for name, contract in _NAMES.items()
    }


def _first(services: Services) -> TrustFile:
    """Return what a first file says where nothing is chosen."""
    context = services.context
    deployment = services.session.get(ChainDeployment, 1)
    assert deployment is not None  # Registry.open checked
    council = tuple(map(public_key_of, services.keys.signing_keys(KeyPurpose.TRUST)))
    operators = tuple(map(public_key_of, services.keys.signing_keys(KeyPurpose.CHECKPOINTS)))
    return TrustFile(
        version=1,
        expires=0,
        council=council,
        threshold=len(council) // 2 + 1,
        chain_id=deployment.chain_id,
        genesis_hash=deployment.genesis_hash,
        engine=deployment.engine,  # type: ignore[arg-type]  # set_up took an Engine
        operators=operators,
        checkpoint=_newest(services),
        contracts=contracts_of(context.contracts.deployment),
        catalogue_hash=Catalogue.load().hash,
        registries=(context.settings.origin,),
    )


def _newest(services: Services) -> PinnedBlock:
    row = services.outbox.checkpoint()
    validators = addresses(row.validators or b"")
    return PinnedBlock(row.number, row.hash, row.state_root, validators)


def _history(previous: TrustFile | None, checkpoint: PinnedBlock) -> tuple[PinnedBlock, ...]:
    """Return the earlier checkpoints that a file with ``checkpoint`` keeps."""
    if previous is None:
        return ()
    moved = previous.checkpoint.number != checkpoint.number
    return previous.pins if moved else previous.history
