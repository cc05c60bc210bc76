"""Taking entries of status lists in a secret random order, many at once."""

import secrets
import struct
from array import array
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlmodel import Session, col, select

from ecert.limits import STATUS_LIST_SIZE
from registry.status.models import StatusList

USABLE = STATUS_LIST_SIZE * 3 // 4
"""Entries taken before the next list opens: so many always remain unused that neither an unused
entry nor the order of use tells anything."""

_SEED_BYTES = 32


class StatusAllocator:
    """Gives out status entries, none twice.

    Args:
        session: The transaction in which the entries are used.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def take(self, department: str, count: int) -> list[tuple[int, int]]:
        """Return ``count`` fresh (list, index) of a department."""
        taken: list[tuple[int, int]] = []
        current = self._newest(department)
        while len(taken) < count:
            if current is None or current.next >= USABLE:
                current = self._open(department, 0 if current is None else current.number + 1)
            end = min(current.next + count - len(taken), USABLE)
            order = permutation(current.seed)
            taken += [(current.number, order[place]) for place in range(current.next, end)]
            current.next = end
        return taken

    def take_apart(self, department: str, count: int) -> list[tuple[int, int]]:
        """Return ``count`` fresh (list, index) for a transaction that takes long.

        On a server they are taken in a transaction of their own, so that whoever signs many
        documents keeps nobody waiting; entries of a transaction that fails are then never used.
        """
        bind = self._session.get_bind()
        if bind.dialect.name != "postgresql":
            return self.take(department, count)
        with Session(bind) as own:
            taken = StatusAllocator(own).take(department, count)
            own.commit()
        return taken

    def _newest(self, department: str) -> StatusList | None:
        statement = (
            select(StatusList)
            .where(col(StatusList.department) == department)
            .order_by(col(StatusList.number).desc())
            .limit(1)
            .with_for_update()
        )
        return self._session.exec(statement).first()

    def _open(self, department: str, number: int) -> StatusList:
        row = StatusList(
            department=department, number=number, seed=secrets.token_bytes(_SEED_BYTES)
        )
        self._session.add(row)
        self._session.flush()
        return row


@lru_cache(maxsize=64)
def permutation(seed: bytes) -> "array[int]":
    """Return all indices of a list in the order that ``seed`` fixes.

    Sorted by an AES-256-CTR key stream: whoever sees some indices learns nothing about the others.
    """
    encryptor = Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor()
    stream = encryptor.update(bytes(8 * STATUS_LIST_SIZE))
    keys = struct.unpack(f">{STATUS_LIST_SIZE}Q", stream)
    return array("I", sorted(range(STATUS_LIST_SIZE), key=keys.__getitem__))
