"""Signing keys and chain accounts in the database, opened through the key store."""

from functools import lru_cache

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.keystore import Keystore
from ecert.signing import ES256, SUITES, PublicKey, SoftwareSigner, Suite
from registry.chain.accounts import LocalAccount
from registry.departments.models import (
    OUTSIDE,
    Account,
    AccountPurpose,
    KeyPurpose,
    KeyState,
    SigningKey,
)
from registry.errors import NotFoundError
from registry.outbox.models import ChainDeployment

_KEYS_LOCK = 0x65636572745F6B65  # any constant of this project's own


class KeyService:
    """Makes keys and accounts and opens them for use.

    Args:
        session: The transaction to work in.
        keystore: Seals and opens private keys.
    """

    def __init__(self, session: Session, keystore: Keystore) -> None:
        self._session = session
        self._keystore = keystore

    def make_key(
        self, department: str | None, purpose: KeyPurpose, suite: Suite = ES256
    ) -> SigningKey:
        """Make a signing key; ``department`` is None for the registry's own."""
        signer = SoftwareSigner.generate(suite)
        key = signer.public_key
        row = SigningKey(
            kid=key.kid,
            department=department,
            purpose=purpose,
            suite=key.suite.jose,
            x=key.x,
            y=key.y,
            sealed=self._keystore.seal(_key_name(key.kid), signer.private_bytes()),
        )
        self._session.add(row)
        self._session.flush()
        return row

    def make_account(self, department: str | None, purpose: AccountPurpose) -> Account:
        """Make a chain account; ``department`` is None for the council's."""
        local = LocalAccount.generate()
        row = Account(
            address=local.address,
            department=department,
            purpose=purpose,
            sealed=self._keystore.seal(_account_name(local.address), local.private_bytes()),
        )
        self._session.add(row)
        self._session.flush()
        return row

    def own_account(self, department: str | None, purpose: AccountPurpose) -> Account:
        """Return the account of a department for a purpose, made when there is none."""
        try:
            return self.account(department, purpose)
        except NotFoundError:
            return self.make_account(department, purpose)

    def account(self, department: str | None, purpose: AccountPurpose) -> Account:
        """Return the account of a department for a purpose.

        Raises:
            NotFoundError: ``account_missing``.
        """
        statement = select(Account).where(
            col(Account.department) == department
            if department is not None
            else col(Account.department).is_(None),
            col(Account.purpose) == purpose,
            col(Account.sealed) != OUTSIDE,
        )
        row = self._session.exec(statement).first()
        if row is None:
            raise NotFoundError("account_missing", owner=department or "-", purpose=purpose.value)
        return row

    def council_account(self) -> Account:
        """Return the account that is the council; its key may be elsewhere.

        Raises:
            NotFoundError: ``account_missing``.
        """
        deployment = self._session.get(ChainDeployment, 1)
        if deployment is None or deployment.council is None:
            return self.account(None, AccountPurpose.COUNCIL)
        return self.outside_account(deployment.council)

    def outside_account(self, address: str) -> Account:
        """Return an account of the council by its address, noted when it is not known here."""
        row = self._session.get(Account, address)
        if row is None:
            row = Account(
                address=address, department=None, purpose=AccountPurpose.COUNCIL, sealed=OUTSIDE
            )
            self._session.add(row)
            self._session.flush()
        return row

    def signing_key(self, department: str | None, purpose: KeyPurpose) -> SigningKey:
        """Return the newest key in use; a department's must be registered on the chain.

        Raises:
            NotFoundError: ``signing_key_missing``.
        """
        statement = (
            select(SigningKey)
            .where(
                col(SigningKey.department) == department
                if department is not None
                else col(SigningKey.department).is_(None),
                col(SigningKey.purpose) == purpose,
            )
            .order_by(col(SigningKey.created_at).desc(), col(SigningKey.kid))
        )
        usable = KeyState.NEW if department is None else KeyState.REGISTERED
        for row in self._session.exec(statement):
            if row.state == usable:
                return row
        raise NotFoundError("signing_key_missing", owner=department or "-", purpose=purpose.value)

    def issuing_key(self, department: str) -> SigningKey:
        """Return the key that signs a department's documents; it is in use until the commit.

        Raises:
            NotFoundError: ``signing_key_missing``.
        """
        hold_keys(self._session, department)
        return self.signing_key(department, KeyPurpose.DOCUMENTS)

    def signing_keys(self, purpose: KeyPurpose) -> list[SigningKey]:
        """Return all keys of the registry itself for a purpose."""
        statement = select(SigningKey).where(
            col(SigningKey.department).is_(None), col(SigningKey.purpose) == purpose
        )
        return list(self._session.exec(statement))

    def council(self) -> list[SigningKey]:
        """Return the keys of the council that are in this registry's store.

        Raises:
            NotFoundError: ``signing_key_missing``: the council keeps its keys elsewhere.
        """
        rows = self.signing_keys(KeyPurpose.TRUST)
        if not rows:
            raise NotFoundError("signing_key_missing", owner="-", purpose=KeyPurpose.TRUST.value)
        return rows

    def signer(self, row: SigningKey) -> SoftwareSigner:
        """Open a signing key.

        Raises:
            KeystoreError: ``sealed_key_invalid``.
        """
        return _open_key(self._keystore, row.kid, row.suite, row.sealed)

    def local_account(self, row: Account) -> LocalAccount:
        """Open a chain account.

        Raises:
            KeystoreError: ``sealed_key_invalid``.
        """
        return _open_account(self._keystore, row.address, row.sealed)


def hold_keys(session: Session, department: str, *, to_end: bool = False) -> None:
    """Keep a department's keys as they are until the commit; many may do so at once.

    What a key signed must be on its way to the chain before the key is withdrawn there, or never
    go: who signs and who closes batches holds the keys, and who ends one (``to_end``) waits for
    all of them. (On SQLite there is one writer anyway.) Taken before rows of artefacts are locked.
    """
    if session.get_bind().dialect.name == "postgresql":
        # Not a row's lock: who shares that one overtakes who waits to have it alone.
        functions = sa.func
        take = functions.pg_advisory_xact_lock if to_end else functions.pg_advisory_xact_lock_shared
        session.execute(sa.select(take(functions.hashtextextended(department, _KEYS_LOCK))))


def public_key_of(row: SigningKey) -> PublicKey:
    """Return a row's public key."""
    return PublicKey(_suite(row.suite), row.x, row.y)


def account_list(session: Session) -> list[tuple[str, str | None, AccountPurpose]]:
    """Return address, department (None for the registry's own) and purpose of every account."""
    rows = session.exec(select(Account).order_by(col(Account.department), col(Account.purpose)))
    return [(row.address, row.department, row.purpose) for row in rows]


def _suite(jose: str) -> Suite:
    return next(suite for suite in SUITES if suite.jose == jose)


def _key_name(kid: str) -> str:
    return f"signing/{kid}"


def _account_name(address: str) -> str:
    return f"account/{address}"


@lru_cache(maxsize=512)
def _open_key(keystore: Keystore, kid: str, suite: str, sealed: bytes) -> SoftwareSigner:
    secret = keystore.open(_key_name(kid), sealed)
    return SoftwareSigner.from_private_bytes(_suite(suite), secret)


@lru_cache(maxsize=512)
def _open_account(keystore: Keystore, address: str, sealed: bytes) -> LocalAccount:
    return LocalAccount(keystore.open(_account_name(address), sealed))
