"""The registry of one process: settings, database, opened key store, services."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from ecert.errors import KeystoreError
from ecert.keystore import Keystore
from ecert.kinds import Catalogue
from registry.clock import Clock, unix_now
from registry.context import Context, Contracts
from registry.database import Database
from registry.departments.models import KeystoreHeader
from registry.errors import SettingsError
from registry.migrations import NEWEST, revision_of
from registry.outbox.models import ChainDeployment
from registry.services import Services
from registry.settings import Settings


class Registry:
    """What the web service, the command line and the worker are built on.

    Args:
        settings: This deployment's choices.
        database: The database.
        context: What all services share.
    """

    def __init__(self, settings: Settings, database: Database, context: Context) -> None:
        self.settings = settings
        self.database = database
        self.context = context

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock = unix_now) -> Self:
        """Open a registry that ``registry.setup`` made.

        Raises:
            SettingsError: ``passphrase_missing``, ``registry_not_set_up``, ``database_outdated``,
                ``database_newer``.
            KeystoreError: ``keystore_missing``, ``passphrase_wrong``.
            UnavailableError: ``database_unavailable``.
        """
        database = Database(settings.url)
        try:
            return cls(settings, database, _context(settings, database, clock))
        except BaseException:
            database.dispose()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Services]:
        """Give services whose work is committed at the end, or undone by an error."""
        with self.database.transaction() as session:
            yield Services(session, self.context)

    @contextmanager
    def reading(self) -> Iterator[Services]:
        """Give services that only read."""
        with self.database.reading() as session:
            yield Services(session, self.context)

    def close(self) -> None:
        """Close the database's connections."""
        self.database.dispose()


def _context(settings: Settings, database: Database, clock: Clock) -> Context:
    with database.reading() as session:
        found, expected = revision_of(session.connection()), NEWEST
        if found is None:
            raise SettingsError("registry_not_set_up", directory=settings.directory)
        if found > expected:
            raise SettingsError("database_newer", found=found, expected=expected)
        if found != expected:
            raise SettingsError("database_outdated", found=found, expected=expected)
        header = session.get(KeystoreHeader, "main")
        deployment = session.get(ChainDeployment, 1)
    if header is None:
        raise KeystoreError("keystore_missing")
    if deployment is None:
        raise SettingsError("registry_not_set_up", directory=settings.directory)
    return Context(
        settings=settings,
        catalogue=Catalogue.load(),
        keystore=Keystore.unlock(header.header, settings.read_passphrase()),
        contracts=Contracts.of(deployment),
        clock=clock,
    )
