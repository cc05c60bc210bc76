"""What one more root, status word, department or key takes: on the chain and in a verifier."""

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.chain import BRANCH
from benchmarks.deployment import Deployed
from benchmarks.documents import KIND
from ecert.chain.rpc import RpcNode
from ecert.limits import STATUS_LIST_SIZE
from ecert.signing import SoftwareSigner
from ecert.status import ENTRIES_PER_WORD
from registry.batches.sealing import MAX_ROOTS
from registry.status.sending import MAX_INDICES
from verifier.sync import sync

LEAVES = 1_024
FEW, MANY = 200, 5_000
COSTS = ("gas", "embedded", "logs", "synced", "verifier")
WORDS = STATUS_LIST_SIZE // ENTRIES_PER_WORD
_HASH_BYTES, _ADDRESS_BYTES = 32, 20


@dataclass(frozen=True)
class Size:
    """How large everything is at one moment.

    Attributes:
        gas: Used by all transactions.
        embedded: The embedded chain's snapshot, bytes.
        logs: Addresses, topics and data of the contracts' events, bytes.
        synced: The events as a node answers them, bytes of JSON.
        verifier: The verifier's snapshot, bytes.
    """

    gas: int
    embedded: int
    logs: int
    synced: int
    verifier: int


class ChainScale:
    """A chain that grows, with a verifier that follows it.

    Args:
        directory: Where both live.
        stack: Ends the chain.
        branch: The departments, each under the one before.
    """

    def __init__(self, directory: Path, stack: ExitStack, branch: list[str] = BRANCH) -> None:
        self.deployed = Deployed(directory / "chain", branch, KIND, stack)
        self.snapshot = directory / "snapshot.db"
        self.persist_seconds = self.sync_seconds = 0.0
        self._roots = roots()

    def anchor(self, department: str, number: int, *, at_once: int = MAX_ROOTS) -> None:
        """Anchor roots, as many in one call as the registry anchors."""
        for start in range(0, number, at_once):
            some = islice(self._roots, min(at_once, number - start))
            self.deployed.anchor_many(department, [(root, LEAVES) for root in some])

    def revoke(self, department: str, status_list: int, indices: list[int]) -> None:
        """Revoke entries, as many in one call as the registry revokes."""
        for start in range(0, len(indices), MAX_INDICES):
            self.deployed.revoke(department, status_list, indices[start : start + MAX_INDICES])

    def sync(self) -> int:
        """Put the chain on disk and bring the verifier forward; return the events replayed."""
        deployed = self.deployed
        start = time.perf_counter()
        checkpoint = deployed.checkpoint()
        middle = time.perf_counter()
        done = sync(
            self.snapshot,
            deployed.trust(),
            [deployed.chain.rpc_url],
            fetch_checkpoint=lambda: checkpoint,
        )
        self.persist_seconds = middle - start
        self.sync_seconds = time.perf_counter() - middle
        return done.events

    def size(self) -> Size:
        """Sync, and measure."""
        self.sync()
        node, deployed = RpcNode(self.deployed.chain.rpc_url), self.deployed
        head = deployed.chain.final.number
        found: list[Any] = []
        synced = 0
        for first in range(0, head + 1, 100):
            wanted = {
                "fromBlock": hex(first),
                "toBlock": hex(min(first + 99, head)),
                "address": deployed.addresses,
            }
            logs = node.call("eth_getLogs", [wanted])
            synced += len(json.dumps(logs, separators=(",", ":")))
            found += logs
        return Size(
            gas=deployed.gas,
            embedded=deployed.chain.snapshot_bytes,
            logs=sum(_log_bytes(log) for log in found),
            synced=synced,
            verifier=self.snapshot.stat().st_size,
        )


def roots() -> Iterator[bytes]:
    """Yield roots that are spread as real ones are."""
    for number in count():
        yield hashlib.sha256(number.to_bytes(8)).digest()


def measure() -> dict[str, dict[str, float]]:
    """Return gas, bytes and seconds of a sync for one more of each thing."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="ecert-scale-")))
        grown = ChainScale(directory, stack)
        issuer = BRANCH[-1]
        rng = random.Random(0)
        every_word = [
            ENTRIES_PER_WORD * word + rng.randrange(0, ENTRIES_PER_WORD, 2) for word in range(WORDS)
        ]
        rng.shuffle(every_word)
        return {
            "root": _each(grown, MANY, lambda: grown.anchor(issuer, MANY)),
            "root alone": _each(grown, FEW, lambda: grown.anchor(issuer, FEW, at_once=1)),
            "word": _each(grown, WORDS, lambda: grown.revoke(issuer, 0, every_word)),
            "entry": _each(
                grown, WORDS, lambda: grown.revoke(issuer, 0, [1 + index for index in every_word])
            ),
            "department": _each(grown, FEW, lambda: _admit(grown)),
            "key": _each(grown, FEW, lambda: _register(grown)),
        }


def _each(grown: ChainScale, number: int, act: Callable[[], object]) -> dict[str, float]:
    before = grown.size()
    act()
    after = grown.size()
    found = {
        name: round((getattr(after, name) - getattr(before, name)) / number, 1) for name in COSTS
    }
    return found | {"seconds": round(grown.sync_seconds / number, 7)}


def _admit(grown: ChainScale) -> None:
    for department in range(FEW):
        grown.deployed.admit(BRANCH[0], _code(department), KIND)


def _register(grown: ChainScale) -> None:
    for department in range(FEW):
        key = SoftwareSigner.generate().public_key
        grown.deployed.register_key(_code(department), key)


def _log_bytes(log: dict[str, Any]) -> int:
    return _ADDRESS_BYTES + _HASH_BYTES * len(log["topics"]) + len(log["data"]) // 2 - 1


def _code(number: int) -> str:
    return f"1243{number:013d}X"
