"""Who gives out nonces: a row per account, so that no two transactions get the same one."""

from typing import Protocol


class NonceStore(Protocol):
    """The next nonce of each account, kept with the transactions themselves.

    An implementation works in its caller's database transaction: a nonce taken there is given back
    by a rollback, and the row stays locked until the commit.
    """

    def peek(self, address: str) -> int | None:
        """Return the nonce that ``take`` would give, or None for an account never used."""

    def take(self, address: str) -> int:
        """Return the next nonce and count it as used."""

    def put(self, address: str, nonce: int) -> None:
        """Let the next ``take`` give ``nonce``."""


class MemoryNonces:
    """A store for one process that keeps no transactions, such as a command run once."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def peek(self, address: str) -> int | None:
        """Return the nonce that ``take`` would give, or None for an account never used."""
        return self._next.get(address)

    def take(self, address: str) -> int:
        """Return the next nonce and count it as used."""
        nonce = self._next[address]
        self._next[address] = nonce + 1
        return nonce

    def put(self, address: str, nonce: int) -> None:
        """Let the next ``take`` give ``nonce``."""
        self._next[address] = nonce
