"""Signed artefacts of either form, read for verification: SD-JWT documents and cards.

Reading is step 0. What is read here is *unverified*: only ``ecert.verification`` says what of it
may be believed.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from ecert import card as cards
from ecert import limits, sd_jwt
from ecert.card.holder import ReplayCache
from ecert.card.view import CardView
from ecert.document import DocumentFile
from ecert.encoding import b64url_decode, code_bytes, utf8_decode
from ecert.errors import MalformedError, SignatureInvalidError
from ecert.facts import StatusReference
from ecert.fields import MAX_TIME, Fields
from ecert.kinds.catalogue import Catalogue
from ecert.kinds.kind import Kind
from ecert.kinds.views import Card
from ecert.receipt import CompactReceipt, Receipt
from ecert.signing import PublicKey
from ecert.status import uri_of

PROFILE = ("iss", "dept", "vct", "iat", "nbf", "exp", "cnf", "status", "jti")
"""Claims that are never selectively disclosed; all others are the kind's own."""

MIN_JTI_BYTES = 16

_JWT = re.compile(r"[0-9A-Za-z_-]+\.")

MAX_INPUT_BYTES = max(limits.MAX_DOCUMENT_FILE_BYTES, limits.MAX_SD_JWT_BYTES)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What this verifier asked of the holder.

    Attributes:
        audience: The ``aud`` that a key binding must name; None when the verifier named none.
        nonce: The ``nonce`` it must carry.
        challenge: The bytes a card's proof must carry, where the verifier showed a challenge.
        required: Refuse what no holder has proven, whatever the content identifies.
        waived: Do not check the holder at all: for the holder's own wallet.
    """

    audience: str | None = None
    nonce: str | None = None
    challenge: bytes | None = None
    required: bool = False
    waived: bool = False

    @property
    def names_audience(self) -> bool:
        """Whether there is all to compare a key binding with."""
        return self.audience is not None and self.nonce is not None

    def challenges(self, form: str) -> bool:
        """Whether an artefact of ``form`` had something of this verifier's own to answer."""
        return bool(self.challenge) if form == CardArtefact.form else self.names_audience


@dataclass
class Artefact(ABC):
    """One signed artefact, unverified.

    Attributes:
        kind: Its kind, from the catalogue.
        department: The issuing department's code.
        kid: Thumbprint of the issuer's key, 32 bytes.
        digest: SHA-256 over the signed bytes.
        issued_at: Unix seconds.
        not_before: Unix seconds.
        expires: Unix seconds; None when permanent.
        status: Its own place in a status list.
        receipt: The receipt that came with it.
        holder: The holder's key that it names.
        view: A card's view; None for an SD-JWT.
    """

    kind: Kind
    department: str
    kid: bytes
    digest: bytes
    issued_at: int
    not_before: int
    expires: int | None
    status: StatusReference
    receipt: Receipt | CompactReceipt | None
    holder: PublicKey | None
    view: str | None

    form: ClassVar[str]

    @property
    @abstractmethod
    def has_proof(self) -> bool:
        """Whether a holder's proof came with it."""

    @abstractmethod
    def verify_issuer(self, key: PublicKey) -> None:
        """Check the issuer's signature over all that is shown (step 1)."""

    @abstractmethod
    def verify_holder(self, expect: Expectation, now: datetime, replay: ReplayCache) -> bool:
        """Check the holder's proof (step 8).

        Returns:
            Whether it was made for this verifier.
        """

    @abstractmethod
    def content(self) -> Mapping[str, Any]:
        """Return what is disclosed, by claim name, checked against the kind (step 9).

        To be called only after ``verify_issuer``.

        Raises:
            ContentError: It does not fit the kind, or the card's view.
        """


def read(data: bytes | str, catalogue: Catalogue) -> Artefact:
    """Read a document file, an SD-JWT or a card (step 0).

    Raises:
        MalformedError: What it is cannot be told, or its form is wrong.
        KindError: The catalogue does not know its kind.
    """
    if len(data) > MAX_INPUT_BYTES:
        raise MalformedError("too_large", where="input", size=len(data), limit=MAX_INPUT_BYTES)
    text = data if isinstance(data, str) else utf8_decode(data, where="input")
    text = text.strip()
    if text.startswith(cards.PREFIX):
        return _read_card(text, catalogue)
    if text.startswith("{"):
        file = DocumentFile.from_bytes(text)
        return _read_sd_jwt(file.presentation, file.receipt, catalogue)
    if "~" in text and _JWT.match(text):
        return _read_sd_jwt(text, None, catalogue)
    raise MalformedError("input_unrecognised")


