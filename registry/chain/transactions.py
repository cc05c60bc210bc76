"""A signed transaction, and what became of it.

rlp takes half a second to load; it is loaded by the first transaction.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from eth_hash.auto import keccak

from ecert.errors import MalformedError
from registry.chain.addresses import checksum_address
from registry.chain.errors import ChainRejectedError

MAX_RAW_BYTES = 512 * 1024
"""A raw transaction; 4,096 status indices take 128 KiB."""


@dataclass(frozen=True)
class PreparedTx:
    """A signed transaction, to be stored before it is sent.

    Attributes:
        raw: The bytes that are sent; the same may be sent any number of times.
        hash: Keccak-256 of ``raw``: the transaction's name on the chain.
        nonce: Its place among the account's transactions.
        gas: Its gas limit.
        to: The contract's address, 20 bytes; empty for a creation.
        data: The call data.
    """

    raw: bytes
    hash: bytes
    nonce: int
    gas: int
    to: bytes
    data: bytes

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """Read a signed legacy transaction.

        Raises:
            MalformedError: ``chain_transaction_malformed``.
        """
        if len(raw) > MAX_RAW_BYTES:
            raise MalformedError("chain_transaction_malformed")
        import rlp  # noqa: PLC0415  # see above

        try:
            nonce, _, gas, to, _, data, _, _, _ = rlp.decode(raw)
            return cls(
                raw=raw,
                hash=keccak(raw),
                nonce=int.from_bytes(nonce),
                gas=int.from_bytes(gas),
                to=bytes(to),
                data=bytes(data),
            )
        except (rlp.exceptions.RLPException, ValueError, TypeError) as error:
            raise MalformedError("chain_transaction_malformed") from error

    @cached_property
    def sender(self) -> str:
        """The account's address, from the signature; it takes ten milliseconds to find.

        Raises:
            MalformedError: ``chain_transaction_malformed``.
        """
        from eth_account import Account  # noqa: PLC0415  # see registry.chain.accounts

        try:
            return str(Account.recover_transaction(self.raw))
        except Exception as error:  # eth-account raises many kinds for a signature out of range
            raise MalformedError("chain_transaction_malformed") from error


@dataclass(frozen=True, slots=True)
class SentCall:
    """A transaction as a block holds it; the addresses in lower case.

    Attributes:
        account: Who sent it.
        target: The contract.
        nonce: Its place among the account's transactions.
        gas: Its gas limit.
        data: The call data.
        hash: Its name on the chain.
    """

    account: str
    target: str
    nonce: int
    gas: int
    data: bytes
    hash: bytes


@dataclass(frozen=True)
class Pending:
    """The chain knows the transaction and may still include it."""


@dataclass(frozen=True)
class Unknown:
    """No node knows the transaction, and its nonce is free: send it (again)."""


@dataclass(frozen=True)
class Superseded:
    """Another transaction took its nonce: it can never be included; prepare a new one."""


@dataclass(frozen=True)
class Mined:
    """A block holds the transaction.

    Attributes:
        block_number: The block's height.
        block_hash: Its hash, 32 bytes.
        block_time: Its time, unix seconds.
        gas_used: What it took.
        created: The address of the contract it created, if any.
        error: Why it failed; None when it succeeded. A failed one changed nothing but used its
            nonce.
    """

    block_number: int
    block_hash: bytes
    block_time: int
    gas_used: int
    created: str | None
    error: ChainRejectedError | None

    @property
    def succeeded(self) -> bool:
        """Whether the transaction did what it says."""
        return self.error is None


Outcome = Pending | Unknown | Superseded | Mined


def contract_address(creator: str, nonce: int) -> str:
    """Return the address of the contract that an account creates with ``nonce``."""
    import rlp  # noqa: PLC0415  # see above

    encoded = rlp.encode([bytes.fromhex(creator[2:]), nonce])
    return checksum_address(keccak(encoded)[12:])
