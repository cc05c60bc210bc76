"""Storage proofs: what a state root commits to (EIP-1186; Ethereum Yellow Paper, appendix D).

A Merkle-Patricia trie is walked from its root along the hash of the key; each node's hash is the
one that the node above names. A proof shows a value, or that there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from eth_hash.auto import keccak

from ecert.errors import ProofError

MAX_NODE_BYTES = 2_048
"""One node: sixteen children of 33 bytes, or a leaf."""
_EMPTY_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
"""Keccak-256 of the RLP of an empty string: the root of an empty trie."""

Item = Union[bytes, list["Item"]]  # noqa: UP007 - "|" cannot name a class to come


@dataclass(frozen=True, slots=True)
class Account:
    """A contract in the state.

    Attributes:
        storage_root: Root of its storage's trie.
        code_hash: Keccak-256 of its code.
    """

    storage_root: bytes
    code_hash: bytes


def prove_account(state_root: bytes, address: bytes, nodes: Sequence[bytes]) -> Account:
    """Return an account from a proof that leads to ``state_root``.

    Raises:
        ProofError: ``state_proof_invalid``, also where it proves that there is no such account.
    """
    value = _value(state_root, address, nodes)
    account = [] if value is None else _decode(value)
    match account:
        case [bytes(), bytes(), bytes(storage_root), bytes(code_hash)]:
            return Account(storage_root, code_hash)
        case _:
            raise _invalid("account")


def prove_slot(storage_root: bytes, slot: int, nodes: Sequence[bytes]) -> bytes:
    """Return a storage word from a proof that leads to ``storage_root``; zeros where none is kept.

    Raises:
        ProofError: ``state_proof_invalid``.
    """
    value = _value(storage_root, slot.to_bytes(32), nodes)
    word = b"" if value is None else _decode(value)
    if not isinstance(word, bytes) or len(word) > 32:
        raise _invalid("word")
    return word.rjust(32, b"\0")


def _value(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes | None:
    """Return what the trie holds under ``key``, or None where it holds nothing."""
    if root == _EMPTY_ROOT:
        return None
    path = keccak(key).hex()
    remaining = iter(nodes)
    child: Item = root
    value: bytes | None = None
    while child:
        node = child if isinstance(child, list) else _node(child, next(remaining, b""))
        if len(node) == 17:
            if not path:
                raise _invalid("path")
            child, path = node[int(path[0], 16)], path[1:]
            continue
        part, is_leaf = _path(node)
        if not path.startswith(part):
            break
        child, path = node[1], path[len(part) :]
        if is_leaf:
            value = _leaf(child, path)
            break
    if next(remaining, None) is not None:
        raise _invalid("surplus")
    return value


def _node(expected: bytes, encoded: bytes) -> list[Item]:
    if len(encoded) > MAX_NODE_BYTES or keccak(encoded) != expected:
        raise _invalid("hash")
    node = _decode(encoded)
    if not isinstance(node, list):
        raise _invalid("node")
    return node


def _path(node: list[Item]) -> tuple[str, bool]:
    """Return the nibbles of a leaf or extension, and whether it is a leaf (appendix C)."""
    if len(node) != 2 or not isinstance(node[0], bytes) or not node[0]:
        raise _invalid("node")
    nibbles = node[0].hex()
    flag = int(nibbles[0], 16)
    if flag > 3 or (not flag & 1 and nibbles[1] != "0"):
        raise _invalid("node")
    return nibbles[1 if flag & 1 else 2 :], flag >= 2


def _leaf(value: Item, rest: str) -> bytes | None:
    if rest:  # a leaf's path is a whole one, so that this cannot be
        raise _invalid("path")
    if not isinstance(value, bytes):
        raise _invalid("leaf")
    return value


def _decode(data: bytes) -> Item:
    """Decode RLP, canonical only (Yellow Paper, appendix B)."""
    try:
        item, end = _item(data, 0)
    except (IndexError, RecursionError) as error:
        raise _invalid("rlp") from error
    if end != len(data):
        raise _invalid("rlp")
    return item


def _item(data: bytes, at: int) -> tuple[Item, int]:
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    is_list = first >= 0xC0
    short = first - (0xC0 if is_list else 0x80)
    start, length = at + 1, short
    if short > 55:
        start += short - 55
        digits = data[at + 1 : start]
        length = int.from_bytes(digits)
        if digits[0] == 0 or length <= 55:
            raise _invalid("rlp")
    end = start + length
    if end > len(data):
        raise _invalid("rlp")
    if not is_list:
        if length == 1 and data[start] < 0x80:
            raise _invalid("rlp")
        return data[start:end], end
    items: list[Item] = []
    while start < end:
        item, start = _item(data[:end], start)
        items.append(item)
    return items, end


def _invalid(reason: str) -> ProofError:
    return ProofError("state_proof_invalid", reason=reason)
