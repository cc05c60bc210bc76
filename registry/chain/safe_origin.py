"""Where the council's wallet lies: at an address that follows from how it was made (EIP-1014).

Rules and factory are created by transactions that nobody holds the key of. The factory makes a
wallet and sets it up in one call, and the address depends on the bytes of that call: so a wallet at
such an address began with these owners and this threshold, and with nothing besides.
"""

from collections.abc import Sequence
from functools import cache

from eth_hash.auto import keccak

from registry.chain.abi import artifact
from registry.chain.addresses import checksum_address
from registry.chain.keyless import keyless_creation
from registry.chain.safe import NOBODY
from registry.chain.transactions import PreparedTx

MAX_SALT = 1023
"""So few that a wallet's salt is found again by trying them all."""

_GAS = {"Safe": 5_000_000, "SafeProxyFactory": 1_500_000}


@cache
def shared_creation(chain_id: int, name: str) -> tuple[PreparedTx, str]:
    """Return the transaction that creates the rules or the factory on a chain, and its address.

    Args:
        chain_id: The chain.
        name: ``Safe`` or ``SafeProxyFactory``.
    """
    return keyless_creation(chain_id, artifact(name).creation(), gas=_GAS[name])


def setup_call(owners: Sequence[str], threshold: int) -> bytes:
    """Return the call that sets a wallet up: no delegated call, no handler, no payment."""
    return artifact("Safe").functions["setup"].encode(
        (owners, threshold, NOBODY, b"", NOBODY, NOBODY, 0, NOBODY)
    )  # fmt: skip


def wallet_address(chain_id: int, setup: bytes, salt: int) -> str:
    """Return where the factory makes the wallet that a call sets up."""
    rules, factory = (shared_creation(chain_id, name)[1] for name in ("Safe", "SafeProxyFactory"))
    code = artifact("SafeProxy").creation(rules)
    seasoned = keccak(keccak(setup) + salt.to_bytes(32))
    return checksum_address(
        keccak(b"\xff" + bytes.fromhex(factory[2:]) + seasoned + keccak(code))[12:]
    )


def is_made_for(chain_id: int, address: str, owners: Sequence[str], threshold: int) -> bool:
    """Tell whether a wallet at an address began with these owners, in this order."""
    setup = setup_call(owners, threshold)
    return any(wallet_address(chain_id, setup, salt) == address for salt in range(MAX_SALT + 1))
