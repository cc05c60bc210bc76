"""Bringing a snapshot forward: one transaction, so that a crash leaves it as before or as after."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecert.chain.blocks import Header
from ecert.chain.records import CONTRACTS
from ecert.chain.state import ChainState
from ecert.facts import Basis
from ecert.trust import TrustStore
from verifier.snapshot_file import connect, has_schema, make_schema, sqlite_errors, tables_of
from verifier.snapshot_meta import Meta


class SnapshotUpdate:
    """A snapshot being brought forward.

    Attributes:
        meta: What the file held before; None for a new one.
        state: The records, to which events are applied.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, trust: TrustStore) -> None:
        self._connection = connection
        self._trust = trust
        self._contracts = {name: trust.file.contracts[name].address for name in CONTRACTS}
        self.done = False
        self.meta: Meta | None = None
        if has_schema(connection):
            self.meta = Meta.read(connection)
            self.meta.check(trust.file, path=path)
        else:
            make_schema(connection)
        tables, chain_id = tables_of(connection), trust.file.chain_id
        self.state = ChainState(chain_id, self._contracts, tables=tables)
        if self.meta is not None:
            self.state = ChainState(
                chain_id,
                self._contracts,
                tables=tables,
                heads=self.meta.heads,
                successors=self.meta.successors,
                position=self.meta.position,
            )

    def finish(
        self, header: Header, time: int, basis: Basis, *, validators: tuple[bytes, ...] = ()
    ) -> Meta:
        """Say which block the records stand at; without this the update changes nothing.

        Args:
            header: The final block.
            time: As of when nothing later is known, unix seconds; an earlier one than before is
                not taken, since it is no news.
            basis: What the heads rest on that the records were compared with.
            validators: Who seals at the block's height, where they proved it.

        Raises:
            UnavailableError: ``snapshot_would_go_back``, ``chain_reorganised``.
        """
        old = self.meta
        if old is not None:
            old.check_precedes(header)
            time = max(time, old.time)
        meta = Meta(
            chain_id=self._trust.file.chain_id,
            genesis_hash=self._trust.file.genesis_hash,
            contracts=self._contracts,
            header=header,
            time=time,
            heads=self.state.heads,
            successors=self.state.successors,
            position=self.state.position,
            basis=basis,
            validators=validators,
        )
        meta.write(self._connection)
        self.done = True
        return meta


def stored_meta(path: Path, trust: TrustStore) -> Meta | None:
    """Return what the snapshot at ``path`` says of itself; None where there is none.

    Raises:
        UnavailableError: ``snapshot_busy``, ``snapshot_malformed``, ``snapshot_other_chain``,
            ``snapshot_other_contracts``.
    """
    if not path.is_file():
        return None
    with sqlite_errors(path):
        connection = connect(path, write=False)
        try:
            if not has_schema(connection):
                return None
            meta = Meta.read(connection)
        finally:
            connection.close()
    meta.check(trust.file, path=path)
    return meta


@contextmanager
def update(path: Path, trust: TrustStore) -> Iterator[SnapshotUpdate]:
    """Bring the snapshot at ``path`` forward, or begin it; nothing changes unless it finishes.

    Raises:
        UnavailableError: ``snapshot_busy`` while another process updates it, ``snapshot_malformed``
            ``snapshot_other_chain``, ``snapshot_other_contracts``, ``snapshot_not_written``.
    """
    with sqlite_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = connect(path, write=True)
        try:
            connection.execute("BEGIN IMMEDIATE")
            changes = SnapshotUpdate(connection, path, trust)
            yield changes
            if changes.done:
                connection.execute("COMMIT")
        finally:
            connection.close()  # what is not committed is rolled back
