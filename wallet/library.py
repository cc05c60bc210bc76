"""The holder's side: keep documents, choose what to show, prove to be their holder."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from ecert import card as cards
from ecert import limits, sd_jwt
from ecert.claiming import normal_code
from ecert.document import DocumentFile
from ecert.errors import (
    DisclosureError,
    EcertError,
    HolderBindingError,
    KeystoreError,
    MalformedError,
    UnavailableError,
)
from ecert.kinds.catalogue import Catalogue
from ecert.report import Report
from ecert.verification import Verifier
from wallet.claims import PendingClaim, fetch, prepare, redeem
from wallet.errors import ClaimRefusedError, NotInWalletError
from wallet.intake import Intake
from wallet.model import HeldDocument, Shown
from wallet.vault import Vault

MAX_AUDIENCE_CHARS = 500
MAX_NONCE_CHARS = 500

_DOCUMENT, _CLAIM = "document", "claim"


@dataclass(frozen=True, slots=True)
class Collected:
    """What asking for pending claims brought.

    Attributes:
        new: Ids of documents that are now kept.
        waiting: Ids of claims that are still being anchored.
        failed: Why other claims brought nothing, by id; they stay, but for refused ones.
    """

    new: tuple[str, ...]
    waiting: tuple[str, ...]
    failed: Mapping[str, EcertError]


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
        self._intake = Intake(verifier)

    def close(self) -> None:
        """Close the vault."""
        self._vault.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def documents(self) -> dict[str, HeldDocument]:
        """Return the documents by id.

        Raises:
            KeystoreError: ``sealed_key_invalid`` naming an entry that is damaged.
        """
        return {entry_id: _held(value) for entry_id, value in self._vault.all(_DOCUMENT).items()}

    def pending(self) -> dict[str, PendingClaim]:
        """Return the claims whose documents are not here yet, by id."""
        return {entry_id: _claim(value) for entry_id, value in self._vault.all(_CLAIM).items()}

    def document(self, entry_id: str) -> tuple[str, HeldDocument]:
        """Return a document and its whole id, given the beginning of one.

        Raises:
            NotInWalletError: ``document_not_found``, ``document_id_ambiguous``.
        """
        found = self._find(entry_id, _DOCUMENT)
        value = self._vault.get(_DOCUMENT, found)
        if value is None:
            raise NotInWalletError("document_not_found", id=found)
        return found, _held(value)

    def add_file(self, data: bytes, *, now: datetime) -> str:
        """Verify and keep a document file, such as a department hands out beside the paper.

        Returns:
            Its id; that of the same document if it is here already.

        Raises:
            MalformedError: It is no document file, or has no receipt.
            NotVerifiedError: ``document_not_verified``, ``document_of_other_holder``.
            UnavailableError: ``document_undecided``.
        """
        held = self._intake.from_file(data, now)
        for entry_id, other in self.documents().items():
            if other.key is None and other.sd_jwt == held.sd_jwt:
                return entry_id
        return self._vault.put(_DOCUMENT, held.to_json())

    def claim(self, origin: str, code: str) -> str:
        """Claim a document with a one-time code; return the pending claim's id.

        The keys are on disk before the registry is told of them, so that nothing is lost whatever
        happens in between: the same code continues the same claim.

        Raises:
            MalformedError: The code or the origin is no such thing.
            ClaimRefusedError: ``claim_refused``; nothing is pending then.
            UnavailableError: The registry cannot be reached; ``claim_unanswered`` if it may have
                taken the claim: ``collect`` asks again.
            KindError: The document is of a kind that this wallet does not know.
        """
        normal = normal_code(code)
        for earlier_id, earlier in self.pending().items():
            if (earlier.origin, earlier.code) == (origin, normal):
                entry_id, pending = earlier_id, earlier
                break
        else:
            pending = prepare(origin, normal, self._catalogue)
            entry_id = self._vault.put(_CLAIM, pending.to_json())
        if not pending.answered:
            self._redeem(entry_id, pending)
        return entry_id

    def collect(self, *, now: datetime) -> Collected:
        """Fetch, verify and keep what pending claims have brought, each for itself."""
        new: list[str] = []
        waiting: list[str] = []
        failed: dict[str, EcertError] = {}
        for entry_id, pending in self.pending().items():
            try:
                kept = self._collect(entry_id, pending, now)
            except EcertError as error:
                failed[entry_id] = error
            else:
                (new if kept else waiting).append(entry_id)
        return Collected(tuple(new), tuple(waiting), failed)

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
            NotInWalletError: There is no such document; ``claim_not_found`` with those there are.
            HolderBindingError: ``document_without_key`` for a paper document.
            MalformedError: ``argument_length`` for audience or nonce.
        """
        entry_id, held = self.document(entry_id)
        if held.key is None:
            raise HolderBindingError("document_without_key")
        _check_length("audience", audience, MAX_AUDIENCE_CHARS)
        _check_length("nonce", nonce, MAX_NONCE_CHARS)
        try:
            text = sd_jwt.present(
                held.sd_jwt, disclose, holder=held.key, audience=audience, nonce=nonce, now=now
            )
        except DisclosureError as error:
            raise _no_such_claim(error, held) from error
        self._remember(entry_id, audience, disclose, now)
        return DocumentFile(text, held.receipt)

    def face(self, entry_id: str) -> list[str]:
        """Return the claims of a document that its paper form shows.

        Raises:
            NotInWalletError: There is no such document.
            KindError: It is of no known kind.
        """
        _, held = self.document(entry_id)
        claims = held.claims()
        return [name for name in self._catalogue.kind(held.kind).face if name in claims]

    def disclosed(self, entry_id: str, disclose: Collection[str]) -> DocumentFile:
        """Return a document with chosen claims and no proof of the holder, for evidence.

        Raises:
            NotInWalletError: There is no such document; ``claim_not_found`` with those there are.
        """
        _, held = self.document(entry_id)
        try:
            text = sd_jwt.disclose(held.sd_jwt, disclose)
        except DisclosureError as error:
            raise _no_such_claim(error, held) from error
        return DocumentFile(text, held.receipt)

    def card(self, entry_id: str, view: str, *, now: datetime, challenge: bytes = b"") -> str:
        """Return a card's text with a fresh proof, and remember that it was shown.

        Raises:
            NotInWalletError: ``card_not_found`` with the views there are.
            MalformedError: ``challenge_too_long``.
        """
        entry_id, held = self.document(entry_id)
        if view not in held.cards:
            views = ", ".join(held.cards) or "-"
            raise NotInWalletError("card_not_found", view=view[:40], views=views)
        if len(challenge) > limits.MAX_CARD_CHALLENGE_BYTES:
            limit = limits.MAX_CARD_CHALLENGE_BYTES
            raise MalformedError("challenge_too_long", size=len(challenge), limit=limit)
        chosen = held.cards[view]
        text = cards.with_proof(chosen.text, holder=chosen.key, now=now, challenge=challenge)
        self._remember(entry_id, "", (f"card:{view}",), now)
        return text

    def check(self, entry_id: str, *, now: datetime) -> Report:
        """Verify a kept document again.

        Raises:
            NotVerifiedError: ``verifier_missing``.
        """
        _, held = self.document(entry_id)
        return self._intake.report(DocumentFile(held.sd_jwt, held.receipt).to_bytes(), now)

    def remove(self, entry_id: str) -> str:
        """Delete a document, or a pending claim, with its keys; return its id.

        Raises:
            NotInWalletError: ``document_not_found``, ``document_id_ambiguous``.
        """
        found = self._find(entry_id, _DOCUMENT, _CLAIM)
        self._vault.remove(found)
        return found

    def _find(self, beginning: str, *sorts: str) -> str:
        """Return the one id that begins so; entries are not opened, some may be damaged."""
        ids = [i for sort in sorts for i in self._vault.ids(sort) if i.startswith(beginning)]
        if not beginning or not ids:
            raise NotInWalletError("document_not_found", id=beginning[:16])
        if len(ids) > 1:
            raise NotInWalletError("document_id_ambiguous", id=beginning[:16], count=len(ids))
        return ids[0]

    def _redeem(self, entry_id: str, pending: PendingClaim) -> PendingClaim:
        try:
            taken = redeem(pending)
        except ClaimRefusedError:
            self._vault.remove(entry_id)  # nothing was signed for these keys
            raise
        except UnavailableError as error:
            zh, en = error.message("zh"), error.message("en")
            raise UnavailableError("claim_unanswered", id=entry_id, zh=zh, en=en) from error
        self._vault.change(entry_id, _CLAIM, lambda _: taken.to_json())
        return taken

    def _collect(self, entry_id: str, pending: PendingClaim, now: datetime) -> bool:
        """Return whether a claim's document came and is kept."""
        if not pending.answered:
            pending = self._redeem(entry_id, pending)
        try:
            artefacts = fetch(pending)
        except ClaimRefusedError as error:
            if error.details.get("reason") != "claim_secret_invalid":
                raise
            # Another process of this wallet asked again and was given another secret.
            artefacts = fetch(self._redeem(entry_id, pending))
        if artefacts is None:
            return False
        held = self._intake.from_claim(pending, artefacts, now)
        # Under the claim's own id: kept and no longer pending in one write.
        return self._vault.change(entry_id, _CLAIM, lambda _: held.to_json(), to=_DOCUMENT)

    def _remember(self, entry_id: str, to: str, claims: Collection[str], now: datetime) -> None:
        entry = Shown(int(now.timestamp()), to, tuple(claims))
        self._vault.change(entry_id, _DOCUMENT, lambda value: _held(value).shown(entry).to_json())


def _held(value: Mapping[str, Any]) -> HeldDocument:
    try:
        return HeldDocument.from_json(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KeystoreError("wallet_entry_other_version") from error


def _claim(value: Mapping[str, Any]) -> PendingClaim:
    try:
        return PendingClaim.from_json(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KeystoreError("wallet_entry_other_version") from error


def _no_such_claim(error: DisclosureError, held: HeldDocument) -> EcertError:
    """Return the error that says which claims there are; other errors as they are."""
    if error.code != "disclosure_unknown":
        return error
    names = ", ".join(held.claims())
    return NotInWalletError("claim_not_found", name=str(error.details["name"]), names=names)


def _check_length(name: str, text: str, limit: int) -> None:
    if not 0 < len(text) <= limit:
        raise MalformedError("argument_length", name=name, size=len(text), limit=limit)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
