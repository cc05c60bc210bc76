"""Headers that real nodes made, as recorded in ``tests/vectors/qbft``."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "vectors" / "qbft"
NETWORKS = ("goquorum", "goquorum-epoch-3", "goquorum-epoch-8")


@dataclass(frozen=True)
class Recorded:
    """One network's headers, from block 0 on.

    Attributes:
        headers: RLP by block.
        others: RLP as another node has it, with seals of others, by block.
        hashes: The blocks' hashes.
        sets: Who seals a block, by block: what the node answered for the block before.
    """

    epoch: int
    headers: tuple[bytes, ...]
    others: dict[int, bytes]
    hashes: tuple[bytes, ...]
    sets: tuple[tuple[bytes, ...], ...]
    rpc: dict[int, dict[str, Any]]


@cache
def load(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text("utf-8")))


@cache
def recorded(name: str) -> Recorded:
    found = load(name)
    headers = found["headers"]
    after = [tuple(sorted(map(bytes.fromhex, h["validators_after"]))) for h in headers]
    return Recorded(
        epoch=found["epoch_length"],
        headers=tuple(bytes.fromhex(h["rlp"]) for h in headers),
        others={
            block: bytes.fromhex(h["rlp_of_another_node"])
            for block, h in enumerate(headers)
            if "rlp_of_another_node" in h
        },
        hashes=tuple(bytes.fromhex(h["hash"]) for h in headers),
        sets=(after[0], *after[:-1]),
        rpc={int(block): value for block, value in found.get("rpc", {}).items()},
    )
