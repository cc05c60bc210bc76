"""The holder's side: keep documents, choose what to show, prove to be their holder."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from ecert import card as cards
from ecert import sd_jwt
from ecert.artefact import Expectation
from ecert.document import DocumentFile
from ecert.errors import HolderBindingError, MalformedError
from ecert.kinds.catalogue import Catalogue
from ecert.report import Report, Verdict
from ecert.verification import Verifier
from wallet.claims import ClaimedArtefact, PendingClaim, claim, fetch
from wallet.errors import NotInWalletError, NotVerifiedError
from wallet.model import HeldCard, HeldDocument, Shown
from wallet.vault import Vault

_DOCUMENT, _CLAIM = "document", "claim"
_OWN = Expectation(waived=True)


class Wallet:
    """A wallet over an open vault.

    Args:
        vault: Where everything is kept.
        catalogue: The kinds it can show.
        verifier: Checks documents before they are kept; None for a wallet that only shows.
    """

    def __init__(self, vault: Vault, catalogue: Catalogue, verifier: Verifier | None) -> None:
        self._vault = vault
        self._catalogue = catalogue
        self._verifier = verifier

    def documents(self) -> dict[str, HeldDocument]:
        """Return the documents by id."""
        return {
            entry_id: HeldDocument.from_json(value)
            for entry_id, value in self._vault.all(_DOCUMENT).items()
        }

    def document(self, entry_id: str) -> tuple[str, HeldDocument]:
        """Return a document and its whole id, given the beginning of one.

        Raises:
            NotInWalletError: ``document_not_found``, ``document_id_ambiguous``.
        """
        found = [(i, d) for i, d in self.documents().items() if i.startswith(entry_id)]
        if not entry_id or not found:
            raise NotInWalletError("document_not_found", id=entry_id[:16])
        if len(found) > 1:
            raise NotInWalletError("document_id_ambiguous", id=entry_id[:16], count=len(found))
        return found[0]

    def add_file(self, data: bytes, *, now: datetime) -> str:
        """Verify and keep a document file, such as a department hands out on paper's behalf.

        Returns:
            Its id.

        Raises:
            MalformedError: It is no document file, or has no receipt.
            NotVerifiedError: ``document_not_verified``.
        """
        file = DocumentFile.from_bytes(data)
        if file.receipt is None:
            raise MalformedError("document_without_receipt")
        report = self._verified(data, now)
        subject = report.subject
        assert subject is not None  # it was verified
        held = HeldDocument(
            kind=subject.kind,
            department=subject.department,
            expires=subject.expires,
            sd_jwt=file.presentation,
            receipt=file.receipt,
            key=None,
            cards={},
            added_at=int(now.timestamp()),
        )
        return self._vault.put(_DOCUMENT, held.to_json())

    def claim(self, origin: str, code: str) -> str:
        """Claim a document with a one-time code; return the pending claim's id.

        Its keys are on disk before the registry's answer is used.
        """
        pending = claim(origin, code, self._catalogue)
        return self._vault.put(_CLAIM, pending.to_json())

    def collect(self, *, now: datetime) -> tuple[list[str], int]:
        """Fetch, verify and keep what pending claims have brought.

        Returns:
            The ids of new documents, and how many claims still wait.

        Raises:
            NotVerifiedError: ``document_not_verified``; that claim stays pending.
            UnavailableError: A registry cannot be reached.
        """
        new: list[str] = []
        waiting = 0
        for claim_id, value in self._vault.all(_CLAIM).items():
            pending = PendingClaim.from_json(value)
            artefacts = fetch(pending)
            if artefacts is None:
                waiting += 1
                continue
            held = self._accept(pending, artefacts, now)
            # Under the claim's own id: kept and no longer pending in one write.
            self._vault.replace(claim_id, _DOCUMENT, held.to_json())
            new.append(claim_id)
        return new, waiting

    def present(
        self, entry_id: str, disclose: Collection[str], *, audience: str, nonce: str, now: datetime
    ) -> DocumentFile:
        """Make a presentation for one verifier and remember it.

        Args:
            entry_id: The document.
            disclose: The claims to show.
            audience: Who asks.
            nonce: What they gave.
            now: The time.

        Raises:
            NotInWalletError: There is no such document.
            HolderBindingError: ``document_without_key`` for a paper document.
            EcertError: A claim that the document does not have.
        """
        entry_id, held = self.document(entry_id)
        if held.key is None:
            raise HolderBindingError("document_without_key")
        text = sd_jwt.present(
            held.sd_jwt, disclose, holder=held.key, audience=audience, nonce=nonce, now=now
        )
        self._remember(entry_id, held, audience, disclose, now)
        return DocumentFile(text, held.receipt)

    def card(self, entry_id: str, view: str, *, now: datetime, challenge: bytes = b"") -> str:
        """Return a card's text with a fresh proof, and remember that it was shown.

        Raises:
            NotInWalletError: ``card_not_found`` with the views there are.
        """
        entry_id, held = self.document(entry_id)
        if view not in held.cards:
            views = ", ".join(held.cards) or "-"
            raise NotInWalletError("card_not_found", view=view[:40], views=views)
        chosen = held.cards[view]
        text = cards.with_proof(chosen.text, holder=chosen.key, now=now, challenge=challenge)
        self._remember(entry_id, held, "", (f"card:{view}",), now)
        return text

    def check(self, entry_id: str, *, now: datetime) -> Report:
        """Verify a kept document again."""
        _, held = self.document(entry_id)
        if self._verifier is None:
            raise NotVerifiedError("verifier_missing")
        data = DocumentFile(held.sd_jwt, held.receipt).to_bytes()
        return self._verifier.verify(data, now=now, expect=_OWN)

    def remove(self, entry_id: str) -> str:
        """Delete a document with its keys; return its id."""
        entry_id, _ = self.document(entry_id)
        self._vault.remove(entry_id)
        return entry_id

    def _remember(
        self,
        entry_id: str,
        held: HeldDocument,
        to: str,
        claims: Collection[str],
        now: datetime,
    ) -> None:
        entry = Shown(int(now.timestamp()), to, tuple(claims))
        self._vault.put(_DOCUMENT, held.shown(entry).to_json(), entry_id)

    def _accept(
        self, pending: PendingClaim, artefacts: list[ClaimedArtefact], now: datetime
    ) -> HeldDocument:
        """Verify every artefact of a claim, and that each names the key offered for it."""
        by_view: dict[str, ClaimedArtefact] = {a.view: a for a in artefacts}
        document = by_view.pop("", None)
        if document is None:
            raise NotVerifiedError("claim_without_document")
        data = DocumentFile(document.text, document.receipt).to_bytes()
        report = self._verified(data, now)
        self._require_key(sd_jwt.parse(document.text).payload.get("cnf"), pending, "")
        subject = report.subject
        assert subject is not None  # it was verified
        return HeldDocument(
            kind=subject.kind,
            department=subject.department,
            expires=subject.expires,
            sd_jwt=document.text,
            receipt=document.receipt,
            key=pending.keys[""],
            cards={view: self._card(pending, view, a, now) for view, a in by_view.items()},
            added_at=int(now.timestamp()),
        )

    def _card(
        self, pending: PendingClaim, view: str, artefact: ClaimedArtefact, now: datetime
    ) -> HeldCard:
        text = cards.with_receipt(artefact.text, artefact.receipt.compact())
        holder = cards.parse(text).content.holder
        if view not in pending.keys or holder != pending.keys[view].public_key:
            raise NotVerifiedError("claim_key_other")
        self._verified(text.encode("ascii"), now)
        return HeldCard(text, pending.keys[view])

    def _require_key(self, cnf: object, pending: PendingClaim, view: str) -> None:
        expected = {"jwk": pending.keys[view].public_key.jwk}
        if not isinstance(cnf, Mapping) or dict(cnf) != expected:
            raise NotVerifiedError("claim_key_other")

    def _verified(self, data: bytes, now: datetime) -> Report:
        if self._verifier is None:
            raise NotVerifiedError("verifier_missing")
        report = self._verifier.verify(data, now=now, expect=_OWN)
        if report.verdict is not Verdict.VALID:
            raise NotVerifiedError(
                "document_not_verified",
                zh=report.headline("zh"),
                en=report.headline("en"),
            )
        return report


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
