"""A view: which claims a card of a kind shows, and the number each has in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from ecert.card.check import is_int
from ecert.card.model import CardContent, ClaimValue
from ecert.errors import ContentError

_EPOCH = date(1970, 1, 1)
_LEAST_DAY = (date.min - _EPOCH).days
_MOST_DAY = (date.max - _EPOCH).days


@dataclass(frozen=True)
class CardView:
    """One card that a kind names.

    Attributes:
        kind: The kind's number in the catalogue.
        version: The kind's version.
        number: The view's number within the kind.
        claims: Number by claim name.
        holder_key: Whether the card must name a holder's key; without one its content identifies
            the person.
        dates: Claims that are calendar dates: a card holds days since 1970-01-01 (as RFC 8943
            does under its tag 100), the claim itself is text YYYY-MM-DD.
    """

    kind: int
    version: int
    number: int
    claims: Mapping[str, int]
    holder_key: bool
    dates: frozenset[str] = field(default=frozenset())

    def to_numbers(self, claims: Mapping[str, ClaimValue]) -> dict[int, ClaimValue]:
        """Return ``claims`` by number.

        Raises:
            ContentError: ``card_claim_not_in_view`` or ``card_date_malformed``.
        """
        result: dict[int, ClaimValue] = {}
        for name, value in claims.items():
            if name not in self.claims:
                raise ContentError("card_claim_not_in_view", claim=name[:40])
            number = self.claims[name]
            result[number] = _to_days(name, value) if name in self.dates else value
        return result

    def to_names(self, content: CardContent) -> dict[str, ClaimValue]:
        """Return a card's claims by name.

        Raises:
            ContentError: ``card_view_mismatch``, ``card_holder_key_required``,
                ``card_claim_not_in_view`` or ``card_date_malformed``.
        """
        if (content.kind, content.version, content.view) != (self.kind, self.version, self.number):
            raise ContentError("card_view_mismatch")
        if self.holder_key and content.holder is None:
            raise ContentError("card_holder_key_required")
        names = {number: name for name, number in self.claims.items()}
        result: dict[str, ClaimValue] = {}
        for number, value in content.claims.items():
            if number not in names:
                raise ContentError("card_claim_not_in_view", claim=number)
            name = names[number]
            result[name] = _from_days(name, value) if name in self.dates else value
        return result


def _to_days(name: str, value: ClaimValue) -> int:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError as error:
        raise ContentError("card_date_malformed", claim=name) from error
    if day is None or day.isoformat() != value:  # fromisoformat takes 19900101 too
        raise ContentError("card_date_malformed", claim=name)
    return (day - _EPOCH).days


def _from_days(name: str, value: ClaimValue) -> str:
    if not is_int(value, _LEAST_DAY, _MOST_DAY):
        raise ContentError("card_date_malformed", claim=name)
    return (_EPOCH + timedelta(days=value)).isoformat()
