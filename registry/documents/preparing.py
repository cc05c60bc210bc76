"""From checked claims to what a new document is made of. Pure: no database."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecert.encoding import canonical_json
from ecert.kinds import Kind
from registry.clock import day_in_china
from registry.errors import RequestError

_SERIAL_CHARS = 16
_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" * 8
"""For each byte a character, each of them for as many."""


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


def _serial(now: int) -> str:
    """Return the year and 80 random bits: unique without a counter that workers would share."""
    tail = secrets.token_bytes(_SERIAL_CHARS).translate(_BASE32)
    return f"{day_in_china(now).year}{tail.decode('ascii')}"
