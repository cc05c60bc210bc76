"""A citizen's wallet takes a document over: a code is made, answered with keys, and used up."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from ecert.claiming import MAX_CARD_KEYS, code_hash, new_code, proof_input
from ecert.encoding import b64url_decode, b64url_encode
from ecert.errors import EcertError, SignatureInvalidError
from ecert.kinds import Kind
from ecert.receipt import Receipt
from ecert.signing import PublicKey
from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.service import AuditTrail
from registry.batches.service import BatchService
from registry.claims.models import Claim, ClaimCode
from registry.context import Context
from registry.departments.keys import KeyService
from registry.documents.artefacts import keep
from registry.documents.issuing import Issue, Signed, sign_card, sign_document
from registry.documents.models import (
    ISSUED_STATES,
    Artefact,
    ArtefactState,
    DocumentRecord,
    DocumentState,
)
from registry.errors import (
    ClaimRefusedError,
    ConflictError,
    NotFoundError,
    UnauthenticatedError,
)
from registry.outbox.checkpoints import signing_time
from registry.outbox.duty import require_compared
from registry.status.lists import StatusAllocator

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class OfferedKey:
    """A key that the wallet offers, with its proof of possession.

    Attributes:
        jwk: The public key.
        proof: Signature over ``ecert.claiming.proof_input``, base64url.
        view: The card it is for; None for the SD-JWT.
    """

    jwk: Mapping[str, Any]
    proof: str
    view: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimContent:
    """A claim as its wallet sees it.

    Attributes:
        claim: The claim.
        kind: The document's kind.
        artefacts: Its artefacts, SD-JWT first.
        receipts: Receipts of those that are anchored, by artefact id.
    """

    claim: Claim
    kind: str
    artefacts: Sequence[Artefact]
    receipts: Mapping[str, Receipt]

    @property
    def complete(self) -> bool:
        """Whether every artefact is anchored."""
        return len(self.receipts) == len(self.artefacts)

    @property
    def undelivered(self) -> bool:
        """Whether its wallet is given everything now for the first time."""
        return self.complete and self.claim.delivered_at is None


class ClaimService:
    """Makes claim codes and answers wallets.

    Args:
        session: The transaction to work in.
        context: What the process shares.
        batches: Finds receipts.
        audit: Where acts are recorded.
    """

    def __init__(
        self, session: Session, context: Context, batches: BatchService, audit: AuditTrail
    ) -> None:
        self._session = session
        self._context = context
        self._batches = batches
        self._audit = audit

    def make_code(self, actor: Actor, document_id: str) -> tuple[ClaimCode, str]:
        """Make a one-time code for a document; earlier unused codes of it end.

        Returns:
            What is kept, and the code, which is shown this once.

        Raises:
            NotFoundError: ``document_unknown``.
            ForbiddenError: The actor is no clerk of its department.
            ConflictError: ``document_state`` (not issued), ``document_not_valid``.
        """
        row = self._session.get(DocumentRecord, document_id, with_for_update=True)
        if row is None:
            raise NotFoundError("document_unknown", id=document_id[:32])
        actor.require(Role.CLERK, row.department)
        self._require_claimable(row)
        now, settings = self._context.clock(), self._context.settings
        for earlier in self._session.exec(
            select(ClaimCode).where(
                col(ClaimCode.document_id) == row.id, col(ClaimCode.used_at).is_(None)
            )
        ):
            earlier.attempts_left = 0
        code = new_code()
        kept = ClaimCode(
            document_id=row.id,
            code_hash=code_hash(code),
            officer=actor.id,
            expires_at=now + settings.claim_code_seconds,
            attempts_left=settings.claim_code_attempts,
        )
        self._session.add(kept)
        self._session.flush()
        self._audit.record(actor, "claim.code", row.id, department=row.department, code=kept.id)
        return kept, code

    def kind_of(self, code: str) -> Kind:
        """Return the kind of the document that a code is for; the code is not used up.

        Raises:
            MalformedError: ``claim_code_malformed``.
            NotFoundError: ``claim_code_unknown``, as for ``redeem``.
            ConflictError: ``document_not_valid``.
        """
        row = self._session.get(DocumentRecord, self._usable(code).document_id)
        assert row is not None  # a foreign key
        self._require_claimable(row)
        return self._context.catalogue.kind(row.kind)

    def redeem(
        self, code: str, holder: OfferedKey, cards: Sequence[OfferedKey]
    ) -> tuple[Claim, str]:
        """Use a code up: sign the document for the wallet's keys.

        A wallet that never got the answer may ask again with the same code and keys: it is told of
        the claim that it made, until that is delivered.

        Args:
            code: The code as typed.
            holder: The key of the SD-JWT.
            cards: One-time keys, each for a card of the kind; no key twice.

        Returns:
            The claim, and the secret by which the wallet asks for it, shown this once.

        Raises:
            MalformedError: ``claim_code_malformed``.
            NotFoundError: ``claim_code_unknown``: never made, used, expired or tried too often.
            ClaimRefusedError: ``claim_keys_invalid``, ``claim_proof_invalid``; the try counts.
            ConflictError: ``document_not_valid``, ``signing_key_missing``.
            UnavailableError: ``chain_not_compared``.
            ClockError: This machine's clock is plainly wrong; the try does not count.
        """
        now = signing_time(self._session, self._context)
        require_compared(self._session)
        self._lock(code)
        made = self._made_before(code, holder, cards)
        if made is not None:
            return made, self._new_secret(made)
        kept = self._usable(code)
        row = self._session.get(DocumentRecord, kept.document_id)
        assert row is not None  # a foreign key
        self._require_claimable(row)
        kind = self._context.catalogue.kind(row.kind)
        kept.attempts_left -= 1
        keys = self._checked_keys(code, kind, holder, cards)
        claim = Claim(document_id=row.id, secret_hash=b"", created_at=now)
        secret = self._new_secret(claim)
        self._session.add(claim)
        kept.used_at = now
        self._session.flush()
        self._sign(row, kind, keys, claim.id, now)
        self._audit.record(
            None,
            "claim.redeem",
            row.id,
            department=row.department,
            claim=claim.id,
            artefacts=len(keys),
        )
        return claim, secret

    def content(self, claim_id: str, secret: str) -> ClaimContent:
        """Return a claim's artefacts, with receipts once anchored.

        Raises:
            UnauthenticatedError: ``claim_secret_invalid``, also when there is no such claim.
        """
        claim = self._session.get(Claim, claim_id)
        expected = bytes(32) if claim is None else claim.secret_hash
        if not hmac.compare_digest(_hash(secret), expected) or claim is None:
            raise UnauthenticatedError("claim_secret_invalid")
        row = self._session.get(DocumentRecord, claim.document_id)
        assert row is not None  # a foreign key
        statement = (
            select(Artefact)
            .where(
                col(Artefact.document_id) == claim.document_id,
                col(Artefact.claim_id) == claim.id,
                col(Artefact.state) != ArtefactState.SUPERSEDED,
            )
            .order_by(col(Artefact.view).is_not(None), col(Artefact.id))
        )
        artefacts = self._session.exec(statement).all()
        return ClaimContent(claim, row.kind, artefacts, self._batches.receipts(artefacts))

    def deliver(self, claim_id: str) -> None:
        """Write down that a claim's wallet has been given everything."""
        claim = self._session.get(Claim, claim_id)
        assert claim is not None  # its content was given
        row = self._session.get(DocumentRecord, claim.document_id, with_for_update=True)
        assert row is not None  # a foreign key
        self._session.refresh(claim, with_for_update=True)
        if claim.delivered_at is not None:
            return
        claim.delivered_at = self._context.clock()
        if row.state == DocumentState.ANCHORED:
            row.state = DocumentState.DELIVERED
            row.updated_at = claim.delivered_at

    def _made_before(
        self, code: str, holder: OfferedKey, cards: Sequence[OfferedKey]
    ) -> Claim | None:
        """Return the undelivered claim that was made with this code for exactly these keys."""
        kept = self._kept(code)
        if kept is None or kept.used_at is None or self._context.clock() >= kept.expires_at:
            return None
        row = self._session.get(DocumentRecord, kept.document_id)
        assert row is not None  # a foreign key
        try:
            keys = self._checked_keys(code, self._context.catalogue.kind(row.kind), holder, cards)
        except ClaimRefusedError:
            return None
        offered = {(view, key.kid) for view, key in keys}
        statement = select(Claim).where(
            col(Claim.document_id) == row.id, col(Claim.delivered_at).is_(None)
        )
        for claim in self._session.exec(statement):
            artefacts = select(Artefact.view, Artefact.holder_kid).where(
                col(Artefact.document_id) == row.id, col(Artefact.claim_id) == claim.id
            )
            if set(self._session.exec(artefacts)) == offered:
                return claim
        return None

    @staticmethod
    def _new_secret(claim: Claim) -> str:
        """Give a claim a secret, which ends the one before; it is kept as a hash only."""
        secret = b64url_encode(secrets.token_bytes(_SECRET_BYTES))
        claim.secret_hash = _hash(secret)
        return secret

    def _lock(self, code: str) -> None:
        """Lock what a code is for, then the code: whoever makes a new one does it in this order."""
        kept = self._kept(code)
        if kept is not None:
            self._session.get(DocumentRecord, kept.document_id, with_for_update=True)
            self._session.refresh(kept, with_for_update=True)

    def _kept(self, code: str) -> ClaimCode | None:
        statement = select(ClaimCode).where(col(ClaimCode.code_hash) == code_hash(code))
        return self._session.exec(statement).first()

    def _usable(self, code: str) -> ClaimCode:
        kept = self._kept(code)
        if (
            kept is None
            or kept.used_at is not None
            or kept.attempts_left <= 0
            or self._context.clock() >= kept.expires_at
        ):
            raise NotFoundError("claim_code_unknown")
        return kept

    def _require_claimable(self, row: DocumentRecord) -> None:
        if row.state not in ISSUED_STATES:
            raise ConflictError("document_state", id=row.id, state=row.state.value)
        expired = row.valid_until is not None and row.valid_until <= self._context.clock()
        if row.status or expired:
            raise ConflictError("document_not_valid", id=row.id)

    def _checked_keys(
        self, code: str, kind: Kind, holder: OfferedKey, cards: Sequence[OfferedKey]
    ) -> list[tuple[str | None, PublicKey]]:
        """Check every offered key and its proof; return view and key of each."""
        if holder.view is not None or len(cards) > MAX_CARD_KEYS:
            raise ClaimRefusedError("claim_keys_invalid")
        signed = proof_input(code, self._context.settings.origin)
        views = {card.view for card in kind.cards}
        keys: list[tuple[str | None, PublicKey]] = []
        for offered in (holder, *cards):
            if offered is not holder and offered.view not in views:
                raise ClaimRefusedError("claim_keys_invalid")
            try:
                key = PublicKey.from_jwk(offered.jwk)
                signature = b64url_decode(offered.proof[:100], where="proof")
                key.verify(signature, signed, alg=key.suite.jose, where="proof")
            except SignatureInvalidError as error:
                raise ClaimRefusedError("claim_proof_invalid") from error
            except EcertError as error:
                raise ClaimRefusedError("claim_keys_invalid") from error
            keys.append((offered.view, key))
        if len({key.kid for _, key in keys}) != len(keys):
            # Two cards under one key could be linked.
            raise ClaimRefusedError("claim_keys_invalid")
        return keys

    def _sign(
        self,
        row: DocumentRecord,
        kind: Kind,
        keys: Sequence[tuple[str | None, PublicKey]],
        claim_id: str,
        now: int,
    ) -> None:
        service = KeyService(self._session, self._context.keystore)
        signer = service.signer(service.issuing_key(row.department))
        issue = Issue(
            self._context.settings.origin, row.department, kind, row.claims, row.valid_until
        )
        entries = StatusAllocator(self._session).take(row.department, len(keys))
        signed: list[tuple[str, Signed]] = []
        for (view, key), entry in zip(keys, entries, strict=True):
            made = (
                sign_document(issue, signer, status=entry, now=now, holder=key)
                if view is None
                else sign_card(issue, signer, view, status=entry, now=now, holder=key)
            )
            signed.append((row.id, made))
        keep(self._session, row.department, signed, claim_id=claim_id)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(b"ecert/claim-secret/1\0" + secret.encode("utf-8")).digest()
