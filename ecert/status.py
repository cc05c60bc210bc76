"""Status values and lists: two bits a document, the values of the IETF Token Status List.

On chain a list is words of 256 bits, 128 entries each (StatusRegistry); for other software the same
list is a Token Status List (draft-ietf-oauth-status-list section 4): entries packed from the least
significant bit of each byte, compressed with zlib.
"""

import zlib
from collections.abc import Mapping
from enum import IntEnum

from ecert import limits
from ecert.encoding import b64url_decode, b64url_encode
from ecert.errors import MalformedError

ENTRIES_PER_WORD = 128
BITS = (1, 2, 4, 8)


class Status(IntEnum):
    """Values of an entry (draft-ietf-oauth-status-list section 7.1)."""

    VALID = 0
    REVOKED = 1
    SUSPENDED = 2


def uri_of(issuer: str, department: str, number: int) -> str:
    """Return the URI that names a department's status list in its documents."""
    return f"{issuer}/v1/status/{department}/{number}"


def entry_of(word: int, index: int) -> int:
    """Return the value of list entry ``index`` from its word."""
    return word >> 2 * (index % ENTRIES_PER_WORD) & 3


class StatusList:
    """A list of entries of 1, 2, 4 or 8 bits.

    Args:
        bits: Bits of an entry.
        data: The packed entries.

    Raises:
        MalformedError: ``status_list_malformed`` for other than 1, 2, 4 or 8 bits.
    """

    def __init__(self, bits: int, data: bytes) -> None:
        if bits not in BITS:
            raise MalformedError("status_list_malformed", reason="bits")
        self.bits = bits
        self.data = data

    @classmethod
    def from_words(
        cls, words: Mapping[int, int], size: int = limits.STATUS_LIST_SIZE
    ) -> "StatusList":
        """Build a two-bit list of ``size`` entries from the contract's words by their index.

        Raises:
            MalformedError: ``status_list_malformed`` for a word that the list has no room for.
        """
        data = bytearray(size // 4)
        width = ENTRIES_PER_WORD // 4
        for index, word in words.items():
            start = index * width
            if not 0 <= start <= len(data) - width or not 0 <= word < 1 << 8 * width:
                raise MalformedError("status_list_malformed", reason=f"word {index}")
            data[start : start + width] = word.to_bytes(width, "little")
        return cls(2, bytes(data))

    def __len__(self) -> int:
        return len(self.data) * 8 // self.bits

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise MalformedError("status_list_malformed", reason=f"index {index}")
        per_byte = 8 // self.bits
        shift = index % per_byte * self.bits
        return self.data[index // per_byte] >> shift & (1 << self.bits) - 1

    def encode(self) -> dict[str, int | str]:
        """Return the ``status_list`` member of a Status List Token (section 4.2)."""
        return {"bits": self.bits, "lst": b64url_encode(zlib.compress(self.data, 9))}

    @classmethod
    def decode(cls, bits: int, lst: str) -> "StatusList":
        """Read a ``status_list`` member; what unpacks to over 2^20 entries is refused.

        Raises:
            MalformedError: ``status_list_malformed``.
        """
        limit = limits.MAX_STATUS_INDEX + 1  # bytes: as many entries of eight bits
        decompressor = zlib.decompressobj()
        try:
            data = decompressor.decompress(b64url_decode(lst, where="lst"), limit + 1)
        except zlib.error as error:
            raise MalformedError("status_list_malformed", reason="zlib") from error
        if len(data) > limit or not decompressor.eof or decompressor.unused_data:
            raise MalformedError("status_list_malformed", reason="size")
        return cls(bits, data)
