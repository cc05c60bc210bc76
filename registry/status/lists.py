"""Taking entries of status lists in a secret random order, many at once."""

import secrets
import struct
from array import array
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlmodel import Session, col, select

from ecert.limits import STATUS_LIST_SIZE
from registry.departments.models import Department
from registry.status.models import StatusList

USABLE = STATUS_LIST_SIZE * 3 // 4
"""Entries taken before the next list opens: so many always remain unused that neither an unused
entry nor the order of use tells anything."""

SKIPPED_LISTS = 64
LISTS_A_SECOND = 2
"""Lists left out after a restore: some, and more for the time since than anybody can fill, so that
a second restore of the same backup does not come upon what was used after the first."""

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


def leave_lists(
    session: Session, *, seconds: int, used: Mapping[str, int] = MappingProxyType({})
) -> None:
    """Let every department go on with a new list, under a number that was never used.

    The entries that were given out since a backup belong to documents in people's hands.

    Args:
        session: The transaction to work in.
        seconds: How long ago the state of the database was that of the registry.
        used: The greatest number of a list that is known to be used, by department.
    """
    newest = dict(
        session.exec(
            select(StatusList.department, sa.func.max(StatusList.number)).group_by(
                col(StatusList.department)
            )
        ).all()
    )
    skipped = SKIPPED_LISTS + LISTS_A_SECOND * max(seconds, 0)
    for code in session.exec(select(Department.code)).all():
        number = max(newest.get(code, 0), used.get(code, 0)) + skipped
        session.add(
            StatusList(department=code, number=number, seed=secrets.token_bytes(_SEED_BYTES))
        )
    session.flush()


@lru_cache(maxsize=64)
def permutation(seed: bytes) -> "array[int]":
    """Return all indices of a list in the order that ``seed`` fixes.

    Sorted by an AES-256-CTR key stream: whoever sees some indices learns nothing about the others.
    """
    encryptor = Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor()
    stream = encryptor.update(bytes(8 * STATUS_LIST_SIZE))
    keys = struct.unpack(f">{STATUS_LIST_SIZE}Q", stream)
    return array("I", sorted(range(STATUS_LIST_SIZE), key=keys.__getitem__))
