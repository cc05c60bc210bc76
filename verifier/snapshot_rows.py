"""How a snapshot's records are packed into rows.

Packed, not JSON, so that ten million documents' roots and statuses stay a few megabytes. Whatever
does not unpack to exactly what packing gives is refused: the file may be damaged or made by others.
"""

import struct

from ecert.authority import Interval, KeyRecord
from ecert.chain.records import TOP, Department, History
from ecert.errors import UnavailableError
from ecert.facts import Anchor

_INTERVAL = struct.Struct(">QQ")
_ANCHOR = struct.Struct(">QQI")
_KEY = struct.Struct(">B32s32sQ")
_DEPARTMENT = struct.Struct(">Q32s20sHH")
_PARENT = struct.Struct(">20sQ")
_BLOCK = struct.Struct(">Q")


def malformed(record: str) -> UnavailableError:
    """Return the error that a snapshot's record cannot be read."""
    return UnavailableError("snapshot_malformed", reason=record)


def pack_history(history: History) -> bytes:
    """Pack intervals; an open one ends at 0."""
    return b"".join(_INTERVAL.pack(interval.start, interval.end or 0) for interval in history)


def unpack_history(data: bytes) -> History:
    """Unpack intervals."""
    if len(data) % _INTERVAL.size:
        raise malformed("history")
    return tuple(Interval(start, end or None) for start, end in _INTERVAL.iter_unpack(data))


def pack_anchor(anchor: Anchor) -> bytes:
    """Pack an anchor."""
    return _ANCHOR.pack(anchor.time, anchor.block, anchor.size)


def unpack_anchor(data: bytes) -> Anchor:
    """Unpack an anchor."""
    if len(data) != _ANCHOR.size:
        raise malformed("anchor")
    return Anchor(*_ANCHOR.unpack(data))


def pack_key(key: KeyRecord) -> bytes:
    """Pack a key with its intervals."""
    compromised = key.compromised_since or 0
    return _KEY.pack(key.suite, key.x, key.y, compromised) + pack_history(key.intervals)


def unpack_key(data: bytes) -> KeyRecord:
    """Unpack a key."""
    if len(data) < _KEY.size:
        raise malformed("key")
    suite, x, y, compromised = _KEY.unpack_from(data)
    return KeyRecord(suite, x, y, unpack_history(data[_KEY.size :]), compromised or None)


def pack_department(department: Department) -> bytes:
    """Pack a department with its histories."""
    head = _DEPARTMENT.pack(
        department.admitted_at,
        department.kind,
        department.merged_into or TOP,
        len(department.parents),
        len(department.suspensions),
    )
    parents = b"".join(_PARENT.pack(code, since) for code, since in department.parents)
    return head + parents + pack_history(department.suspensions) + department.name


def unpack_department(data: bytes) -> Department:
    """Unpack a department."""
    try:
        admitted_at, kind, merged_into, parents, suspensions = _DEPARTMENT.unpack_from(data)
    except struct.error as error:
        raise malformed("department") from error
    middle = _DEPARTMENT.size + parents * _PARENT.size
    end = middle + suspensions * _INTERVAL.size
    if end > len(data) or not parents:
        raise malformed("department")
    return Department(
        admitted_at=admitted_at,
        kind=kind,
        name=data[end:],
        parents=tuple(_PARENT.iter_unpack(data[_DEPARTMENT.size : middle])),
        suspensions=unpack_history(data[middle:end]),
        merged_into=None if merged_into == TOP else merged_into,
    )


def pack_word(word: int) -> bytes:
    """Pack 128 statuses, without leading zeros."""
    return word.to_bytes((word.bit_length() + 7) // 8)


def unpack_word(data: bytes) -> int:
    """Unpack 128 statuses."""
    if len(data) > 32:
        raise malformed("word")
    return int.from_bytes(data)


def pack_block(block: int) -> bytes:
    """Pack a block number."""
    return _BLOCK.pack(block)


def unpack_block(data: bytes) -> int:
    """Unpack a block number."""
    if len(data) != _BLOCK.size:
        raise malformed("block")
    return int.from_bytes(data)


def pack_entry(key: tuple[bytes, bytes]) -> bytes:
    """Pack a key of a department's code and 32 bytes."""
    return b"".join(key)


def pack_word_key(key: tuple[bytes, int, int]) -> bytes:
    """Pack a key of a department's code, list and word index."""
    return key[0] + key[1].to_bytes(4) + key[2].to_bytes(4)
