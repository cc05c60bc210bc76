"""The first block of a QBFT chain, in the form that both engines read.

Both seal the same headers. What is chosen here keeps to what both have: the berlin fork, hence
legacy transactions and no base fee; a gas price of zero; first validators in the block's
``extraData``. GoQuorum 22.7.4 has ``params.BFTConfig``, Besu ``JsonBftConfigOptions``: where names
differ, each reads its own and passes over the other's.
"""

import json
from collections.abc import Sequence
from typing import Any

from ecert.chain.qbft import DIFFICULTY, MIX_HASH, VANITY_BYTES, Extra
from ecert.fields import hex_text
from networks.anvil import BLOCK_GAS_LIMIT
from networks.qbft.description import Engine

TRANSACTION_KIB = 128
"""The largest transaction that GoQuorum takes at all."""

_BERLIN = (
    *("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg"),
    *("istanbul", "muirGlacier", "berlin"),
)


def extra_data(validators: Sequence[bytes]) -> bytes:
    """Return a first block's ``extraData``.

    It holds no vote, round 0 and no seals. Validators are sorted, as in all later blocks.

    Args:
        validators: Their addresses, 20 bytes each.
    """
    return Extra(bytes(VANITY_BYTES), tuple(sorted(validators)), None, 0, ()).encode()


def genesis(
    engine: Engine,
    validators: Sequence[bytes],
    *,
    chain_id: int,
    block_seconds: int,
    timeout_seconds: int,
    epoch_length: int,
    time: int,
) -> bytes:
    """Return the text of ``genesis.json``.

    Args:
        engine: Whose program reads it.
        validators: The first validators' addresses.
        chain_id: The chain's id.
        block_seconds: The least time between two blocks.
        timeout_seconds: How long a first round waits.
        epoch_length: After so many blocks votes on validators start anew.
        time: The block's time, in Unix seconds.
    """
    qbft = {
        "epochlength": epoch_length,
        "blockperiodseconds": block_seconds,
        "requesttimeoutseconds": timeout_seconds,
    }
    config: dict[str, Any] = {"chainId": chain_id}
    config |= {f"{fork}Block": 0 for fork in _BERLIN}
    if engine == "quorum":
        qbft["policy"] = 0  # proposers take turns
        config |= {"isQuorum": True, "txnSizeLimit": TRANSACTION_KIB}
    value = {
        "config": config | {"qbft": qbft},
        "nonce": "0x0",
        "timestamp": hex(time),
        "extraData": hex_text(extra_data(validators)),
        "gasLimit": hex(BLOCK_GAS_LIMIT),
        "difficulty": hex(DIFFICULTY),
        "mixHash": hex_text(MIX_HASH),
        "coinbase": hex_text(bytes(20)),
        "alloc": {},
    }
    return (json.dumps(value, indent=2) + "\n").encode()
