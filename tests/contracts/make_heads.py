"""Write tests/vectors/heads.json, the vectors of the registries' event heads.

Every implementation of the head is tested with them: the contracts and whoever replays their logs.
Run it from the project's root: ``python tests/contracts/make_heads.py``.
"""

import json
from pathlib import Path

from eth_hash.auto import keccak

VECTORS = Path(__file__).parents[1] / "vectors" / "heads.json"

CHAIN_ID = 31337
CONTRACT = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")

# (block, topics, data): one to three indexed arguments; no, short, unaligned and long data.
EVENTS = [
    (1, [keccak(b"a"), bytes(32)], b""),
    (1, [keccak(b"a"), b"\xff" * 32], bytes(32)),
    (2, [keccak(b"b"), keccak(b"1"), keccak(b"2")], b"\x01"),
    (2**32, [keccak(b"b"), keccak(b"2"), keccak(b"1")], bytes(range(33))),
    (2**63, [keccak(b"c"), keccak(b"1"), keccak(b"2"), keccak(b"3")], b""),
    (2**63 + 1, [keccak(b"c"), bytes(32), bytes(32), bytes(32)], bytes(1000)),
]


def start(chain_id: int, contract: bytes) -> bytes:
    """Return a contract's head before its first event."""
    return keccak(chain_id.to_bytes(32, "big") + contract.rjust(32, b"\0"))


def extend(head: bytes, block: int, topics: list[bytes], data: bytes) -> bytes:
    """Return the head after an event."""
    return keccak(head + block.to_bytes(32, "big") + b"".join(topics) + data)


def vectors() -> dict[str, object]:
    """Compute the file's content."""
    head = start(CHAIN_ID, CONTRACT)
    content = {
        "chainId": CHAIN_ID,
        "contract": f"0x{CONTRACT.hex()}",
        "start": f"0x{head.hex()}",
        "count": len(EVENTS),
    }
    events = []
    for block, topics, data in EVENTS:
        head = extend(head, block, topics, data)
        events.append(
            {
                # Text, since JSON's numbers are exact only up to 2^53 for some readers.
                "block": str(block),
                "topics": [f"0x{topic.hex()}" for topic in topics],
                "data": f"0x{data.hex()}",
                "head": f"0x{head.hex()}",
            }
        )
    return {**content, "events": events}


def text() -> str:
    """Return the file's text."""
    return json.dumps(vectors(), indent=2) + "\n"


if __name__ == "__main__":
    VECTORS.write_text(text())
