"""Taking a document over from a registry: new keys, a claim, and its artefacts once anchored.

A claim code is good once. The keys offered with it are therefore kept (``PendingClaim``, sealed in
the vault) before the registry is told of them: whatever then breaks, the wallet can ask again with
the same code and keys, and the registry answers as it did the first time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ecert.claiming import normal_code, proof_input
from ecert.client.http import Origin
from ecert.client.registry import get_json, malformed, post_json
from ecert.encoding import b64url_encode
from ecert.errors import MalformedError, UnavailableError
from ecert.fields import Fields
from ecert.kinds.catalogue import Catalogue
from ecert.receipt import Receipt
from ecert.signing import ES256, SoftwareSigner
from wallet.errors import ClaimRefusedError

MAX_ARTEFACTS = 16
MAX_TEXT = 128 << 10

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")  # nothing that leads elsewhere in a URL
_REFUSALS = frozenset({400, 401, 403, 404, 409, 422})
"""HTTP statuses by which a registry says no for good; all others may pass."""


@dataclass(frozen=True, slots=True)
class PendingClaim:
    """A claim whose document is not here yet.

    Attributes:
        origin: The registry's origin.
        code: The one-time code, in its normal form.
        keys: The new keys by card view; under "" the document's own.
        claim_id: Its name at the registry; None until the registry has answered.
        secret: What the wallet asks for it with; None until then.
    """

    origin: str
    code: str
    keys: Mapping[str, SoftwareSigner]
    claim_id: str | None = None
    secret: str | None = None

    @property
    def answered(self) -> bool:
        """Whether the registry is known to have taken the claim."""
        return self.claim_id is not None

    def to_json(self) -> dict[str, Any]:
        """Return it for the vault."""
        return {
            "origin": self.origin,
            "code": self.code,
            "keys": {view: key.private_bytes().hex() for view, key in self.keys.items()},
            "claim_id": self.claim_id,
            "secret": self.secret,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PendingClaim":
        """Read it from the vault."""
        keys = {view: load_key(secret) for view, secret in value["keys"].items()}
        return cls(value["origin"], value["code"], keys, value["claim_id"], value["secret"])


@dataclass(frozen=True, slots=True)
class ClaimedArtefact:
    """One artefact as the registry gave it: unverified."""

    view: str
    text: str
    receipt: Receipt


def load_key(secret: str) -> SoftwareSigner:
    """Return the holder key kept as hexadecimal."""
    return SoftwareSigner.from_private_bytes(ES256, bytes.fromhex(secret))


def prepare(origin_url: str, code: str, catalogue: Catalogue) -> PendingClaim:
    """Ask what a code is for and make the keys; the code is not used up.

    Returns:
        A key for the document and one for each of its kind's cards, to be kept before ``redeem``.

    Raises:
        MalformedError: The code or the origin is no such thing.
        ClaimRefusedError: The registry does not take the code.
        UnavailableError: The registry cannot be reached.
        KindError: The document is of a kind that this wallet does not know.
    """
    origin, code = Origin(origin_url), normal_code(code)
    kind = catalogue.kind(_post(origin, "/v1/claims/kind", {"code": code}, "kind")[0])
    views = ("", *(card.view for card in kind.cards))
    return PendingClaim(origin_url, code, {view: SoftwareSigner.generate() for view in views})


def redeem(pending: PendingClaim) -> PendingClaim:
    """Use the code up; return the claim as the registry took it.

    Asked again with the same code and keys, the registry answers for the claim that it made.

    Raises:
        ClaimRefusedError: The registry does not take it: nothing was made for these keys.
        UnavailableError: There was no answer, and the registry may have taken it or not.
    """
    signed = proof_input(pending.code, pending.origin)
    offers = {view: _offer(key, signed) for view, key in pending.keys.items()}
    body = {
        "code": pending.code,
        "holder": offers.pop(""),
        "cards": [{"view": view, **offer} for view, offer in offers.items()],
    }
    claim_id, secret = _post(Origin(pending.origin), "/v1/claims", body, "id", "secret")
    return replace(pending, claim_id=claim_id, secret=secret)


def fetch(pending: PendingClaim) -> list[ClaimedArtefact] | None:
    """Return the claim's artefacts with their receipts, or None while they are being anchored.

    Raises:
        ClaimRefusedError: The registry knows no such claim, or not with this secret.
        UnavailableError: The registry cannot be reached.
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
    except UnavailableError as error:
        _raise_refusal(error)
        raise


def _post(origin: Origin, path: str, body: dict[str, Any], *names: str) -> list[str]:
    """Send ``body`` and return members of the answer, fit for a path and a header."""
    try:
        answer = post_json(origin, path, body)
        found = [answer.text(name) for name in names]
        for name, text in zip(names, found, strict=True):
            if _PLAIN.match(text) is None:
                raise answer.fail(name)
    except MalformedError as error:
        raise malformed(origin, error.code) from error
    except UnavailableError as error:
        _raise_refusal(error)
        raise
    return found


def _raise_refusal(error: UnavailableError) -> None:
    """Tell a registry's own refusal from an answer that may be another next time."""
    details = error.details
    if details.get("status") in _REFUSALS and details.get("reason"):
        raise ClaimRefusedError("claim_refused", **details) from error


def _artefact(fields: Fields) -> ClaimedArtefact:
    view = fields.text("view") if fields.raw("view") is not None else ""
    text = fields.text("text", max_chars=MAX_TEXT)
    return ClaimedArtefact(view, text, Receipt.from_json(fields.raw("receipt")))


def _offer(key: SoftwareSigner, signed: bytes) -> dict[str, Any]:
    return {"jwk": key.public_key.jwk, "proof": b64url_encode(key.sign(signed))}
