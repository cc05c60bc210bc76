"""The next nonce of each account, kept beside the transactions that use it."""

from sqlmodel import Session

from registry.departments.models import Account
from registry.errors import NotFoundError


class DatabaseNonces:
    """A ``registry.chain.nonces.NonceStore`` in its caller's database transaction.

    Args:
        session: The transaction: a nonce taken in it is given back by a rollback.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def peek(self, address: str) -> int | None:
        """Return the nonce that ``take`` would give."""
        return self._account(address).next_nonce

    def take(self, address: str) -> int:
        """Return the next nonce and count it as used."""
        row = self._account(address)
        nonce = row.next_nonce
        row.next_nonce = nonce + 1
        return nonce

    def put(self, address: str, nonce: int) -> None:
        """Let the next ``take`` give ``nonce``."""
        self._account(address).next_nonce = nonce

    def _account(self, address: str) -> Account:
        row = self._session.get(Account, address, with_for_update=True)
        if row is None:
            raise NotFoundError("account_missing", owner=address, purpose="transactions")
        return row
