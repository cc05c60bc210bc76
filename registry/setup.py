"""Making a new registry: keys, contracts, first checkpoint, first operator.

Every step finds what an interrupted run left and goes on from there.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, select

from ecert.errors import UnavailableError
from ecert.keystore import Cost, Keystore
from ecert.kinds import Catalogue
from ecert.trust import Engine
from registry.access.models import Officer, Role
from registry.application import Registry
from registry.chain.deploy import deploy
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from registry.clock import Clock, unix_now
from registry.context import Context, Contracts
from registry.database import Database
from registry.departments.keys import KeyService
from registry.departments.models import AccountPurpose, KeyPurpose, KeystoreHeader
from registry.errors import ReconciliationError, SettingsError
from registry.migrations import revision_of, upgrade
from registry.outbox.checkpoints import keep_checkpoint
from registry.outbox.models import ChainDeployment
from registry.outbox.seals import Base
from registry.outbox.sight import Settlement
from registry.settings import Settings
from registry.timekeeping import ClockWatch

COUNCIL_KEYS = 3
"""Keys that sign the trust file of a council that this registry holds the keys of."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """A registry that was set up.

    Attributes:
        registry: The registry, opened.
        operator: Id of the first operator.
        token: Their bearer token, shown this once; None when they were there before.
    """

    registry: Registry
    operator: str
    token: str | None


def set_up(
    settings: Settings,
    urls: Sequence[str],
    settlement: Settlement,
    *,
    chain_id: int,
    engine: Engine,
    base: Base | None = None,
    council: str | None = None,
    cost: Cost | None = None,
    clock: Clock = unix_now,
    watch: ClockWatch | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> SetUp:
    """Make a registry on a chain.

    Args:
        settings: The deployment's choices.
        urls: JSON-RPC addresses of the chain's nodes.
        settlement: Makes blocks final.
        chain_id: The chain's id.
        engine: The chain's engine, for the trust file.
        base: From where the chain's validators are followed, where it has any.
        council: The council's wallet; an account of this registry's own when not given.
        cost: Cost of the key store's scrypt; its default when not given.
        clock: The time.
        watch: Judges the clock; one that knows nothing yet when not given.
        report: Told each contract's name when it is on the chain.

    Raises:
        SettingsError: ``passphrase_missing``, ``database_encoding``, ``database_not_empty``;
            ``registry_is_set_up`` for another council.
        ReconciliationError: ``database_of_another_chain``.
        KeystoreError: ``passphrase_wrong`` when the directory holds another registry.
        ChainRejectedError: The contracts cannot be deployed.
        UnavailableError: Chain or database do not answer.
    """
    database = Database(settings.url)
    with ExitStack() as opened:
        opened.callback(database.dispose)
        _require_fit(database)
        upgrade(database)
        with database.transaction() as session:
            keystore = _keystore(session, settings.read_passphrase(), cost)
            keys = KeyService(session, keystore)
            deployer = keys.local_account(keys.own_account(None, AccountPurpose.DEPLOYER))
            steers = council or keys.own_account(None, AccountPurpose.COUNCIL).address
            _registry_keys(keys)
        sender = Sender(RpcPool(urls, chain_id))
        with database.reading() as session:
            row = session.get(ChainDeployment, 1)
        if row is None:
            genesis = sender.header(0)
            if genesis is None:
                raise UnavailableError("rpc_block_absent", block=0)
            made = deploy(
                sender,
                deployer,
                council=steers,
                delay=settings.council_delay,
                report=report,
            )
            row = ChainDeployment(
                chain_id=chain_id,
                genesis_hash=genesis.hash,
                engine=engine,
                council_delay=settings.council_delay,
                council=council,
                record=made.to_json(),
            )
        elif row.chain_id != chain_id:
            raise ReconciliationError(
                "database_of_another_chain", found=row.chain_id, expected=chain_id
            )
        elif council is not None and council != row.council:
            raise SettingsError("registry_is_set_up", directory=settings.directory, names="council")
        final = settlement.settle()
        with database.transaction() as session:
            if base is not None and row.base is None:
                row.base, row.base_validators = base.number, b"".join(base.validators)
            row = session.merge(row)
            session.flush()
            KeyService(session, keystore).council_account()
            watch = watch or ClockWatch()
            context = Context(settings, Catalogue.load(), keystore, Contracts.of(row), clock, watch)
            keep_checkpoint(session, context, final)
        registry = Registry(settings, database, context)
        operator, token = _operator(registry)
        opened.pop_all()
        return SetUp(registry, operator, token)


def _require_fit(database: Database) -> None:
    """Refuse a server's database that is not in UTF-8, or is somebody else's."""
    with database.reading() as session:
        connection = session.connection()
        if database.is_server:
            found = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
            if found != "UTF8":
                raise SettingsError("database_encoding", found=found)
        if revision_of(connection) is None and sa.inspect(connection).get_table_names():
            raise SettingsError("database_not_empty")


def _keystore(session: Session, passphrase: str, cost: Cost | None) -> Keystore:
    row = session.get(KeystoreHeader, "main")
    if row is not None:
        return Keystore.unlock(row.header, passphrase)
    header, keystore = Keystore.create(passphrase, cost)
    session.add(KeystoreHeader(header=header))
    session.flush()
    return keystore


def _registry_keys(keys: KeyService) -> None:
    for purpose, count in ((KeyPurpose.CHECKPOINTS, 1), (KeyPurpose.TRUST, COUNCIL_KEYS)):
        for _ in range(count - len(keys.signing_keys(purpose))):
            keys.make_key(None, purpose)


def _operator(registry: Registry) -> tuple[str, str | None]:
    with registry.transaction() as services:
        for officer in services.session.exec(select(Officer)):
            if Role.OPERATOR.value in officer.roles:
                return officer.id, None
        made, token = services.officers.add(
            None, department=None, label="operator", roles=[Role.OPERATOR]
        )
        return made.id, token
