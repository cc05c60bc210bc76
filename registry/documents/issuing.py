"""Making signed artefacts of a document: what goes into an SD-JWT and into a card."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecert import card as cards
from ecert import sd_jwt
from ecert.artefact import card_view
from ecert.encoding import b64url_encode
from ecert.facts import StatusReference
from ecert.kinds import Kind
from ecert.signing import PublicKey, Signer
from ecert.status import uri_of
from registry.clock import day_in_china
from registry.documents.forms import ArtefactForm

_JTI_BYTES = 16


@dataclass(frozen=True, slots=True)
class Issue:
    """What all artefacts of one document have in common.

    Attributes:
        origin: The registry's https origin.
        department: The issuing department.
        kind: The document's kind.
        claims: All its claims.
        valid_until: When it ends to be valid, unix seconds; None for never.
    """

    origin: str
    department: str
    kind: Kind
    claims: Mapping[str, Any]
    valid_until: int | None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed artefact, not yet kept anywhere."""

    form: ArtefactForm
    view: str | None
    text: str
    digest: bytes
    status: tuple[int, int]
    holder: PublicKey | None
    iat: int


def sign_document(
    issue: Issue, signer: Signer, *, status: tuple[int, int], now: int, holder: PublicKey | None
) -> Signed:
    """Sign the SD-JWT of a document; without ``holder`` it is a paper artefact.

    Raises:
        ContentError: A claim cannot be part of an SD-JWT.
    """
    number, index = status
    clear: dict[str, Any] = {
        "iss": issue.origin,
        "dept": issue.department,
        "vct": issue.kind.vct,
        "iat": now,
        "nbf": now,
        "jti": b64url_encode(secrets.token_bytes(_JTI_BYTES)),
        "status": {
            "status_list": {"idx": index, "uri": uri_of(issue.origin, issue.department, number)}
        },
    }
    if issue.valid_until is not None:
        clear["exp"] = issue.valid_until
    if holder is not None:
        clear["cnf"] = {"jwk": holder.jwk}
    made = sd_jwt.issue(clear, disclosable=issue.claims, signer=signer)
    return Signed(ArtefactForm.SD_JWT, None, made.text, made.digest, status, holder, now)


def sign_card(
    issue: Issue,
    signer: Signer,
    view: str,
    *,
    status: tuple[int, int],
    now: int,
    holder: PublicKey | None,
) -> Signed:
    """Sign one card of a document.

    Raises:
        KindError: ``kind_card_unknown``.
        ContentError: What the view derives from a claim that the document lacks.
        MalformedError: A claim does not fit on a card.
    """
    card = issue.kind.card(view)
    numbers = card_view(issue.kind, card).to_numbers(card.select(issue.claims, day_in_china(now)))
    content = cards.CardContent(
        dept=issue.department,
        kind=issue.kind.number,
        version=issue.kind.version,
        view=card.number,
        claims=numbers,
        status=StatusReference(*status),
        iat=now,
        nbf=now,
        exp=issue.valid_until,
        holder=holder,
    )
    made = cards.issue(content, signer=signer)
    return Signed(ArtefactForm.CARD, card.view, made.text, made.digest, status, holder, now)
