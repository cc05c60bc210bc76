"""RLP as the chain hashes it: one encoding for each value (Yellow Paper, appendix B)."""

from typing import Union

import rlp

from ecert.errors import ProofError

Item = Union[bytes, list["Item"]]  # noqa: UP007 - "|" cannot name a class to come


def decode(data: bytes, *, limit: int) -> Item:
    """Decode one item with nothing after it.

    Args:
        data: The encoding.
        limit: Bound on its size in bytes.

    Raises:
        ProofError: ``header_malformed``: over the bound, or not the one encoding of what it holds.
    """
    if len(data) > limit:
        raise malformed("size")
    try:
        item: Item = rlp.decode(data)
        same = encode(item) == data
    except (rlp.DecodingError, IndexError, RecursionError) as error:
        raise malformed("rlp") from error
    if not same:
        raise malformed("rlp")
    return item


def encode(item: Item) -> bytes:
    """Return the encoding of byte strings and lists of them."""
    encoded: bytes = rlp.encode(item, infer_serializer=False)
    return encoded


def scalar(item: Item, reason: str, *, most: int) -> int:
    """Return an integer, of which RLP has one form: without leading zeros.

    Raises:
        ProofError: ``header_malformed`` with ``reason``; also for more than ``most``.
    """
    if not isinstance(item, bytes) or len(item) > 32 or item[:1] == b"\0":
        raise malformed(reason)
    value = int.from_bytes(item)
    if value > most:
        raise malformed(reason)
    return value


def scalar_bytes(value: int) -> bytes:
    """Return an integer in that form."""
    return value.to_bytes((value.bit_length() + 7) // 8)


def malformed(reason: str) -> ProofError:
    """Return the error that a header cannot be read."""
    return ProofError("header_malformed", reason=reason)
