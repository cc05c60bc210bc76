"""Keeping and giving out what look-up codes lead to."""

from sqlmodel import Session

from ecert.lookup import Sealed
from registry.clock import Clock, unix_now
from registry.errors import NotFoundError
from registry.lookups.models import LookupEntry


class LookupService:
    """Stores ciphertexts.

    Args:
        session: The transaction to work in.
        clock: The time.
    """

    def __init__(self, session: Session, clock: Clock = unix_now) -> None:
        self._session = session
        self._clock = clock

    def keep(self, sealed: Sealed) -> None:
        """Store a sealed document; its key is not kept."""
        entry = LookupEntry(id=sealed.id, ciphertext=sealed.ciphertext, created_at=self._clock())
        self._session.add(entry)
        self._session.flush()

    def ciphertext(self, lookup_id: str) -> bytes:
        """Return what a look-up id leads to.

        Raises:
            NotFoundError: ``lookup_unknown``.
        """
        entry = self._session.get(LookupEntry, lookup_id)
        if entry is None:
            raise NotFoundError("lookup_unknown")
        return entry.ciphertext
