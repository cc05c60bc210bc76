"""The chain's records on this machine, for checking without a network.

A snapshot holds everything that the contracts recorded up to one final block. It names the chain
and the contracts that it was made from and answers only under a trust file that names the same.
"""

import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from ecert.errors import UnavailableError
from ecert.facts import Facts, Query
from ecert.fields import hex_text
from ecert.trust import TrustStore
from verifier.snapshot_file import (
    BUSY_SECONDS,
    connect,
    forget,
    has_schema,
    sqlite_errors,
    tables_of,
)
from verifier.snapshot_meta import Meta

T = TypeVar("T")


class Snapshot:
    """A ``FactSource`` that needs no network; a context manager, to be used by many threads.

    Args:
        path: The file.
        trust: What it must be made from.
        wait: How long to wait for another process that writes it, seconds.

    Raises:
        UnavailableError: ``snapshot_missing``, ``snapshot_malformed``, ``snapshot_other_chain``,
            ``snapshot_other_contracts``, ``snapshot_before_trust``, ``snapshot_busy``.
    """

    def __init__(self, path: Path, trust: TrustStore, *, wait: float = BUSY_SECONDS) -> None:
        self.path = path
        self._trust = trust
        self._lock = threading.Lock()
        self._connection = connect(path, write=False, wait=wait)
        self._tables = tables_of(self._connection, remember=True)
        self._known: tuple[int, Meta] | None = None
        self._finalizer = weakref.finalize(self, self._connection.close)
        try:
            self.meta()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, path: Path, trust: TrustStore, *, wait: float = BUSY_SECONDS) -> Self:
        """Return the snapshot at ``path``; see the class."""
        return cls(path, trust, wait=wait)

    def meta(self) -> Meta:
        """Return which block the snapshot holds and as of when.

        Raises:
            UnavailableError: As the constructor; another process may have changed the file.
        """
        return self._read(lambda meta: meta)

    def facts(self, query: Query) -> Facts:
        """Return the chain's records as of the snapshot's block.

        Raises:
            MalformedError: The contracts cannot be asked such a thing.
            UnavailableError: As the constructor, or ``contract_closed``.
        """

        def answer(meta: Meta) -> Facts:
            for name, successor in meta.successors.items():
                raise UnavailableError(
                    "contract_closed", contract=name, successor=hex_text(successor)
                )
            return self._tables.answer(
                query,
                chain_id=meta.chain_id,
                block=meta.header.number,
                time=meta.time,
                basis=meta.basis,
            )

        return self._read(answer)

    def close(self) -> None:
        """Close the file; done by itself when the snapshot is no longer used."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, use: Callable[[Meta], T]) -> T:
        """Read within one transaction, so that an update in between cannot mix two blocks."""
        with self._lock, sqlite_errors(self.path):
            self._connection.execute("BEGIN")
            try:
                return use(self._checked_meta())
            finally:
                self._connection.execute("ROLLBACK")

    def _checked_meta(self) -> Meta:
        """Return what the file says of itself; read anew whenever the file has changed.

        SQLite's ``data_version`` is another one after each commit of another connection, and asking
        for it begins the transaction in which all else is read.
        """
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if self._known is not None and self._known[0] == version:
            return self._known[1]
        self._known = None
        forget(self._tables)
        if not has_schema(self._connection):
            raise UnavailableError("snapshot_missing", path=self.path)
        meta = Meta.read(self._connection)
        meta.check(self._trust.file, path=self.path)
        if meta.header.number < self._trust.file.checkpoint.number:
            raise UnavailableError("snapshot_before_trust", block=meta.header.number)
        self._known = version, meta
        return meta
