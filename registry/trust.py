"""The trust file of a registry whose council's keys are in its key store."""

from ecert.kinds import Catalogue
from ecert.trust import Contract, PinnedBlock, TrustFile
from registry.context import Contracts
from registry.departments.keys import public_key_of
from registry.departments.models import KeyPurpose
from registry.errors import NotFoundError
from registry.outbox.checkpoints import addresses
from registry.outbox.models import ChainDeployment
from registry.services import Services

YEAR = 365 * 24 * 3600
_NAMES = {
    "departments": "DepartmentRegistry",
    "anchors": "AnchorRegistry",
    "statuses": "StatusRegistry",
    "view": "VerificationView",
}


def issue_trust(
    services: Services,
    *,
    version: int = 1,
    lifetime: int = YEAR,
    previous: TrustFile | None = None,
) -> bytes:
    """Return a trust file for this chain, signed by all of the council's keys.

    Args:
        services: Give keys and the newest checkpoint.
        version: Must rise with every change.
        lifetime: Seconds until it expires.
        previous: The file that it follows, whose checkpoints it keeps.

    Raises:
        NotFoundError: ``checkpoint_missing``; ``signing_key_missing`` where the council keeps its
            keys elsewhere and signs with its own tools.
    """
    rows = services.keys.signing_keys(KeyPurpose.TRUST)
    if not rows:
        raise NotFoundError("signing_key_missing", owner="-", purpose=KeyPurpose.TRUST.value)
    file = describe_trust(services, version=version, lifetime=lifetime, previous=previous)
    return file.sign([services.keys.signer(row) for row in rows])


def describe_trust(
    services: Services, *, version: int, lifetime: int, previous: TrustFile | None = None
) -> TrustFile:
    """Return the content of the trust file, for council members to sign.

    Raises:
        NotFoundError: ``checkpoint_missing``.
    """
    context, session = services.context, services.session
    deployment = session.get(ChainDeployment, 1)
    assert deployment is not None  # Registry.open checked
    checkpoint = services.outbox.checkpoint()
    council = tuple(map(public_key_of, services.keys.signing_keys(KeyPurpose.TRUST)))
    return TrustFile(
        version=version,
        expires=context.clock() + lifetime,
        council=council,
        threshold=len(council) // 2 + 1,
        chain_id=deployment.chain_id,
        genesis_hash=deployment.genesis_hash,
        engine=deployment.engine,  # type: ignore[arg-type]  # set_up took an Engine
        operators=tuple(map(public_key_of, services.keys.signing_keys(KeyPurpose.CHECKPOINTS))),
        checkpoint=PinnedBlock(
            checkpoint.number,
            checkpoint.hash,
            checkpoint.state_root,
            addresses(checkpoint.validators or b""),
        ),
        contracts=_contracts(context.contracts),
        catalogue_hash=Catalogue.load().hash,
        registries=(context.settings.origin,),
        history=_history(previous, checkpoint.number),
        epoch_length=None if deployment.engine == "anvil" else context.settings.epoch_length,
    )


def _history(previous: TrustFile | None, number: int) -> tuple[PinnedBlock, ...]:
    """Return the checkpoints that a file with a checkpoint at ``number`` keeps."""
    if previous is None:
        return ()
    return previous.history if previous.checkpoint.number == number else previous.pins


def _contracts(contracts: Contracts) -> dict[str, Contract]:
    found = contracts.deployment.contracts
    return {
        name: Contract(bytes.fromhex(found[contract].address[2:]), found[contract].code_hash)
        for name, contract in _NAMES.items()
    }
