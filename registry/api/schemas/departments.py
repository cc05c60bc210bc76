"""Departments, their keys and kinds, and what they revoke."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from ecert.fields import hex_text
from ecert.signing import ED25519, ES256, Suite
from registry.api.schemas.common import (
    EXAMPLE_DEPARTMENT,
    EXAMPLE_HASH,
    EXAMPLE_TIME,
    Answer,
    Code,
    Hash,
    KindCode,
    Request,
    Text,
    example,
)
from registry.departments.keys import public_key_of
from registry.departments.models import (
    Department,
    DepartmentState,
    GrantState,
    KeyState,
    KindGrant,
    SigningKey,
)

SuiteName = Literal["ES256", "EdDSA"]
MAX_BLOCK = (1 << 53) - 1
_DEPARTMENT: dict[str, Any] = {
    "code": EXAMPLE_DEPARTMENT,
    "name": "示例市公安局",
    "kind": "PS",
    "parent": None,
    "state": "admitted",
    "created_at": EXAMPLE_TIME,
    "awaiting_council": [],
}


def suite_of(name: SuiteName) -> Suite:
    """Return a suite by its JOSE name."""
    return ED25519 if name == ED25519.jose else ES256


class DepartmentRequest(Request):
    """A department to admit."""

    code: Code
    name: Text
    kind: KindCode
    kinds: Annotated[list[KindCode], Field(max_length=200)]
    parent: Code | None = None
    """The department above it; None for one that the council admits."""
    suite: SuiteName = "ES256"

    model_config = Request.model_config | example(
        code=EXAMPLE_DEPARTMENT,
        name="示例市公安局",
        kind="PS",
        kinds=["resident-id", "no-criminal-record"],
    )


class DepartmentAnswer(Answer):
    """A department."""

    code: str
    name: str
    kind: str
    parent: str | None
    state: DepartmentState
    created_at: int
    awaiting_council: list[str]
    """What was ordered of a council that signs elsewhere, and it has not made yet."""

    model_config = Answer.model_config | example(**_DEPARTMENT)

    @classmethod
    def of(cls, row: Department, awaited: Mapping[str, list[str]]) -> "DepartmentAnswer":
        """Return the answer for a department.

        Args:
            row: The department.
            awaited: What of each department awaits the council.
        """
        return cls(
            code=row.code,
            name=row.name,
            kind=row.kind,
            parent=row.parent_code,
            state=row.state,
            created_at=row.created_at,
            awaiting_council=awaited.get(row.code, []),
        )


class DepartmentList(Answer):
    """All departments by code."""

    departments: list[DepartmentAnswer]


class KeyRequest(Request):
    """A further signing key, made in the registry's key store."""

    suite: SuiteName = "ES256"

    model_config = Request.model_config | example(suite="ES256")


class KeyAnswer(Answer):
    """A signing key's public part."""

    kid: str
    suite: str
    state: KeyState
    jwk: dict[str, str]
    created_at: int

    @classmethod
    def of(cls, row: SigningKey) -> "KeyAnswer":
        """Return the answer for a key."""
        return cls(
            kid=row.kid,
            suite=row.suite,
            state=row.state,
            jwk=public_key_of(row).jwk,
            created_at=row.created_at,
        )


class WithdrawRequest(Request):
    """The end of a key's use."""

    compromised_since: Annotated[int, Field(ge=0, le=MAX_BLOCK)] | None = None
    """The block from which on another may have used it."""

    model_config = Request.model_config | example(compromised_since=118)


class KindRequest(Request):
    """A kind to grant."""

    kind: KindCode

    model_config = Request.model_config | example(kind="drivers-licence")


class GrantAnswer(Answer):
    """A department's right to issue a kind."""

    kind: str
    state: GrantState

    @classmethod
    def of(cls, row: KindGrant) -> "GrantAnswer":
        """Return the answer for a grant."""
        return cls(kind=row.kind, state=row.state)


class DepartmentDetails(DepartmentAnswer):
    """A department with its keys and kinds."""

    keys: list[KeyAnswer]
    kinds: list[GrantAnswer]

    model_config = Answer.model_config | example(
        **_DEPARTMENT,
        keys=[
            {
                "kid": "<43 characters: the thumbprint>",
                "suite": "ES256",
                "state": "registered",
                "jwk": {"kty": "EC", "crv": "P-256", "x": "<base64url>", "y": "<base64url>"},
                "created_at": EXAMPLE_TIME,
            }
        ],
        kinds=[{"kind": "resident-id", "state": "granted"}],
    )


class RevocationRequest(Request):
    """What a forger issued: an artefact by its digest, or all that a root covers."""

    target: Literal["digest", "root"]
    hash: Hash
    reason: Text

    model_config = Request.model_config | example(
        target="digest", hash=EXAMPLE_HASH, reason="Signed with a stolen key"
    )


class ChangeAnswer(Answer):
    """How far a change of status has come."""

    id: int
    department: str
    target: str
    hash: str | None
    state: str


def change_answer(
    identifier: int, department: str, target: str, value: bytes | None, state: str
) -> ChangeAnswer:
    """Return the answer for a change of status."""
    shown = None if value is None else hex_text(value)
    return ChangeAnswer(
        id=identifier, department=department, target=target, hash=shown, state=state
    )
