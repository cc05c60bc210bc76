"""Handing documents over to wallets."""

from http import HTTPStatus

from registry.api.edge import AnEdge
from registry.api.guard import AnActor, ClaimSecret, rated
from registry.api.routes.routers import officer_router, public_router
from registry.api.schemas.common import IdPath, ReceiptAnswer
from registry.api.schemas.public import (
    ClaimAnswer,
    ClaimCodeAnswer,
    ClaimedArtefactAnswer,
    ClaimMadeAnswer,
    ClaimRequest,
    CodeKindAnswer,
    CodeRequest,
    OfferedKeyRequest,
)
from registry.claims.service import ClaimContent, OfferedKey

router = public_router("claims")
officers = officer_router("claims")
routers = (router, officers)


@router.post("/claims/kind")
@rated(limit="claims")
def kind_of_code(edge: AnEdge, body: CodeRequest) -> CodeKindAnswer:
    """Tell what a claim code is for, so that the wallet can make keys; does not use it up."""
    with edge.reading() as services:
        kind = services.claims.kind_of(body.code)
        return CodeKindAnswer(kind=kind.code, version=kind.version)


@router.post("/claims", status_code=HTTPStatus.CREATED)
@rated(limit="claims")
def claim(edge: AnEdge, body: ClaimRequest) -> ClaimMadeAnswer:
    """Use a claim code up: the document is signed for the wallet's keys."""
    cards = [_offered(card, card.view) for card in body.cards]
    with edge.writing() as services:
        made, secret = services.claims.redeem(body.code, _offered(body.holder), cards)
        return ClaimMadeAnswer(id=made.id, secret=secret)


@router.get("/claims/{claim_id}")
def claimed(edge: AnEdge, claim_id: IdPath, secret: ClaimSecret) -> ClaimAnswer:
    """Return a claim's artefacts, with receipts once they are anchored."""
    with edge.reading() as services:
        content = services.claims.content(claim_id, secret)
    if content.undelivered:
        # Wallets ask many times and are given everything once: only that has to be written down.
        with edge.writing() as services:
            services.claims.deliver(claim_id)
    return _content(content)


@officers.post("/documents/{document_id}/claim-code", status_code=HTTPStatus.CREATED)
def make_code(edge: AnEdge, actor: AnActor, document_id: IdPath) -> ClaimCodeAnswer:
    """Make a one-time code for a document; earlier unused ones of it end."""
    with edge.writing() as services:
        services.documents.get(actor, document_id)
        kept, code = services.claims.make_code(actor, document_id)
        return ClaimCodeAnswer(code=code, expires_at=kept.expires_at)


def _offered(key: OfferedKeyRequest, view: str | None = None) -> OfferedKey:
    return OfferedKey(jwk=key.jwk, proof=key.proof, view=view)


def _content(content: ClaimContent) -> ClaimAnswer:
    return ClaimAnswer(
        id=content.claim.id,
        kind=content.kind,
        complete=content.complete,
        artefacts=[
            ClaimedArtefactAnswer(
                form=artefact.form.value,
                view=artefact.view,
                text=artefact.text,
                receipt=(
                    ReceiptAnswer.of(content.receipts[artefact.id])
                    if artefact.id in content.receipts
                    else None
                ),
            )
            for artefact in content.artefacts
        ],
    )
