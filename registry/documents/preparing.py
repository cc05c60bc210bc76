"""From checked claims to the row of a new document."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from ecert.encoding import canonical_json
from ecert.kinds import Kind
from registry.clock import day_in_china
from registry.documents.models import DocumentRecord, DocumentState
from registry.errors import RequestError

_SERIAL_BYTES = 10


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document's claims, complete, with what follows from them."""

    claims: dict[str, Any]
    certificate_identifier: str | None
    fingerprint: bytes


def prepare(department: str, kind: Kind, claims: Mapping[str, Any], now: int) -> Prepared:
    """Check claims as the application states them, and add the certificate identifier.

    Raises:
        ContentError: The first thing that is wrong with them.
        RequestError: ``document_expired_already``.
        IdentifierError: The department's code can be no issuer's in a certificate identifier.
    """
    for problem in kind.problems(claims, row=True):
        raise problem
    check_term(kind, claims, now)
    mark = fingerprint(department, kind, claims)
    whole = complete(department, kind, claims, now)
    kind.validate(whole)
    return Prepared(whole, whole.get("certificate_identifier"), mark)


def complete(department: str, kind: Kind, claims: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return claims with the certificate identifier that the registry adds where there is none.

    Raises:
        IdentifierError: The department's code can be no issuer's in a certificate identifier.
    """
    return kind.with_identifier(claims, issuer=department, serial=_serial(now))


def check_term(kind: Kind, claims: Mapping[str, Any], now: int) -> int | None:
    """Return when a document that is issued now would end; None for never.

    Raises:
        ContentError: The kind's validity rule does not fit the claims.
        RequestError: ``document_expired_already``.
    """
    end = kind.validity_end(day_in_china(now), claims)
    if end is None:
        return None
    moment = int(end.timestamp())
    if moment <= now:
        raise RequestError("document_expired_already", until=end.isoformat())
    return moment


def fingerprint(department: str, kind: Kind, claims: Mapping[str, Any]) -> bytes:
    """Return what makes two applications the same."""
    return hashlib.sha256(canonical_json([department, kind.vct, dict(claims)])).digest()


def free_expired(session: Session, fingerprints: Sequence[bytes], now: int) -> None:
    """Let an application be made again whose earlier document has expired."""
    session.execute(
        sa.update(DocumentRecord)
        .where(
            col(DocumentRecord.fingerprint).in_(fingerprints),
            col(DocumentRecord.valid_until) <= now,
        )
        .values(fingerprint=None)
        .execution_options(synchronize_session=False)
    )


def row_of(
    document_id: str,
    department: str,
    kind: Kind,
    prepared: Prepared,
    *,
    officer: str,
    now: int,
    state: DocumentState,
    import_id: str | None = None,
    row_number: int | None = None,
) -> dict[str, Any]:
    """Return the columns of a new document."""
    return {
        "id": document_id,
        "department": department,
        "kind": kind.code,
        "kind_version": kind.version,
        "claims": prepared.claims,
        "certificate_identifier": prepared.certificate_identifier,
        "fingerprint": prepared.fingerprint,
        "state": state,
        "created_by": officer,
        "import_id": import_id,
        "row_number": row_number,
        "status": 0,
        "created_at": now,
        "updated_at": now,
    }


def _serial(now: int) -> str:
    """Return the year and 80 random bits: unique without a counter that workers would share."""
    tail = base64.b32encode(secrets.token_bytes(_SERIAL_BYTES)).decode("ascii")
    return f"{day_in_china(now).year}{tail}"
