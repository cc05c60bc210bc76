"""The council's wallet: a Safe, whose k of n owners sign each call it makes.

Only plain calls without value or refunds are made through it; its other abilities are not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from eth_hash.auto import keccak

from registry.chain.abi import artifact
from registry.chain.calls import ContractCall

NOBODY = "0x" + "00" * 20
FIRST = "0x" + "01".rjust(40, "0")
"""What a wallet holds before the first of its lists, and after the last."""
MAX_OWNERS = 32
"""Owners of a wallet that is made here, or worked with."""

_CALL = 0
_DOMAIN = keccak(b"EIP712Domain(uint256 chainId,address verifyingContract)")
_TRANSACTION = keccak(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    b"uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)


@dataclass(frozen=True, slots=True)
class SafeTransaction:
    """A call that the wallet makes once enough of its owners have signed it.

    Attributes:
        to: The contract.
        data: The call data.
        nonce: Its place among the wallet's transactions.
    """

    to: str
    data: bytes
    nonce: int

    def digest(self, chain_id: int, safe: str) -> bytes:
        """Return what owners sign (EIP-712), 32 bytes."""
        domain = _DOMAIN + _words(chain_id, safe)
        fields = _words(self.to, 0) + keccak(self.data)
        fields += _words(_CALL, 0, 0, 0, NOBODY, NOBODY, self.nonce)
        return keccak(b"\x19\x01" + keccak(domain) + keccak(_TRANSACTION + fields))


@dataclass(frozen=True, slots=True)
class SafeState:
    """A wallet as the chain holds it.

    Attributes:
        address: Its address.
        owners: Its owners' addresses.
        threshold: How many of them must sign.
        nonce: The place of its next transaction.
    """

    address: str
    owners: tuple[str, ...]
    threshold: int
    nonce: int


def execution(
    safe: str, transaction: SafeTransaction, signatures: Mapping[str, bytes]
) -> ContractCall:
    """Return the call that lets a wallet make a transaction; anybody may send it.

    Args:
        safe: The wallet.
        transaction: What it does.
        signatures: Owners' signatures (65 bytes) by their address; the wallet wants them in order.
    """
    ordered = b"".join(signatures[owner] for owner in sorted(signatures, key=str.lower))
    data = artifact("Safe").functions["execTransaction"].encode(
        (transaction.to, 0, transaction.data, _CALL, 0, 0, 0, NOBODY, NOBODY, ordered)
    )  # fmt: skip
    return ContractCall("Safe", "execTransaction", safe, data)


def _words(*values: str | int) -> bytes:
    """Return values as words of 32 bytes; texts are addresses."""
    numbers = (int(value, 16) if isinstance(value, str) else value for value in values)
    return b"".join(number.to_bytes(32) for number in numbers)
