"""Making the council's wallet, found again where it was made before.

The rules and the factory are created by transactions that nobody holds the key of, the wallet by
the factory at an address that follows from owners, threshold and salt: so a second run, by anybody,
finds what the first made, and nobody can put something else there.
"""

from collections.abc import Callable, Collection

from ecert.errors import MalformedError
from ecert.fields import hex_bytes
from registry.chain.abi import artifact
from registry.chain.accounts import LocalAccount
from registry.chain.addresses import ADDRESS_BYTES, checksum_address
from registry.chain.calls import ContractCall
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.safe import FIRST, MAX_OWNERS, NOBODY, SafeState
from registry.chain.safe_origin import setup_call, shared_creation, wallet_address
from registry.chain.safe_reading import read_safe
from registry.chain.sender import Sender
from registry.errors import RequestError

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
        salt: Another one, up to ``MAX_SALT``, gives another wallet of the same owners.
        report: Told each contract's name when it is there.

    Raises:
        MalformedError: ``address_unreadable``, ``address_checksum_wrong``.
        RequestError: ``council_owners_wrong``.
        ChainRejectedError: ``deployment_differs``, ``council_no_safe``; what the chain refuses.
        UnavailableError: No node answers.
    """
    wanted = sorted({read_address(owner) for owner in owners}, key=str.lower)
    reserved = {NOBODY, FIRST} & set(wanted)
    few = len(wanted) < len(owners) or not 1 <= threshold <= len(wanted)
    if reserved or few or len(wanted) > MAX_OWNERS:
        raise RequestError("council_owners_wrong", most=MAX_OWNERS)
    rules = _shared(sender, "Safe", report)
    factory = _shared(sender, "SafeProxyFactory", report)
    setup = setup_call(wanted, threshold)
    address = wallet_address(sender.chain_id, setup, salt)
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
    transaction, address = shared_creation(sender.chain_id, name)
    if not sender.code(address):
        sender.broadcast(transaction)
        mined = sender.wait(transaction, seconds=_WAIT_SECONDS)
        if mined.error is not None:
            raise mined.error
    if sender.code(address) != artifact(name).deployed:
        raise ChainRejectedError("deployment_differs", address=address, contract=name)
    report(name)
    return address
