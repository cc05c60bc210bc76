"""What the contracts logged: read once from end to end, in order."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ecert.chain.codes import department_text
from ecert.chain.events import (
    Admitted,
    Anchored,
    DepartmentSuspended,
    DigestRevoked,
    KeyCompromised,
    KeyRegistered,
    KeyWithdrawn,
    KindGranted,
    KindWithdrawn,
    RootRevoked,
    StatusChanged,
    SuspensionLifted,
    decode_log,
)
from ecert.encoding import b64url_encode
from ecert.status import Status
from registry.chain.deploy import Deployment
from registry.departments.models import KeyState
from registry.outbox.sight import Sight
from registry.status.models import ChangeTarget

Entry = tuple[str, int, int]
"""Department, list and index."""


@dataclass(frozen=True, slots=True)
class Root:
    """An anchored root."""

    department: str
    root: bytes
    size: int
    block: int
    time: int


@dataclass(frozen=True, slots=True)
class HashRevoked:
    """A digest or a root was revoked."""

    target: ChangeTarget
    department: str
    actor: str
    hash: bytes


@dataclass
class Findings:
    """What the chain holds.

    Attributes:
        since: The newest block that the database knows to be final; what is new came after it.
        entries: The status of every entry that was ever set.
        changes: What was done to entries after ``since``, in order: entry, status, actor.
        hashes: Digests and roots revoked after ``since``.
        roots: Every anchored root.
        revoked_roots: Every revoked root, by department.
        parents: Every department with the one that it was admitted under; "" for the council.
        suspended: Departments that are suspended.
        keys: Every key's department and state, by thumbprint.
        kinds: Whether a department may issue a kind.
        blocks: Blocks after ``since`` in which something was logged.
    """

    since: int
    entries: dict[Entry, Status] = field(default_factory=dict)
    changes: list[tuple[Entry, Status, str]] = field(default_factory=list)
    hashes: list[HashRevoked] = field(default_factory=list)
    roots: list[Root] = field(default_factory=list)
    revoked_roots: set[tuple[str, bytes]] = field(default_factory=set)
    parents: dict[str, str] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    keys: dict[str, tuple[str, KeyState]] = field(default_factory=dict)
    kinds: dict[tuple[str, str], bool] = field(default_factory=dict)
    blocks: set[int] = field(default_factory=set)

    @property
    def lists(self) -> dict[str, int]:
        """The greatest list of each department in which an entry was set."""
        greatest: defaultdict[str, int] = defaultdict(int)
        for department, number, _ in self.entries:
            greatest[department] = max(greatest[department], number)
        return greatest

    def take(self, event: Any, block: int) -> None:
        """Add one event; they come in order."""
        match event:
            case StatusChanged():
                self._status(event, block)
            case DigestRevoked():
                self._hash(ChangeTarget.DIGEST, event, event.digest, block)
            case RootRevoked():
                self.revoked_roots.add((department_text(event.department), event.root))
                self._hash(ChangeTarget.ROOT, event, event.root, block)
            case Anchored():
                code = department_text(event.department)
                self.roots.append(Root(code, event.root, event.size, block, event.time))
            case _:
                self._department(event)

    def _status(self, event: StatusChanged, block: int) -> None:
        code, status = department_text(event.department), Status(event.status)
        for index in event.indices:
            entry = (code, event.list, index)
            self.entries[entry] = status
            if block > self.since:
                self.changes.append((entry, status, department_text(event.actor)))

    def _hash(self, target: ChangeTarget, event: Any, value: bytes, block: int) -> None:
        if block > self.since:
            code, actor = department_text(event.department), department_text(event.actor)
            self.hashes.append(HashRevoked(target, code, actor, value))

    def _department(self, event: Any) -> None:
        match event:
            case Admitted():
                above = department_text(event.parent) if any(event.parent) else ""
                self.parents[department_text(event.department)] = above
            case DepartmentSuspended():
                self.suspended.add(department_text(event.department))
            case SuspensionLifted():
                self.suspended.discard(department_text(event.department))
            case KeyRegistered() | KeyWithdrawn() | KeyCompromised():
                kid = b64url_encode(event.key_id)
                self.keys[kid] = (department_text(event.department), _KEY_STATES[type(event)])
            case KindGranted() | KindWithdrawn():
                key = (department_text(event.department), department_text(event.kind))
                self.kinds[key] = isinstance(event, KindGranted)
            case _:
                pass  # roles, moves and the council's acts change no row here


_KEY_STATES = {
    KeyRegistered: KeyState.REGISTERED,
    KeyWithdrawn: KeyState.WITHDRAWN,
    KeyCompromised: KeyState.COMPROMISED,
}


def find(sight: Sight, deployment: Deployment, *, since: int, last: int) -> Findings:
    """Read the contracts' logs up to block ``last``.

    Raises:
        UnavailableError: The chain does not answer.
    """
    findings = Findings(since)
    for event, block in _events(sight, deployment, last):
        findings.take(event, block)
        if block > since:
            findings.blocks.add(block)
    return findings


def _events(sight: Sight, deployment: Deployment, last: int) -> Iterator[tuple[Any, int]]:
    names = {address: name for name, address in deployment.addresses.items()}
    for log in sight.nodes.logs([*names], deployment.first_block, last):
        name = names.get(log.address)
        if name is not None:
            yield decode_log(log, name), log.block