@dataclass
class SdJwtArtefact(Artefact):
    """An SD-JWT VC of the profile in DESIGN section 4."""

    token: sd_jwt.UnverifiedSdJwt
    _verified: sd_jwt.VerifiedSdJwt | None = field(default=None, init=False)

    form: ClassVar[str] = "sd-jwt"

    @property
    def has_proof(self) -> bool:
        """Whether a key binding JWT came with it."""
        return self.token.key_binding is not None

    def verify_issuer(self, key: PublicKey) -> None:
        """Check the issuer's signature and that it covers every disclosure (step 1)."""
        self._verified = sd_jwt.verify_issuer(self.token, key)

    def verify_holder(self, expect: Expectation, now: datetime, replay: ReplayCache) -> bool:
        """Check the key binding; its nonce, not a replay cache, keeps it from being replayed.

        Of audience and nonce, what the verifier did not name is taken from the binding itself, at
        any age: that shows that the holder made it, but not for whom, or not when.
        """
        del replay
        binding = self.token.key_binding
        payload = binding.payload if binding else {}
        audience, nonce, compared = expect.audience, expect.nonce, expect.names_audience
        sd_jwt.verify_key_binding(
            self._require_verified(),
            audience=_text(payload.get("aud")) if audience is None else audience,
            nonce=_text(payload.get("nonce")) if nonce is None else nonce,
            now=now,
            max_age=sd_jwt.KEY_BINDING_MAX_AGE_SECONDS if compared else MAX_TIME,
            key=self.holder,
        )
        return compared

    def content(self) -> Mapping[str, Any]:
        """Return the disclosed claims, checked against the kind's schema (step 9)."""
        claims = self._require_verified().claims
        disclosed = {name: value for name, value in claims.items() if name not in PROFILE}
        self.kind.validate(disclosed, partial=True)
        return disclosed

    def _require_verified(self) -> sd_jwt.VerifiedSdJwt:
        if self._verified is None:
            raise SignatureInvalidError("signature_invalid", where="SD-JWT")
        return self._verified


@dataclass
class CardArtefact(Artefact):
    """A card."""

    card: cards.UnverifiedCard
    card_view: CardView

    form: ClassVar[str] = "card"

    @property
    def has_proof(self) -> bool:
        """Whether a holder's proof came with it."""
        return self.card.proof is not None

    def verify_issuer(self, key: PublicKey) -> None:
        """Check the issuer's signature (step 1)."""
        cards.verify_issuer(self.card, key)

    def verify_holder(self, expect: Expectation, now: datetime, replay: ReplayCache) -> bool:
        """Check the proof; fresh and once only, it is for whoever sees it now."""
        cards.verify_holder(self.card, now=now, challenge=expect.challenge, replay=replay)
        return True

    def content(self) -> Mapping[str, Any]:
        """Return the card's claims by name, checked against the catalogue's view (step 9)."""
        claims = self.card_view.to_names(self.card.content)
        self.kind.validate_card(str(self.view), claims)
        return claims


def card_view(kind: Kind, card: Card) -> CardView:
    """Return how the claims of one of a kind's cards are written as numbers."""
    dates = frozenset(
        name
        for name in card.keys
        if name not in card.derived and kind.properties[name].get("format") == "date"
    )
    # The view that is printed identifies its subject and also exists without a holder's key.
    key_required = card.holder_key and card.view != kind.paper_card
    return CardView(kind.number, kind.version, card.number, card.keys, key_required, dates)


def _read_card(text: str, catalogue: Catalogue) -> CardArtefact:
    card = cards.parse(text)
    content = card.content
    kind = catalogue.kind_of_card(content.kind, content.version)
    view = kind.card(content.view)
    return CardArtefact(
        kind=kind,
        department=content.dept,
        kid=card.kid,
        digest=card.digest,
        issued_at=content.iat,
        not_before=content.nbf,
        expires=content.exp,
        status=content.status,
        receipt=card.receipt,
        holder=content.holder,
        view=view.view,
        card=card,
        card_view=card_view(kind, view),
    )


def _read_sd_jwt(text: str, receipt: Receipt | None, catalogue: Catalogue) -> SdJwtArtefact:
    token = sd_jwt.parse(text)
    Fields(dict.fromkeys(token.header.members), "SD-JWT header").only("alg", "typ", "kid")
    payload = Fields(token.payload, "SD-JWT")
    payload.only(*PROFILE, "_sd", "_sd_alg")
    if len(b64url_decode(payload.text("jti"), where="jti")) < MIN_JTI_BYTES:
        raise payload.fail("jti")
    department = payload.text("dept", max_chars=20)
    code_bytes(department, 20, where="dept")
    kid = b64url_decode(token.header.kid or "", where="kid")
    if len(kid) != 32:
        raise payload.fail("kid")
    vct = payload.text("vct")
    kind = catalogue.kind(vct)
    if vct != kind.vct:  # a kind's bare code names no version
        raise payload.fail("vct")
    return SdJwtArtefact(
        token=token,
        kind=kind,
        department=department,
        kid=kid,
        digest=token.digest,
        issued_at=payload.integer("iat"),
        not_before=payload.integer("nbf"),
        expires=payload.integer("exp") if "exp" in payload else None,
        status=_status(payload, department),
        receipt=receipt,
        holder=_holder(payload.object("cnf")) if "cnf" in payload else None,
        view=None,
    )


def _holder(cnf: Fields) -> PublicKey:
    cnf.only("jwk")
    jwk = cnf.raw("jwk")
    if not isinstance(jwk, dict):
        raise cnf.fail("jwk")
    return PublicKey.from_jwk(jwk)


def _status(payload: Fields, department: str) -> StatusReference:
    """Read ``status.status_list`` (draft-ietf-oauth-status-list section 6.2)."""
    reference = payload.object("status").object("status_list")
    reference.only("idx", "uri")
    index = reference.integer("idx", high=limits.MAX_STATUS_INDEX)
    uri = reference.text("uri")
    number = uri.rpartition("/")[2]
    # The list is the department's own, whatever the URI's host: the chain answers, not the host.
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise MalformedError("status_reference_malformed")
    if uri != uri_of(payload.text("iss"), department, int(number)):
        raise MalformedError("status_reference_malformed")
    return StatusReference(int(number), index)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
