"""Who was allowed what, when: the rules over the contracts' append-only histories.

Rights at a block are the department's own and all its ancestors' at that block; a withdrawal wins
within its block (DESIGN section 6). The same rules serve records read from a node, from a snapshot
and from storage proofs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from ecert import limits
from ecert.errors import AuthorityError
from ecert.signing import PublicKey


@dataclass(frozen=True, slots=True)
class Interval:
    """Blocks from ``start`` (included) until ``end`` (excluded; None while open)."""

    start: int
    end: int | None = None

    def __contains__(self, block: int) -> bool:
        return self.start <= block and (self.end is None or block < self.end)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A department's signing key as DepartmentRegistry stores it."""

    suite: int
    x: bytes
    y: bytes
    intervals: tuple[Interval, ...]
    compromised_since: int | None = None

    def public_key(self) -> PublicKey:
        """Return the key.

        Raises:
            MalformedError: ``jwk_malformed``: unknown suite or no point of its curve.
        """
        return _known_key(self.suite, self.x, self.y)


@lru_cache(maxsize=256)
def _known_key(suite: int, x: bytes, y: bytes) -> PublicKey:
    """Load a key, remembering the last ones: a verifier meets the same issuers again.

    Only the point is remembered, and its thumbprint; whose key it is, and was when, the records say
    each time.
    """
    return PublicKey.from_chain(suite, x, y)


@dataclass(frozen=True, slots=True)
class Parent:
    """From block ``since`` on, the department stood under ``code`` (None: under the council)."""

    code: str | None
    since: int


@dataclass(frozen=True, slots=True)
class DepartmentRecord:
    """A department's histories, with those of one kind."""

    code: str
    admitted_at: int
    parents: tuple[Parent, ...]
    suspensions: tuple[Interval, ...] = ()
    kind: tuple[Interval, ...] = ()

    def parent_at(self, block: int) -> str | None:
        """Return the parent's code at ``block``; None for a top-level department."""
        code = None
        for parent in self.parents:
            if parent.since <= block:
                code = parent.code
        return code


def check_key(key: KeyRecord, department: str, block: int) -> None:
    """Check that the key was the department's at ``block`` (step 4).

    Raises:
        AuthorityError: ``key_compromised``, ``key_not_yet_registered`` or ``key_withdrawn``.
    """
    if key.compromised_since is not None and block >= key.compromised_since:
        raise AuthorityError(
            "key_compromised", department=department, block=block, since=key.compromised_since
        )
    if any(block in interval for interval in key.intervals):
        return
    early = all(block < interval.start for interval in key.intervals)
    code = "key_not_yet_registered" if early else "key_withdrawn"
    raise AuthorityError(code, department=department, block=block)


def check_kind(
    records: Mapping[str, DepartmentRecord], department: str, kind: str, block: int
) -> None:
    """Check that the department might issue the kind at ``block``, as might all above it (step 5).

    Args:
        records: The department and its ancestors at ``block``, by code.
        department: The issuing department.
        kind: The kind's code, for the error's sentence; ``records`` hold this kind's history.
        block: The anchoring block.

    Raises:
        AuthorityError: ``department_unknown``, ``department_suspended``, ``kind_not_granted``,
            ``lineage_broken`` for ancestors in a circle, too many, or of no department.
    """
    code: str | None = department
    for _ in range(limits.MAX_LINEAGE + 1):
        if code is None:
            return
        record = records.get(code)
        if record is None or block < record.admitted_at:
            raise AuthorityError("department_unknown", department=code, block=block)
        if any(block in interval for interval in record.suspensions):
            raise AuthorityError("department_suspended", department=code, block=block)
        if not any(block in interval for interval in record.kind):
            raise AuthorityError("kind_not_granted", department=code, kind=kind, block=block)
        if all(block < parent.since for parent in record.parents):
            break  # no parent is on record: that does not make it a top-level department
        code = record.parent_at(block)
    raise AuthorityError("lineage_broken", department=department)
