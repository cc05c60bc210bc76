"""What a wallet has done since it was made, followed where its owners are no longer the first ones.

The first owners may have been anybody: a thief's wallet that let the thief in by a delegated call,
where no list shows it, and took honest owners after that. So each transaction is found again in its
block, and must be a plain call that leaves nothing behind but other owners.
"""

from itertools import islice

from eth_hash.auto import keccak

from ecert.chain.events import Log
from ecert.errors import MalformedError
from registry.chain.abi import artifact
from registry.chain.addresses import checksum_address
from registry.chain.safe import MAX_OWNERS, SafeState, SafeTransaction
from registry.chain.safe_origin import is_made_for
from registry.chain.sender import Sender
from registry.chain.transactions import SentCall

MAX_FOLLOWED = 1024
"""Transactions of a wallet; one whose owners changed and that has made more is not followed."""

_SETUP = keccak(b"SafeSetup(address,address[],uint256,address,address)")
_DONE = (
    keccak(b"ExecutionSuccess(bytes32,uint256)"),
    keccak(b"ExecutionFailure(bytes32,uint256)"),
)
_HARMLESS = ("addOwnerWithThreshold", "removeOwner", "swapOwner", "changeThreshold")
"""What a wallet may have called of itself; besides a call without data, which uses a nonce up."""


def is_followed(sender: Sender, safe: SafeState) -> bool:
    """Tell whether all that a wallet has done since it was made is known to be harmless.

    The log is believed for no more than where to look: the first owners must give the address, and
    each transaction the hash that was logged, as many as the wallet has used nonces.

    Raises:
        UnavailableError: No node answers, or they do not agree.
    """
    if safe.nonce > MAX_FOLLOWED:
        return False
    contract, topics = bytes.fromhex(safe.address[2:]), (_SETUP, *_DONE)
    logs = sender.logs([contract], 0, sender.block_number(), topics=topics)
    found = list(islice(logs, safe.nonce + 2))
    if len(found) != safe.nonce + 1 or not _is_setup(sender.chain_id, safe.address, found[0]):
        return False
    return all(
        _is_harmless(sender, safe.address, nonce, log) for nonce, log in enumerate(found[1:])
    )


def _is_setup(chain_id: int, address: str, log: Log) -> bool:
    from eth_abi.abi import decode  # noqa: PLC0415  # see registry.chain.abi
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415

    try:
        owners, threshold = decode(("address[]", "uint256"), log.data)
    except (DecodingError, OverflowError):
        return False
    if log.topics[:1] != (_SETUP,) or len(owners) > MAX_OWNERS:
        return False
    return is_made_for(chain_id, address, owners, threshold)


def _is_harmless(sender: Sender, address: str, nonce: int, log: Log) -> bool:
    """Tell whether a block holds the plain call that a wallet's log entry is about."""
    if not log.topics or log.topics[0] not in _DONE:
        return False
    functions = artifact("Safe").functions
    harmless = {b"", *(functions[name].selector for name in _HARMLESS)}
    for sent in sender.calls_in(log.block):
        made = _transaction(sent, address, nonce)
        if made is not None and log.topics[1:] == (made.digest(sender.chain_id, address),):
            return made.to != address or made.data[:4] in harmless
    return False


def _transaction(sent: SentCall, address: str, nonce: int) -> SafeTransaction | None:
    """Return what was sent to a wallet to be made, as the plain call that it should be."""
    function = artifact("Safe").functions["execTransaction"]
    if sent.target != address.lower() or sent.data[:4] != function.selector:
        return None
    try:
        arguments = function.decode(sent.data)
    except MalformedError:
        return None
    to = checksum_address(bytes.fromhex(arguments["to"][2:]))
    return SafeTransaction(to, arguments["data"], nonce)
