"""A real document of a made-up person, signed as the registry signs it."""

import time
from datetime import UTC, datetime

from ecert import card, sd_jwt
from ecert.kinds.catalogue import Catalogue
from ecert.signing import SoftwareSigner
from registry.clock import day_in_china
from registry.documents.issuing import Issue, sign_card, sign_document
from samples.make_samples import DEFAULT_SEED, Samples

ORIGIN = "https://registry.example"
DEPARTMENT = "11430000006122244L"
KIND = "resident-id"
AUDIENCE, NONCE = "https://verifier.example", "n-0S6_WzA2Mj"
CARD = "over18"
STATUS_LIST = 1


class Document:
    """A resident ID in its wallet forms.

    Attributes:
        now: When it is issued and shown.
        issuer: The department's key.
        holder: The holder's key.
    """

    def __init__(self) -> None:
        moment = int(time.time())
        self.now = datetime.fromtimestamp(moment, UTC)
        self.issuer, self.holder = SoftwareSigner.generate(), SoftwareSigner.generate()
        kind = Catalogue.load().kind(KIND)
        today = day_in_china(moment)
        claims = Samples(DEFAULT_SEED, today).resident_id(0)
        self._whole = kind.with_identifier(claims, issuer=DEPARTMENT, serial=f"{today.year}0001")
        kind.validate(self._whole)
        end = kind.validity_end(today, self._whole)
        until = None if end is None else int(end.timestamp())
        self._issue = Issue(ORIGIN, DEPARTMENT, kind, self._whole, until)

    def sd_jwt(self) -> str:
        """Sign the document's SD-JWT."""
        return sign_document(
            self._issue,
            self.issuer,
            status=(STATUS_LIST, 70_000),
            now=int(self.now.timestamp()),
            holder=self.holder.public_key,
        ).text

    def presentation(self, text: str) -> str:
        """Show all of the document to the verifier."""
        return sd_jwt.present(
            text,
            list(self._whole),
            holder=self.holder,
            audience=AUDIENCE,
            nonce=NONCE,
            now=self.now,
        )

    def card(self) -> card.UnverifiedCard:
        """Sign and read the card that says "over 18"."""
        return card.parse(self.card_text())

    def card_text(self) -> str:
        """Sign the card that says "over 18"."""
        return sign_card(
            self._issue,
            self.issuer,
            CARD,
            status=(STATUS_LIST, 70_001),
            now=int(self.now.timestamp()),
            holder=self.holder.public_key,
        ).text
