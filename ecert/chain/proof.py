"""Storage proofs: what a state root commits to (EIP-1186; Ethereum Yellow Paper, appendix D).

A Merkle-Patricia trie is walked from its root along the hash of the key; each node's hash is the
one that the node above names. A proof shows a value, or that there is none. Walking and decoding
are the libraries' (``trie``, ``rlp``); what is added here is that everything is bounded, that
whatever goes wrong is one error, and that no node is given which no walk reads. The libraries take
a tenth of a second to load; the first proof loads them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eth_hash.auto import keccak

from ecert import limits
from ecert.errors import ProofError

MAX_NODE_BYTES = 1_024
"""One node: sixteen children of 33 bytes, or a leaf with an account of at most 110."""
_WORD = 32


@dataclass(frozen=True, slots=True)
class Account:
    """A contract in the state.

    Attributes:
        storage_root: Root of its storage's trie.
        code_hash: Keccak-256 of its code.
    """

    storage_root: bytes
    code_hash: bytes


class _Nodes(dict[bytes, bytes]):
    """Nodes by hash that remember which of them were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[bytes] = set()

    def __getitem__(self, key: bytes) -> bytes:
        node = super().__getitem__(key)
        self.read.add(key)
        return node


class ProofNodes:
    """The nodes that prove accounts and words of one state, or of several.

    Args:
        nodes: The nodes' encodings, each once, in any order.

    Raises:
        ProofError: ``state_proof_invalid``: too many, one too large, or the same one twice; so from
            all methods.
    """

    def __init__(self, nodes: Iterable[bytes]) -> None:
        self._nodes = _Nodes()
        for node in nodes:
            if len(node) > MAX_NODE_BYTES:
                raise _invalid("size")
            if len(self._nodes) == limits.MAX_PROOF_NODES:
                raise _invalid("count")
            name = keccak(node)
            if name in self._nodes:
                raise _invalid("twice")
            self._nodes[name] = node

    def __contains__(self, name: bytes) -> bool:
        """Whether the node with this hash is among them."""
        return name in self._nodes

    def account(self, state_root: bytes, address: bytes) -> Account:
        """Return the account at ``address``; that there is none is an error."""
        match _decode(self._value(state_root, address), "account"):
            case [bytes(), bytes(), bytes(storage_root), bytes(code_hash)] if (
                len(storage_root) == len(code_hash) == _WORD
            ):
                return Account(storage_root, code_hash)
            case _:
                raise _invalid("account")

    def word(self, storage_root: bytes, slot: int) -> bytes:
        """Return the storage word at ``slot``; zeros where it is proved that none is kept."""
        value = self._value(storage_root, slot.to_bytes(_WORD))
        if not value:
            return bytes(_WORD)
        word = _decode(value, "word")
        # A word is kept without its leading zeros, and not at all if it is nothing else; but anvil
        # keeps words that became zero.
        if not isinstance(word, bytes) or len(word) > _WORD or word[:1] == b"\0":
            raise _invalid("word")
        return word.rjust(_WORD, b"\0")

    def used(self) -> tuple[bytes, ...]:
        """Return the nodes that were read, in the order in which they were given."""
        return tuple(node for name, node in self._nodes.items() if name in self._nodes.read)

    def require_all_used(self) -> None:
        """Refuse nodes that nothing read."""
        if len(self._nodes.read) != len(self._nodes):
            raise _invalid("surplus")

    def _value(self, root: bytes, key: bytes) -> bytes:
        """Return what the trie holds under ``key``; nothing where it holds nothing."""
        if len(root) != _WORD:
            raise _invalid("root")
        if root in self._nodes:  # the library looks for no node of an empty trie
            self._nodes.read.add(root)
        from trie.hexary import HexaryTrie  # noqa: PLC0415  # see above

        try:
            value: object = HexaryTrie(self._nodes, root_hash=root).get(keccak(key))
        except Exception as error:
            # The nodes are a stranger's, and the library's errors for a node of another shape than
            # a trie's are of many kinds, KeyError and TypeError among them.
            raise _invalid("node") from error
        if not isinstance(value, bytes):
            raise _invalid("value")
        return value


def prove_account(state_root: bytes, address: bytes, nodes: Sequence[bytes]) -> Account:
    """Return an account from a proof of it alone that leads to ``state_root``.

    Raises:
        ProofError: ``state_proof_invalid``, also where it proves that there is no such account.
    """
    proof = ProofNodes(nodes)
    account = proof.account(state_root, address)
    proof.require_all_used()
    return account


def prove_slot(storage_root: bytes, slot: int, nodes: Sequence[bytes]) -> bytes:
    """Return a storage word from a proof of it alone that leads to ``storage_root``.

    Raises:
        ProofError: ``state_proof_invalid``.
    """
    proof = ProofNodes(nodes)
    word = proof.word(storage_root, slot)
    proof.require_all_used()
    return word


def _decode(data: bytes, what: str) -> object:
    """Decode RLP, canonical only (Yellow Paper, appendix B)."""
    import rlp  # noqa: PLC0415  # see above

    try:
        item: object = rlp.decode(data, strict=True)
        canonical = rlp.encode(item) == data
    except (rlp.DecodingError, RecursionError) as error:
        raise _invalid(what) from error
    if not canonical:
        raise _invalid(what)
    return item


def _invalid(reason: str) -> ProofError:
    return ProofError("state_proof_invalid", reason=reason)
