"""Receipts: where a document's digest stands in an anchored tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ecert import limits
from ecert.encoding import code_bytes
from ecert.fields import Fields, hex_text
from ecert.merkle import HASH_BYTES, MerkleTree, leaf_hash, root_of, verify_inclusion

MAX_PATH = (limits.MAX_TREE_SIZE - 1).bit_length()


@dataclass(frozen=True, slots=True)
class Receipt:
    """An inclusion proof and the place where its root is anchored.

    Attributes:
        index: The leaf's position, from 0.
        size: Leaves in the tree; must equal the anchored size.
        path: Sibling hashes from leaf to root.
        root: The tree's root.
        department: Code of the department that anchored the root.
        chain_id: EIP-155 chain id.
        contract: Address of the AnchorRegistry, 20 bytes.
        block: Number of the anchoring block.
    """

    index: int
    size: int
    path: tuple[bytes, ...]
    root: bytes
    department: str
    chain_id: int
    contract: bytes
    block: int

    def check_inclusion(self, digest: bytes) -> None:
        """Check that the artefact with ``digest`` is the leaf this receipt speaks of.

        Raises:
            ProofError: The path does not lead from the digest to the root.
        """
        verify_inclusion(leaf_hash(digest), self.index, self.size, self.path, self.root)

    def compact(self) -> "CompactReceipt":
        """Return what of it travels in a card."""
        return CompactReceipt(self.index, self.size, self.path, self.block)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; byte strings are ``0x`` hexadecimal."""
        return {
            "index": self.index,
            "size": self.size,
            "path": [hex_text(node) for node in self.path],
            "root": hex_text(self.root),
            "department": self.department,
            "chain_id": self.chain_id,
            "contract": hex_text(self.contract),
            "block": self.block,
        }

    @classmethod
    def from_json(cls, value: object) -> "Receipt":
        """Read the JSON form.

        Raises:
            MalformedError: ``field_malformed`` naming the member, ``text_not_ascii_code``.
        """
        fields = Fields(value, "receipt")
        fields.only("index", "size", "path", "root", "department", "chain_id", "contract", "block")
        department = fields.text("department")
        code_bytes(department, 20, where="receipt.department")
        return cls(
            index=fields.integer("index", high=limits.MAX_TREE_SIZE),
            size=fields.integer("size", high=limits.MAX_TREE_SIZE),
            path=fields.hexadecimals("path", HASH_BYTES, limit=MAX_PATH),
            root=fields.hexadecimal("root", HASH_BYTES),
            department=department,
            chain_id=fields.integer("chain_id", low=1),
            contract=fields.hexadecimal("contract", 20),
            block=fields.integer("block"),
        )


@dataclass(frozen=True, slots=True)
class CompactReceipt:
    """What of a receipt travels inside a card; the card and the trust file give the rest."""

    index: int
    size: int
    path: tuple[bytes, ...]
    block: int

    def expand(self, digest: bytes, *, department: str, chain_id: int, contract: bytes) -> Receipt:
        """Return the full receipt of the card with ``digest``.

        Raises:
            ProofError: The path cannot belong to a tree of that size.
        """
        root = root_of(leaf_hash(digest), self.index, self.size, self.path)
        return Receipt(
            self.index, self.size, self.path, root, department, chain_id, contract, self.block
        )


def receipts_of(
    digests: Sequence[bytes], *, department: str, chain_id: int, contract: bytes, block: int
) -> list[Receipt]:
    """Return the receipts of a whole batch, in its order, from one pass over the tree.

    Raises:
        MalformedError: ``tree_size`` for an empty or oversized batch.
        ProofError: Never for a tree built here.
    """
    tree = MerkleTree(map(leaf_hash, digests))
    root, size = tree.root, len(tree)
    return [
        Receipt(index, size, path, root, department, chain_id, contract, block)
        for index, path in enumerate(tree.proofs())
    ]
