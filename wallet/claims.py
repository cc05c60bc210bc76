"""Taking a document over from a registry: new keys, a claim, and its artefacts once anchored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecert.claiming import proof_input
from ecert.client.http import Origin
from ecert.client.registry import get_json, malformed, post_json
from ecert.encoding import b64url_encode
from ecert.errors import MalformedError
from ecert.fields import Fields
from ecert.kinds.catalogue import Catalogue
from ecert.receipt import Receipt
from ecert.signing import ES256, SoftwareSigner

MAX_ARTEFACTS = 16
MAX_TEXT = 128 << 10


@dataclass(frozen=True, slots=True)
class PendingClaim:
    """A claim that was made; its document comes when it is anchored.

    Attributes:
        origin: The registry's origin.
        claim_id: Its name there.
        secret: What the wallet asks for it with.
        keys: The new keys by card view; under "" the document's own.
    """

    origin: str
    claim_id: str
    secret: str
    keys: Mapping[str, SoftwareSigner]

    def to_json(self) -> dict[str, Any]:
        """Return it for the vault."""
        return {
            "origin": self.origin,
            "claim_id": self.claim_id,
            "secret": self.secret,
            "keys": {view: key.private_bytes().hex() for view, key in self.keys.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PendingClaim":
        """Read it from the vault."""
        keys = {view: load_key(secret) for view, secret in value["keys"].items()}
        return cls(value["origin"], value["claim_id"], value["secret"], keys)


@dataclass(frozen=True, slots=True)
class ClaimedArtefact:
    """One artefact as the registry gave it: unverified."""

    view: str
    text: str
    receipt: Receipt


def load_key(secret: str) -> SoftwareSigner:
    """Return the holder key kept as hexadecimal."""
    return SoftwareSigner.from_private_bytes(ES256, bytes.fromhex(secret))


def claim(origin_url: str, code: str, catalogue: Catalogue) -> PendingClaim:
    """Claim a document with a one-time code: a key for it and one for each of its kind's cards.

    Raises:
        MalformedError: The code or the origin is no such thing.
        UnavailableError: The registry cannot be reached, or refuses.
        KindError: The document is of a kind that this wallet does not know.
    """
    origin = Origin(origin_url)
    signed = proof_input(code, origin_url)
    try:
        kind = catalogue.kind(post_json(origin, "/v1/claims/kind", {"code": code}).text("kind"))
        keys = {"": SoftwareSigner.generate()}
        keys |= {card.view: SoftwareSigner.generate() for card in kind.cards}
        cards = [{"view": view, **_offer(key, signed)} for view, key in keys.items() if view]
        answer = post_json(
            origin,
            "/v1/claims",
            {"code": code, "holder": _offer(keys[""], signed), "cards": cards},
        )
        return PendingClaim(origin_url, answer.text("id"), answer.text("secret"), keys)
    except MalformedError as error:
        raise malformed(origin, error.code) from error


def fetch(pending: PendingClaim) -> list[ClaimedArtefact] | None:
    """Return the claim's artefacts with their receipts, or None while they are being anchored.

    Raises:
        UnavailableError: The registry cannot be reached, or refuses.
    """
    origin = Origin(pending.origin)
    try:
        answer = get_json(origin, f"/v1/claims/{pending.claim_id}", token=pending.secret)
        if answer.raw("complete") is not True:
            return None
        return [
            _artefact(Fields(item, "artefacts"))
            for item in answer.items("artefacts", limit=MAX_ARTEFACTS)
        ]
    except MalformedError as error:
        raise malformed(origin, error.code) from error


def _artefact(fields: Fields) -> ClaimedArtefact:
    view = fields.text("view") if fields.raw("view") is not None else ""
    text = fields.text("text", max_chars=MAX_TEXT)
    return ClaimedArtefact(view, text, Receipt.from_json(fields.raw("receipt")))


def _offer(key: SoftwareSigner, signed: bytes) -> dict[str, Any]:
    return {"jwk": key.public_key.jwk, "proof": b64url_encode(key.sign(signed))}
