"""Transactions that nobody holds the key of, for contracts that all may use.

A signature is chosen instead of made: whatever account it recovers to is the sender, once, and
nobody can send another in its name. So the same bytes create the same contract at the same address
of a chain, whoever hands them in and however often; each chain has its own (EIP-155).
"""

from eth_hash.auto import keccak

from ecert.errors import MalformedError
from registry.chain.transactions import PreparedTx, contract_address

_CHOICE = b"ecert: nobody's key"
_S = 1 << 128
"""Any number below half of the curve's order (EIP-2)."""


def keyless_creation(chain_id: int, code: bytes, *, gas: int) -> tuple[PreparedTx, str]:
    """Return a transaction that creates a contract, and the contract's address.

    Args:
        chain_id: The chain.
        code: What creates it, with the constructor's arguments.
        gas: The gas limit, part of what decides the address.
    """
    import rlp  # noqa: PLC0415  # see registry.chain.transactions

    r = int.from_bytes(keccak(_CHOICE))
    while True:
        # Of two numbers one is a point's coordinate: few are tried.
        raw = rlp.encode([0, 0, gas, b"", 0, code, 35 + 2 * chain_id, r, _S])
        transaction = PreparedTx.from_raw(raw)
        try:
            return transaction, contract_address(transaction.sender, 0)
        except MalformedError:
            r += 1
