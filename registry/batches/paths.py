"""Answering for many leaves at once: their paths, from a few nodes of each tree that are kept.

Anybody may ask for the receipts of a crowd, which lies in about as many batches. To hash each of
these trees anew takes seconds of a core for every question.
"""

import threading
from collections import OrderedDict

from ecert.merkle import HASH_BYTES, MerkleTree, leaf_hash

SPAN = 32
"""Leaves under one kept node: a kept tree is 1 KiB, and 63 hashes give a path."""

MAX_TREES = 16_384
"""Trees kept in part, about 20 MB; the one not asked for longest is forgotten first."""


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


def _subtree(leaves: bytes, number: int) -> MerkleTree:
    """Return the tree over the leaves of one span."""
    start = number * SPAN * HASH_BYTES
    end = min(start + SPAN * HASH_BYTES, len(leaves))
    return MerkleTree(
        leaf_hash(leaves[place : place + HASH_BYTES]) for place in range(start, end, HASH_BYTES)
    )
