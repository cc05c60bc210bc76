"""Accounts that sign transactions, wherever their keys are kept.

eth_account takes half a second to load, most commands sign nothing: it is loaded by the first key.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

from ecert.errors import MalformedError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount as EthAccount


class TransactionSigner(Protocol):
    """Whatever can sign transactions for one account: a key in memory, a key store, a device.

    Signing must be deterministic (RFC 6979): the same transaction always gives the same bytes.
    """

    @property
    def address(self) -> str:
        """The account's address with checksum (EIP-55)."""

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """Return the signed raw transaction (EIP-155)."""


class LocalAccount:
    """An account whose private key is in this process's memory.

    Args:
        private_key: The key, 32 bytes.

    Raises:
        MalformedError: ``chain_account_malformed`` when it is no secp256k1 key.
    """

    def __init__(self, private_key: bytes) -> None:
        from eth_account import Account  # noqa: PLC0415  # see above

        try:
            self._account: EthAccount = Account.from_key(private_key)
        except (ValueError, TypeError) as error:
            raise MalformedError("chain_account_malformed") from error
        self.address: str = self._account.address

    @classmethod
    def generate(cls) -> Self:
        """Make a new account from the system's randomness."""
        from eth_account import Account  # noqa: PLC0415  # see above

        return cls(bytes(Account.create().key))

    def private_bytes(self) -> bytes:
        """Return the private key (32 bytes), for an encrypted store only."""
        return bytes(self._account.key)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """Return the signed raw transaction (EIP-155)."""
        return bytes(self._account.sign_transaction(dict(transaction)).raw_transaction)

    def __repr__(self) -> str:
        return f"LocalAccount({self.address})"
