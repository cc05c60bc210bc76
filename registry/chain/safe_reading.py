"""Reading the council's wallet, and refusing one that others than its owners may steer."""

from collections.abc import Sequence
from typing import Any

from eth_hash.auto import keccak

from registry.chain.abi import artifact
from registry.chain.addresses import checksum_address
from registry.chain.calls import ContractCall
from registry.chain.errors import ChainRejectedError
from registry.chain.safe import FIRST, SafeState
from registry.chain.safe_history import is_followed
from registry.chain.safe_origin import is_made_for
from registry.chain.sender import Sender

_MASTER_COPY = bytes.fromhex("a619486e")  # masterCopy(), which the proxy answers itself
_ADDED = {
    "guard": keccak(b"guard_manager.guard.address"),
    "module guard": keccak(b"module_manager.module_guard.address"),
    "fallback handler": keccak(b"fallback_manager.handler.address"),
}
"""Where a wallet keeps contracts that judge or answer in its name."""


def read_safe(sender: Sender, address: str) -> SafeState:
    """Return a wallet's owners and nonce, if none but these owners can act for it.

    Its lists do not show all that may act for it: its address must prove how it was made, for the
    owners of today, or for others with all that followed being known.

    Raises:
        ChainRejectedError: ``council_no_safe``: there is something else, or nothing;
            ``council_safe_extended``: a module, guard or handler was added;
            ``council_safe_unproven``: something may have been added where nothing shows it.
        UnavailableError: No node answers, or they do not agree.
    """
    if sender.code(address) != artifact("SafeProxy").deployed:
        raise ChainRejectedError("council_no_safe", address=address)
    call = ContractCall("SafeProxy", "masterCopy", address, _MASTER_COPY)
    master = checksum_address(sender.read(call)[-20:])
    if sender.code(master) != artifact("Safe").deployed:
        raise ChainRejectedError("council_no_safe", address=address)
    _refuse_added(sender, address)
    (owners,) = _ask(sender, address, "getOwners", ("address[]",))
    (threshold,) = _ask(sender, address, "getThreshold", ("uint256",))
    (nonce,) = _ask(sender, address, "nonce", ("uint256",))
    named = tuple(checksum_address(bytes.fromhex(owner[2:])) for owner in owners)
    safe = SafeState(address, named, threshold, nonce)
    made = is_made_for(sender.chain_id, address, safe.owners, threshold)
    if not made and not is_followed(sender, safe):
        raise ChainRejectedError("council_safe_unproven", address=address)
    return safe


def _refuse_added(sender: Sender, address: str) -> None:
    modules, _ = _ask(sender, address, "getModulesPaginated", ("address[]", "address"), FIRST, 1)
    found = {"module": modules[0]} if modules else {}
    for kind, slot in _ADDED.items():
        (word,) = _ask(sender, address, "getStorageAt", ("bytes",), int.from_bytes(slot), 1)
        if any(word):
            found[kind] = "0x" + word[-20:].hex()
    for kind, contract in found.items():
        raise ChainRejectedError(
            "council_safe_extended", address=address, kind=kind, contract=contract
        )


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
