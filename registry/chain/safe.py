"""The council's wallet: a Safe, whose k of n owners sign each call it makes.

Only plain calls without value or refunds are made through it; its other abilities are not used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_hash.auto import keccak

from registry.chain.abi import artifact
from registry.chain.addresses import checksum_address
from registry.chain.calls import ContractCall
from registry.chain.errors import ChainRejectedError
from registry.chain.sender import Sender

NOBODY = "0x" + "00" * 20
MAX_OWNERS = 32
"""Owners of a wallet that is made here, or worked with."""

_MASTER_COPY = bytes.fromhex("a619486e")  # masterCopy(), which the proxy answers itself
_FIRST = "0x" + "01".rjust(40, "0")  # before the first of its lists
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
        modules: Contracts that may act for it without the owners; none in a wallet made here.
    """

    address: str
    owners: tuple[str, ...]
    threshold: int
    nonce: int
    modules: tuple[str, ...]


def read_safe(sender: Sender, address: str) -> SafeState:
    """Return a wallet's owners and nonce.

    Raises:
        ChainRejectedError: ``council_no_safe``: there is something else, or nothing.
        UnavailableError: No node answers, or they do not agree.
    """
    if sender.code(address) != artifact("SafeProxy").deployed:
        raise ChainRejectedError("council_no_safe", address=address)
    call = ContractCall("SafeProxy", "masterCopy", address, _MASTER_COPY)
    master = checksum_address(sender.read(call)[-20:])
    if sender.code(master) != artifact("Safe").deployed:
        raise ChainRejectedError("council_no_safe", address=address)
    (owners,) = _ask(sender, address, "getOwners", ("address[]",))
    (threshold,) = _ask(sender, address, "getThreshold", ("uint256",))
    (nonce,) = _ask(sender, address, "nonce", ("uint256",))
    modules, _ = _ask(
        sender, address, "getModulesPaginated", ("address[]", "address"), _FIRST, MAX_OWNERS
    )
    return SafeState(address, _addresses(owners), threshold, nonce, _addresses(modules))


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


def _ask(
    sender: Sender, address: str, function: str, answer: Sequence[str], *arguments: Any
) -> tuple[Any, ...]:
    from eth_abi.abi import decode  # noqa: PLC0415  # see registry.chain.abi
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415

    data = artifact("Safe").functions[function].encode(arguments)
    try:
        return decode(answer, sender.read(ContractCall("Safe", function, address, data)))
    except (DecodingError, OverflowError) as error:
        raise ChainRejectedError("council_no_safe", address=address) from error


def _addresses(found: Sequence[str]) -> tuple[str, ...]:
    return tuple(checksum_address(bytes.fromhex(address[2:])) for address in found)


def _words(*values: str | int) -> bytes:
    """Return values as words of 32 bytes; texts are addresses."""
    numbers = (int(value, 16) if isinstance(value, str) else value for value in values)
    return b"".join(number.to_bytes(32) for number in numbers)
