"""The Merkle tree of RFC 9162 section 2.1 over SHA-256, with its leaf and node prefixes.

The prefixes keep an inner node from passing as a leaf. A tree is built once, all its levels are
kept, and every proof is read from them: n proofs cost one pass.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from ecert import limits
from ecert.errors import MalformedError, ProofError

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 || data), the hash of a leaf (RFC 9162 section 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """All levels of a tree over given leaf hashes.

    Args:
        leaf_hashes: 1 to 2^20 hashes of 32 bytes, as ``leaf_hash`` returns them.

    Raises:
        MalformedError: ``tree_size`` for none or too many, ``tree_leaf`` for a wrong length.
    """

    def __init__(self, leaf_hashes: Iterable[bytes]) -> None:
        level = list(leaf_hashes)
        if not 0 < len(level) <= limits.MAX_TREE_SIZE:
            raise MalformedError("tree_size", size=len(level), limit=limits.MAX_TREE_SIZE)
        for index, item in enumerate(level):
            if len(item) != HASH_BYTES:
                raise MalformedError("tree_leaf", index=index)
        self._levels = [level]
        while len(level) > 1:
            # An odd node at the end rises unhashed: the same tree as the RFC's split at the
            # largest power of two.
            pairs = [
                sha256(b"\x01" + level[i] + level[i + 1]).digest()
                for i in range(0, len(level) - 1, 2)
            ]
            level = pairs + level[len(level) & ~1 :]
            self._levels.append(level)

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """The tree's root, 32 bytes."""
        return self._levels[-1][0]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Return the inclusion path of leaf ``index``, from leaf to root.

        Raises:
            ProofError: ``proof_index`` when there is no such leaf.
        """
        if not 0 <= index < len(self):
            raise ProofError("proof_index", index=index, size=len(self))
        path = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return tuple(path)

    def proofs(self) -> Iterator[tuple[bytes, ...]]:
        """Yield the path of every leaf in order."""
        return map(self.proof, range(len(self)))


def root_of(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that ``path`` leads to (RFC 9162 section 2.1.3.2).

    Raises:
        ProofError: ``proof_index`` or ``proof_length`` when the path cannot belong to a tree of
            ``size`` leaves at ``index``.
    """
    if not 0 <= index < size or size > limits.MAX_TREE_SIZE:
        raise ProofError("proof_index", index=index, size=size)
    if len(leaf_hash) != HASH_BYTES or any(len(node) != HASH_BYTES for node in path):
        raise ProofError("proof_length", index=index, size=size)
    position, last, result = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            raise ProofError("proof_length", index=index, size=size)
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            result = node_hash(result, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise ProofError("proof_length", index=index, size=size)
    return result


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that ``leaf_hash`` is leaf ``index`` of the tree of ``size`` leaves under ``root``.

    Raises:
        ProofError: ``proof_index``, ``proof_length`` or ``proof_root``.
    """
    if root_of(leaf_hash, index, size, path) != root:
        raise ProofError("proof_root", index=index, size=size)
