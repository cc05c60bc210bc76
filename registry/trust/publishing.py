"""Publishing trust files: put in place is what everybody who follows the present one will accept.

Versions lie in the database, from where every web service gives them out; the newest one lies in
the registry's folder too, for those who set verifiers up.
"""

from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session, col, select

from ecert.client.home import read_file, write_file
from ecert.errors import TrustError
from ecert.limits import MAX_TRUST_FILE_BYTES
from ecert.trust import TrustFile, TrustStore, UnverifiedTrust, signed_file
from registry.application import Registry
from registry.context import Context
from registry.departments.keys import KeyService, public_key_of
from registry.departments.models import KeyPurpose
from registry.errors import NotFoundError
from registry.outbox.models import ChainDeployment
from registry.trust.drafting import contracts_of
from registry.trust.models import PublishedTrust

TRUST_FILE = "trust.json"
"""Where the newest version lies in the registry's folder."""


def published(session: Session, directory: Path, version: int | None = None) -> bytes:
    """Return a version that was published, the newest one when not given.

    Raises:
        NotFoundError: ``trust_file_missing``.
        MalformedError: ``file_unreadable`` in the registry's folder.
    """
    statement = select(PublishedTrust).order_by(col(PublishedTrust.version).desc())
    if version is not None:
        statement = statement.where(col(PublishedTrust.version) == version)
    row = session.exec(statement).first()
    if row is not None:
        return row.data
    # A registry that was made before versions were kept has one in its folder alone.
    path = directory / TRUST_FILE
    if not path.exists() or (version is not None and _version(path) != version):
        raise NotFoundError("trust_file_missing")
    return read_file(path, limit=MAX_TRUST_FILE_BYTES)


def publish(registry: Registry, data: bytes) -> TrustFile:
    """Put a version in place, after checking it as those who pinned the present one will.

    Raises:
        MalformedError: It cannot be read, or the folder cannot be written.
        TrustError: ``trust_old_signatures_missing`` or ``trust_signatures_missing``;
            ``trust_expired``, ``trust_rollback``, ``trust_other_chain``,
            ``trust_history_changed``, ``catalogue_not_pinned``;
            ``trust_other_registry``: it names other contracts or operators than this registry's.
    """
    context, directory = registry.context, registry.settings.directory
    now = datetime.fromtimestamp(context.clock(), UTC)
    with registry.transaction() as services:
        session = services.session
        present = _present(session, directory)
        _require_signatures(data, present)
        if present is None:
            store = TrustStore(data, context.catalogue, now=now)
        else:
            store = TrustStore.successor(present, data, context.catalogue, now=now)
        _check_own(session, context, store.file)
        for version in filter(None, (present, data)):
            _keep(session, version)
    write_file(directory / TRUST_FILE, data, mode=0o644)
    return store.file


def _require_signatures(data: bytes, present: bytes | None) -> None:
    """Refuse what others would, saying whose signatures are missing."""
    found = UnverifiedTrust.read(data)
    if present is not None:
        old = signed_file(present)
        signed = len(found.signers(old.council))
        if signed < old.threshold:
            raise TrustError(
                "trust_old_signatures_missing",
                version=old.version,
                found=signed,
                needed=old.threshold,
            )
    signed = len(found.signers(found.file.council))
    if signed < found.file.threshold:
        raise TrustError("trust_signatures_missing", found=signed, needed=found.file.threshold)


def _present(session: Session, directory: Path) -> bytes | None:
    try:
        return published(session, directory)
    except NotFoundError:
        return None


def _keep(session: Session, data: bytes) -> None:
    number = signed_file(data).version
    if session.get(PublishedTrust, number) is None:
        session.add(PublishedTrust(version=number, data=data))
        session.flush()


def _check_own(session: Session, context: Context, file: TrustFile) -> None:
    deployment = session.get(ChainDeployment, 1)
    assert deployment is not None  # Registry.open checked
    found: dict[str, tuple[object, object]] = {
        "chain_id": (file.chain_id, deployment.chain_id),
        "genesis_hash": (file.genesis_hash, deployment.genesis_hash),
        "contracts": (dict(file.contracts), contracts_of(context.contracts.deployment)),
        "engine": (file.engine == "anvil", deployment.engine == "anvil"),
    }
    if file.engine == "anvil":  # nothing that this registry signs would count
        operators = KeyService(session, context.keystore).signing_keys(KeyPurpose.CHECKPOINTS)
        known = any(public_key_of(row) in file.operators for row in operators)
        found["operators"] = (known, True)
    for name, (said, own) in found.items():
        if said != own:
            raise TrustError("trust_other_registry", field=name)


def _version(path: Path) -> int:
    return signed_file(read_file(path, limit=MAX_TRUST_FILE_BYTES)).version
