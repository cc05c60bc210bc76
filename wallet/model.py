"""What a wallet keeps of a document."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ecert import sd_jwt
from ecert.artefact import PROFILE
from ecert.receipt import Receipt
from ecert.sd_jwt.revealing import reveal
from ecert.signing import SoftwareSigner
from wallet.claims import load_key

MAX_HISTORY = 1_000
"""Showings of one document that are remembered."""


@dataclass(frozen=True, slots=True)
class HeldCard:
    """A card with its receipt inside and its one-time key."""

    text: str
    key: SoftwareSigner


@dataclass(frozen=True, slots=True)
class Shown:
    """One showing, for the holder's own history.

    Attributes:
        at: Unix seconds.
        to: The audience; "" for a card, which is shown to whoever scans it.
        claims: What was disclosed.
    """

    at: int
    to: str
    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A document that was verified before it was kept.

    Attributes:
        kind: Its kind's code.
        department: The issuing department's code.
        expires: Unix seconds; None when permanent.
        sd_jwt: The whole SD-JWT.
        receipt: Its receipt.
        key: The holder's key; None for a paper document.
        cards: Its cards by view.
        added_at: Unix seconds.
        history: Who saw what.
    """

    kind: str
    department: str
    expires: int | None
    sd_jwt: str
    receipt: Receipt
    key: SoftwareSigner | None
    cards: Mapping[str, HeldCard]
    added_at: int
    history: tuple[Shown, ...] = field(default=())

    def shown(self, entry: Shown) -> "HeldDocument":
        """Return the same with one more entry in its history; the oldest go when it is full."""
        return replace(self, history=(*self.history, entry)[-MAX_HISTORY:])

    def claims(self) -> dict[str, Any]:
        """Return all that can be disclosed; its signature was checked before it was kept."""
        claims = reveal(sd_jwt.parse(self.sd_jwt))
        return {name: value for name, value in claims.items() if name not in PROFILE}

    def to_json(self) -> dict[str, Any]:
        """Return it for the vault."""
        return {
            "kind": self.kind,
            "department": self.department,
            "expires": self.expires,
            "sd_jwt": self.sd_jwt,
            "receipt": self.receipt.to_json(),
            "key": self.key.private_bytes().hex() if self.key else None,
            "cards": {
                view: {"text": card.text, "key": card.key.private_bytes().hex()}
                for view, card in self.cards.items()
            },
            "added_at": self.added_at,
            "history": [[s.at, s.to, list(s.claims)] for s in self.history],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "HeldDocument":
        """Read it from the vault."""
        return cls(
            kind=value["kind"],
            department=value["department"],
            expires=value["expires"],
            sd_jwt=value["sd_jwt"],
            receipt=Receipt.from_json(value["receipt"]),
            key=load_key(value["key"]) if value["key"] else None,
            cards={
                view: HeldCard(card["text"], load_key(card["key"]))
                for view, card in value["cards"].items()
            },
            added_at=value["added_at"],
            history=tuple(Shown(at, to, tuple(names)) for at, to, names in value["history"]),
        )
