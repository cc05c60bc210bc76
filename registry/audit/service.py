"""Writing and checking the audit trail."""

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.encoding import canonical_json
from registry.access.actor import Actor
from registry.audit.models import AuditEntry
from registry.clock import Clock, unix_now
from registry.errors import ReconciliationError

_FIRST = bytes(32)
_LOCK = 0x65636572745F6175  # any constant of this project's own
_PAGE = 1000
_PENDING = "audit entries to be written at the commit"


class AuditTrail:
    """Appends entries, each with the hash of the one before.

    They are written when the transaction is committed: on a server one writer at a time holds the
    end of the trail, and nobody who holds it waits for anything else.

    Args:
        session: The transaction that the entry belongs to: it is recorded with the act or not at
            all.
        clock: The time.
    """

    def __init__(self, session: Session, clock: Clock = unix_now) -> None:
        self._session = session
        self._clock = clock

    def record(
        self,
        actor: Actor | None,
        action: str,
        subject: str,
        *,
        department: str | None = None,
        **details: Any,
    ) -> None:
        """Append an entry.

        Args:
            actor: Who did it; None for the registry's own worker.
            action: What, e.g. ``document.approve``.
            subject: The id of what it was done to.
            department: Whose affair it is.
            **details: Numbers, codes and ids; nothing personal.
        """
        entry = AuditEntry(
            time=self._clock(),
            officer=None if actor is None else actor.id,
            department=department,
            action=action,
            subject=subject[:100],
            details=details,
            previous=b"",
            hash=b"",
        )
        if _PENDING not in self._session.info:
            self._session.info[_PENDING] = []
            sa.event.listen(self._session, "before_commit", _write_pending, once=True)
        self._session.info[_PENDING].append(entry)

    def page(self, *, after: int = 0, limit: int = 100) -> list[AuditEntry]:
        """Return entries in order, from the one after ``after``."""
        statement = (
            select(AuditEntry).where(col(AuditEntry.id) > after).order_by(col(AuditEntry.id))
        )
        return list(self._session.exec(statement.limit(limit)))

    def check(self) -> int:
        """Check the whole trail; return how many entries it has.

        Raises:
            ReconciliationError: ``audit_broken`` naming the first entry that does not fit.
        """
        previous, count = _FIRST, 0
        for entry in self._all():
            if entry.previous != previous or entry.hash != _hash(entry):
                raise ReconciliationError("audit_broken", entry=entry.id)
            previous, count = entry.hash, count + 1
        return count

    def _all(self) -> Iterator[AuditEntry]:
        after = 0
        while page := self.page(after=after, limit=_PAGE):
            yield from page
            after = page[-1].id or 0
            for entry in page:
                self._session.expunge(entry)


def _write_pending(session: Session) -> None:
    entries: list[AuditEntry] = session.info.pop(_PENDING)
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        # Until the commit, so that the chain has no branches. (SQLite has one writer anyway.)
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    statement = select(AuditEntry.hash).order_by(col(AuditEntry.id).desc()).limit(1)
    last = session.exec(statement).first() or _FIRST
    for entry in entries:
        entry.previous = last
        entry.hash = last = _hash(entry)
        session.add(entry)
        session.flush()


def _hash(entry: AuditEntry) -> bytes:
    content = {
        "time": entry.time,
        "officer": entry.officer,
        "department": entry.department,
        "action": entry.action,
        "subject": entry.subject,
        "details": entry.details,
        "previous": entry.previous.hex(),
    }
    return hashlib.sha256(canonical_json(content, where="audit entry")).digest()
