"""Making the council's wallet, found again where it was made before.

The rules and the factory are created by transactions that nobody holds the key of, the wallet by
the factory at an address that follows from owners, threshold and salt: so a second run, by anybody,
finds what the first made, and nobody can put something else there.
"""

from collections.abc import Callable, Collection

from eth_hash.auto import keccak

from ecert.errors import MalformedError
from ecert.fields import hex_bytes
from registry.chain.abi import artifact
from registry.chain.accounts import LocalAccount
from registry.chain.addresses import ADDRESS_BYTES, checksum_address
from registry.chain.calls import ContractCall
from registry.chain.errors import ChainRejectedError
from registry.chain.keyless import keyless_creation
from registry.chain.nonces import MemoryNonces
from registry.chain.safe import MAX_OWNERS, NOBODY, SafeState, read_safe
from registry.chain.sender import Sender
from registry.errors import RequestError

MAX_SALT = (1 << 63) - 1
_GAS = {"Safe": 5_000_000, "SafeProxyFactory": 1_500_000}
_WAIT_SECONDS = 60.0


def create_safe(
    sender: Sender,
    owners: Collection[str],
    threshold: int,
    *,
    salt: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> SafeState:
    """Return the wallet of these owners, made if it is not there.

    Args:
        sender: Who sends.
        owners: Their addresses, in any order.
        threshold: How many of them must sign.
        salt: Another one gives another wallet of the same owners.
        report: Told each contract's name when it is there.

    Raises:
        MalformedError: ``address_unreadable``, ``address_checksum_wrong``.
        RequestError: ``council_owners_wrong``.
        ChainRejectedError: ``deployment_differs``, ``council_no_safe``; what the chain refuses.
        UnavailableError: No node answers.
    """
    wanted = sorted({read_address(owner) for owner in owners}, key=str.lower)
    reserved = {NOBODY, "0x" + "01".rjust(40, "0")} & set(wanted)
    few = len(wanted) < len(owners) or not 1 <= threshold <= len(wanted)
    if reserved or few or len(wanted) > MAX_OWNERS:
        raise RequestError("council_owners_wrong", most=MAX_OWNERS)
    rules = _shared(sender, "Safe", report)
    factory = _shared(sender, "SafeProxyFactory", report)
    setup = artifact("Safe").functions["setup"].encode(
        (wanted, threshold, NOBODY, b"", NOBODY, NOBODY, 0, NOBODY)
    )  # fmt: skip
    address = _wallet_address(factory, rules, setup, salt)
    if not sender.code(address):
        data = artifact("SafeProxyFactory").functions["createProxyWithNonce"].encode(
            (rules, setup, salt)
        )  # fmt: skip
        call = ContractCall("SafeProxyFactory", "createProxyWithNonce", factory, data)
        # Whoever sends it gets no right by that: an account for this once.
        sender.execute(LocalAccount.generate(), call, MemoryNonces(), seconds=_WAIT_SECONDS)
    report("SafeProxy")
    return read_safe(sender, address)


def read_address(text: str) -> str:
    """Return an address with its checksum, which it need not have but must not contradict.

    Raises:
        MalformedError: ``address_unreadable``, ``address_checksum_wrong``.
    """
    data = hex_bytes(text.lower(), ADDRESS_BYTES)
    if data is None:
        raise MalformedError("address_unreadable", address=text[:42])
    found, digits = checksum_address(data), text[2:]
    if digits not in (digits.lower(), digits.upper()) and digits != found[2:]:
        raise MalformedError("address_checksum_wrong", address=text[:42])
    return found


def _shared(sender: Sender, name: str, report: Callable[[str], None]) -> str:
    compiled = artifact(name)
    transaction, address = keyless_creation(sender.chain_id, compiled.creation(), gas=_GAS[name])
    if not sender.code(address):
        sender.broadcast(transaction)
        mined = sender.wait(transaction, seconds=_WAIT_SECONDS)
        if mined.error is not None:
            raise mined.error
    if sender.code(address) != compiled.deployed:
        raise ChainRejectedError("deployment_differs", address=address, contract=name)
    report(name)
    return address


def _wallet_address(factory: str, rules: str, setup: bytes, salt: int) -> str:
    """Return where the factory makes a wallet (EIP-1014)."""
    code = artifact("SafeProxy").creation(rules)
    seasoned = keccak(keccak(setup) + salt.to_bytes(32))
    return checksum_address(
        keccak(b"\xff" + bytes.fromhex(factory[2:]) + seasoned + keccak(code))[12:]
    )
