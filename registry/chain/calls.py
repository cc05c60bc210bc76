"""Every call that the registry makes on a contract, typed; no ABI name appears elsewhere.

An ``actor`` is the department in whose name a call is made: the department itself or one above it;
``COUNCIL`` for the council, whose calls (but ``suspend``) must be announced first (``schedule``)
where the contracts have a delay.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from ecert.encoding import code_bytes
from ecert.errors import MalformedError
from ecert.signing import PublicKey
from ecert.status import Status
from registry.chain.abi import artifact

COUNCIL = None
"""The council as an actor, or as the parent of a top-level department."""


class Role(IntEnum):
    """What an account may do for a department (``Role`` of the contracts)."""

    ADMIN = 0
    ANCHOR = 1
    STATUS = 2
    DISPENSE = 3


@dataclass(frozen=True)
class ContractCall:
    """What a transaction does; complete in itself, so that it can be stored and sent later.

    Attributes:
        contract: The contract's name.
        function: The function's name; empty for a creation.
        to: The contract's address; None creates it.
        data: The call data.
    """

    contract: str
    function: str
    to: str | None
    data: bytes

    def arguments(self) -> dict[str, Any]:
        """Return the call's arguments by name, for people and audits."""
        if not self.function:
            return {}
        return artifact(self.contract).functions[self.function].decode(self.data)


class _Calls:
    """Calls that every contract takes.

    Args:
        address: The contract's address.
    """

    contract: str

    def __init__(self, address: str) -> None:
        self.address = address

    def schedule(self, act: ContractCall) -> ContractCall:
        """Announce a call of the council."""
        return self._call("schedule", act.data)

    def cancel(self, act: bytes) -> ContractCall:
        """Drop an announced call, named by the Keccak-256 hash of its data."""
        return self._call("cancel", _word(act))

    def close(self, successor: str) -> ContractCall:
        """End this contract for good in favour of another one."""
        return self._call("close", successor)

    def eta_of(self, act: bytes) -> ContractCall:
        """Ask when an announced call may be made; 0 when it is not announced."""
        return self._call("etaOf", _word(act))

    def _call(self, function: str, *arguments: Any) -> ContractCall:
        data = artifact(self.contract).functions[function].encode(arguments)
        return ContractCall(self.contract, function, self.address, data)


class DepartmentCalls(_Calls):
    """Calls on DepartmentRegistry."""

    contract = "DepartmentRegistry"

    def admit(
        self,
        parent: str | None,
        department: str,
        *,
        department_kind: str,
        name: str,
        kinds: Collection[str],
        admin: str,
    ) -> ContractCall:
        """Admit a department under ``parent``, with the kinds it may issue and its first admin."""
        return self._call(
            "admit",
            _department(parent),
            _department(department),
            _kind(department_kind),
            name,
            [_kind(kind) for kind in kinds],
            admin,
        )

    def grant_kind(self, actor: str | None, department: str, kind: str) -> ContractCall:
        """Let a department issue a kind."""
        return self._call("grantKind", _department(actor), _department(department), _kind(kind))

    def withdraw_kind(self, actor: str | None, department: str, kind: str) -> ContractCall:
        """End a department's right to issue a kind."""
        return self._call("withdrawKind", _department(actor), _department(department), _kind(kind))

    def grant_role(
        self, actor: str | None, department: str, role: Role, account: str
    ) -> ContractCall:
        """Let an account act for a department."""
        return self._call("grantRole", _department(actor), _department(department), role, account)

    def withdraw_role(
        self, actor: str | None, department: str, role: Role, account: str
    ) -> ContractCall:
        """End an account's right to act for a department."""
        return self._call(
            "withdrawRole", _department(actor), _department(department), role, account
        )

    def register_key(self, department: str, key: PublicKey) -> ContractCall:
        """Register a department's signing key under its thumbprint (RFC 7638)."""
        return self._call(
            "registerKey",
            _department(department),
            key.thumbprint,
            key.suite.chain,
            key.x,
            key.y.rjust(32, b"\0"),
        )

    def withdraw_key(self, actor: str | None, department: str, key_id: bytes) -> ContractCall:
        """End a signing key's use; what it signed and was anchored before remains valid."""
        return self._call("withdrawKey", _department(actor), _department(department), _word(key_id))

    def compromise_key(
        self, actor: str | None, department: str, key_id: bytes, since_block: int
    ) -> ContractCall:
        """Declare that what was anchored from ``since_block`` on may be another's doing."""
        return self._call(
            "compromiseKey", _department(actor), _department(department), _word(key_id), since_block
        )

    def suspend(self, actor: str | None, department: str) -> ContractCall:
        """Stop a department and all below it from anchoring, registering and granting."""
        return self._call("suspend", _department(actor), _department(department))

    def lift(self, actor: str | None, department: str) -> ContractCall:
        """End a suspension."""
        return self._call("lift", _department(actor), _department(department))

    def move(self, actor: str | None, department: str, new_parent: str | None) -> ContractCall:
        """Hang a department under another parent; ``COUNCIL`` makes it top-level."""
        return self._call(
            "move", _department(actor), _department(department), _department(new_parent)
        )

    def merge(self, actor: str | None, department: str, into: str) -> ContractCall:
        """Dissolve a department into another one, which then acts for it."""
        return self._call("merge", _department(actor), _department(department), _department(into))

    def council(self) -> ContractCall:
        """Ask who the council is."""
        return self._call("council")

    def propose_council(self, council: str) -> ContractCall:
        """Name the next council, which must accept."""
        return self._call("proposeCouncil", council)

    def accept_council(self) -> ContractCall:
        """Become the council, as proposed."""
        return self._call("acceptCouncil")


class AnchorCalls(_Calls):
    """Calls on AnchorRegistry."""

    contract = "AnchorRegistry"

    def anchor(self, department: str, root: bytes, size: int) -> ContractCall:
        """Anchor the root of one tree of ``size`` leaves."""
        return self._call("anchor", _department(department), _word(root), size)

    def anchor_many(self, department: str, roots: Sequence[tuple[bytes, int]]) -> ContractCall:
        """Anchor many (root, size), all or none."""
        return self._call(
            "anchorMany",
            _department(department),
            [_word(root) for root, _ in roots],
            [size for _, size in roots],
        )


class StatusCalls(_Calls):
    """Calls on StatusRegistry."""

    contract = "StatusRegistry"

    def set_status(
        self,
        actor: str | None,
        department: str,
        status_list: int,
        indices: Collection[int],
        status: Status,
    ) -> ContractCall:
        """Set entries of a department's status list; revoked is final."""
        return self._call(
            "setStatus",
            _department(actor),
            _department(department),
            status_list,
            list(indices),
            status,
        )

    def revoke_digest(self, actor: str | None, department: str, digest: bytes) -> ContractCall:
        """Revoke one signed artefact by its digest, for good."""
        return self._call(
            "revokeDigest", _department(actor), _department(department), _word(digest)
        )

    def revoke_root(self, actor: str | None, department: str, root: bytes) -> ContractCall:
        """Revoke all that a root covers, for good."""
        return self._call("revokeRoot", _department(actor), _department(department), _word(root))


def _department(code: str | None) -> bytes:
    return bytes(20) if code is None else code_bytes(code, 20, where="department")


def _kind(code: str) -> bytes:
    return code_bytes(code, 32, where="kind")


def _word(value: bytes) -> bytes:
    """Check the length: the encoder would pad what is too short."""
    if len(value) != 32:
        raise MalformedError("call_argument_malformed", name="bytes32")
    return value
