"""Answering for many leaves at once: their paths, and how many there are, both kept in bounds.

Anybody may ask for the receipts of a crowd, which lies in about as many batches. To hash each of
these trees anew takes seconds of a core for every question.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from ecert.merkle import HASH_BYTES, MerkleTree, leaf_hash

SPAN = 32
"""Leaves under one kept node: a kept tree is 1 KiB, and 63 hashes give a path."""

MAX_TREES = 16_384
"""Trees kept in part, about 20 MB; the one not asked for longest is forgotten first."""

_SHARE = 100
"""Counting may take one part in so many of the time."""


class Paths:
    """Inclusion paths in batches, from a few inner nodes that are kept of each tree.

    Args:
        max_trees: Trees kept in part.
    """

    def __init__(self, max_trees: int = MAX_TREES) -> None:
        self._max_trees = max_trees
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def path(self, batch_id: str, leaves: bytes, index: int) -> tuple[bytes, ...]:
        """Return the inclusion path of one leaf (RFC 9162 section 2.1.3.1).

        Subtrees over ``SPAN`` leaves from the left are nodes of the whole tree, whatever its size.

        Args:
            batch_id: The batch; its leaves never change.
            leaves: Its digests, packed.
            index: The leaf.

        Raises:
            ProofError: ``proof_index`` when there is no such leaf.
        """
        below = _subtree(leaves, index // SPAN).proof(index % SPAN)
        nodes = self._nodes(batch_id, leaves)
        above = MerkleTree(
            nodes[place : place + HASH_BYTES] for place in range(0, len(nodes), HASH_BYTES)
        )
        return below + above.proof(index // SPAN)

    def _nodes(self, batch_id: str, leaves: bytes) -> bytes:
        with self._lock:
            nodes = self._kept.get(batch_id)
            if nodes is not None:
                self._kept.move_to_end(batch_id)
                return nodes
        spans = range(-(-len(leaves) // (SPAN * HASH_BYTES)))
        nodes = b"".join(_subtree(leaves, span).root for span in spans)
        with self._lock:
            self._kept[batch_id] = nodes
            while len(self._kept) > self._max_trees:
                self._kept.popitem(last=False)
        return nodes


class LeafCount:
    """How many leaves are anchored: counted over all batches, so not for every question.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._total = 0
        self._good_until = float("-inf")

    def get(self, count: Callable[[], int]) -> int:
        """Return what ``count`` returned a while ago, or returns now.

        The while is a hundred times what counting took: a small registry is counted nearly always,
        and a large one, to which a few batches more mean little, seldom.
        """
        with self._lock:
            started = self._clock()
            if started >= self._good_until:
                self._total = count()
                ended = self._clock()
                self._good_until = ended + _SHARE * (ended - started)
            return self._total


def _subtree(leaves: bytes, number: int) -> MerkleTree:
    """Return the tree over the leaves of one span."""
    start = number * SPAN * HASH_BYTES
    end = min(start + SPAN * HASH_BYTES, len(leaves))
    return MerkleTree(
        leaf_hash(leaves[place : place + HASH_BYTES]) for place in range(start, end, HASH_BYTES)
    )
