"""Handing an anchored document out: the document file and the PDF, of its paper artefact."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ecert import card as cards
from ecert import lookup, sd_jwt
from ecert.document import DocumentFile
from ecert.kinds.validity import CHINA_TIME
from ecert.receipt import Receipt
from registry.access.actor import Actor
from registry.documents.models import Artefact, ArtefactForm, ArtefactState, DocumentRecord
from registry.errors import ConflictError
from registry.paper.compose import compose
from registry.paper.model import Label, PaperInput
from registry.services import Services


@dataclass(frozen=True, slots=True)
class _Paper:
    row: DocumentRecord
    document: Artefact
    receipt: Receipt
    card: Artefact | None
    card_receipt: Receipt | None


Disclosed = Literal["face", "all"]
"""Which claims are shown: those of the paper form, or all."""


def document_file(
    services: Services, actor: Actor, document_id: str, disclose: Disclosed = "all"
) -> bytes:
    """Return the ``.ecert.json`` file of a document's paper artefact.

    Whoever takes personal data out of the registry is named in the audit trail.

    Raises:
        NotFoundError: ``document_unknown``.
        ConflictError: ``document_not_anchored``.
    """
    paper = _paper(services, actor, document_id)
    services.audit.record(actor, "document.export", paper.row.id, department=paper.row.department)
    text = paper.document.text if disclose == "all" else _face(services, paper)
    return DocumentFile(text, paper.receipt).to_bytes()


def paper_input(services: Services, actor: Actor, document_id: str) -> PaperInput:
    """Return what a document's PDF is made from; keeps the ciphertext of its look-up code.

    Rendering (``registry.paper.render_pdf``) takes time and no database: it belongs after the
    transaction.

    Raises:
        NotFoundError: ``document_unknown``.
        ConflictError: ``document_not_anchored``.
    """
    paper = _paper(services, actor, document_id)
    if paper.card is None or paper.card_receipt is None:
        raise ConflictError("document_without_paper_card", id=paper.row.id)
    row, context = paper.row, services.context
    kind = context.catalogue.kind(row.kind)
    file = DocumentFile(_face(services, paper), paper.receipt).to_bytes()
    sealed = lookup.seal(file)
    services.lookups.keep(sealed)
    services.audit.record(actor, "document.print", row.id, department=row.department)
    issued_at = paper.document.iat
    until = None if row.valid_until is None else _day(row.valid_until - 1)
    return compose(
        kind,
        row.claims,
        department=Label(services.departments.get(row.department).name),
        issued=_day(issued_at),
        valid_from=_day(issued_at).date(),
        valid_until=until.date() if until else None,
        document=file,
        lookup_url=lookup.url_of(context.settings.origin, sealed),
        card=cards.with_receipt(paper.card.text, paper.card_receipt.compact()),
    )


def _face(services: Services, paper: _Paper) -> str:
    """Return the document with the claims that its paper form shows, and no others."""
    kind = services.context.catalogue.kind(paper.row.kind)
    face = [name for name in kind.face if name in paper.row.claims]
    return sd_jwt.disclose(paper.document.text, face)


def _paper(services: Services, actor: Actor, document_id: str) -> _Paper:
    row = services.documents.get(actor, document_id)
    paper = [
        artefact
        for artefact in services.documents.artefacts(actor, document_id)
        if artefact.claim_id is None and artefact.state == ArtefactState.ANCHORED
    ]
    receipts = services.batches.receipts(paper)
    documents = [a for a in paper if a.form == ArtefactForm.SD_JWT and a.id in receipts]
    printed = [a for a in paper if a.form == ArtefactForm.CARD and a.id in receipts]
    if not documents:
        raise ConflictError("document_not_anchored", id=row.id)
    newest = documents[-1]
    card = printed[-1] if printed else None
    return _Paper(row, newest, receipts[newest.id], card, receipts[card.id] if card else None)


def _day(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, CHINA_TIME)
