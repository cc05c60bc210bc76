"""Replays the contracts' events into their records.

What the contracts enforced is not enforced again, beyond what replaying needs; that the events are
the contracts' own, and all of them, is told by the heads.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ecert import limits
from ecert.authority import Interval, KeyRecord
from ecert.chain import events
from ecert.chain.blocks import START, Position
from ecert.chain.events import Log, decode_log, first_head
from ecert.chain.records import (
    ANCHORS,
    CONTRACTS,
    DEPARTMENTS,
    STATUSES,
    Department,
    History,
    K_contra,
    Table,
    Tables,
    V,
)
from ecert.errors import MalformedError
from ecert.facts import Anchor
from ecert.fields import MAX_TIME, hex_text
from ecert.status import ENTRIES_PER_WORD, Status, entry_of


class ChainState:
    """The records after some events.

    Args:
        chain_id: EIP-155 chain id.
        contracts: The contracts' addresses by name; others may be among them.
        tables: The records; empty and in memory when not given.
        heads: The contracts' heads by name; those of new contracts when not given.
        successors: The successors of closed contracts by name.
        position: The last entry that was replayed.
    """

    def __init__(
        self,
        chain_id: int,
        contracts: Mapping[str, bytes],
        *,
        tables: Tables | None = None,
        heads: Mapping[str, bytes] | None = None,
        successors: Mapping[str, bytes] | None = None,
        position: Position = START,
    ) -> None:
        self._names = {contracts[name]: name for name in CONTRACTS}
        self.tables = tables if tables is not None else Tables()
        self.heads = {name: first_head(chain_id, contracts[name]) for name in CONTRACTS}
        self.heads.update(heads or {})
        self.successors = dict(successors or {})
        self.position = position

    def apply(self, log: Log) -> None:
        """Replay one entry.

        A state that raised may hold half a change and must be dropped.

        Raises:
            MalformedError: ``event_out_of_order``, ``event_foreign``, ``event_unknown``,
                ``event_malformed``, or ``event_impossible`` after those before.
        """
        position = Position(log.block, log.index)
        if position <= self.position:
            raise MalformedError("event_out_of_order", block=log.block, index=log.index)
        contract = self._names.get(log.address)
        if contract is None:
            raise MalformedError("event_foreign", address=hex_text(log.address), block=log.block)
        event = decode_log(log, contract)
        if isinstance(event, events.Closed):
            self.successors[contract] = event.successor
        else:
            _FOLDS[contract](self.tables, event, log)
        self.heads[contract] = log.extend(self.heads[contract])
        self.position = position


def _fold_departments(tables: Tables, event: Any, log: Log) -> None:
    match event:
        case events.Admitted(code, parent, kind, name):
            record = Department(log.block, kind, name, ((parent, log.block),))
            _once(tables.departments, code, record, log)
        case events.KindGranted(code, kind):
            history = tables.kinds.get((code, kind)) or ()
            tables.kinds[code, kind] = _opened(history, log)
        case events.KindWithdrawn(code, kind):
            history = tables.kinds.get((code, kind)) or ()
            tables.kinds[code, kind] = _closed(history, log)
        case events.KeyRegistered(code, key_id):
            old = tables.keys.get((code, key_id)) or KeyRecord(event.suite, event.x, event.y, ())
            tables.keys[code, key_id] = replace(old, intervals=_opened(old.intervals, log))
        case events.KeyWithdrawn(code, key_id) | events.KeyCompromised(code, key_id):
            old = _known(tables.keys.get((code, key_id)), log)
            tables.keys[code, key_id] = _ended(old, event, log)
        case (
            events.DepartmentSuspended(code)
            | events.SuspensionLifted(code)
            | events.Moved(code)
            | events.Merged(code)
        ):
            old_record = _known(tables.departments.get(code), log)
            tables.departments[code] = _changed(old_record, event, log)
        case _:  # roles and the council's announcements bear on no document
            return


def _fold_anchors(tables: Tables, event: Any, log: Log) -> None:
    match event:
        case events.Anchored(department, root, size, time):
            if time > MAX_TIME:  # no chain's clock
                raise _impossible(log)
            _once(tables.anchors, (department, root), Anchor(time, log.block, size), log)


def _fold_statuses(tables: Tables, event: Any, log: Log) -> None:
    match event:
        case events.StatusChanged():
            _set_status(tables, event, log)
        case events.DigestRevoked(department, digest):
            _once(tables.digests, (department, digest), log.block, log)
        case events.RootRevoked(department, root):
            _once(tables.roots, (department, root), log.block, log)


_FOLDS = {
    DEPARTMENTS: _fold_departments,
    ANCHORS: _fold_anchors,
    STATUSES: _fold_statuses,
}


def _set_status(tables: Tables, event: events.StatusChanged, log: Log) -> None:
    words: dict[int, int] = {}
    for index in event.indices:
        number, shift = index // ENTRIES_PER_WORD, 2 * (index % ENTRIES_PER_WORD)
        if number not in words:
            words[number] = tables.words.get((event.department, event.list, number)) or 0
        current = entry_of(words[number], index)
        revoked = current == Status.REVOKED != event.status
        if revoked or event.status > max(Status) or index > limits.MAX_STATUS_INDEX:
            raise _impossible(log)
        words[number] ^= (current ^ event.status) << shift
    for number, word in words.items():
        tables.words[event.department, event.list, number] = word


def _ended(key: KeyRecord, event: Any, log: Log) -> KeyRecord:
    if isinstance(event, events.KeyWithdrawn):
        return replace(key, intervals=_closed(key.intervals, log))
    intervals = _closed(key.intervals, log) if _in_force(key.intervals) else key.intervals
    return replace(key, intervals=intervals, compromised_since=event.since_block)


def _changed(record: Department, event: Any, log: Log) -> Department:
    match event:
        case events.DepartmentSuspended():
            return replace(record, suspensions=_imposed(record.suspensions, log))
        case events.SuspensionLifted():
            return replace(record, suspensions=_closed(record.suspensions, log))
        case events.Moved():
            return replace(record, parents=(*record.parents, (event.to, log.block)))
        case _:
            return replace(record, merged_into=event.into)


def _in_force(history: History) -> bool:
    return bool(history) and history[-1].end is None


def _opened(history: History, log: Log) -> History:
    if _in_force(history):
        raise _impossible(log)
    return (*history, Interval(log.block))


def _imposed(history: History, log: Log) -> History:
    """A suspension may be taken over, and goes on where one was lifted in this block."""
    if _in_force(history):
        return history
    if history and history[-1].end == log.block:
        return (*history[:-1], replace(history[-1], end=None))
    return (*history, Interval(log.block))


def _closed(history: History, log: Log) -> History:
    if not _in_force(history):
        raise _impossible(log)
    return (*history[:-1], replace(history[-1], end=log.block))


def _known(record: V | None, log: Log) -> V:
    if record is None:
        raise _impossible(log)
    return record


def _once(table: Table[K_contra, V], key: K_contra, value: V, log: Log) -> None:
    if table.get(key) is not None:
        raise _impossible(log)
    table[key] = value


def _impossible(log: Log) -> MalformedError:
    return MalformedError("event_impossible", block=log.block, index=log.index)
