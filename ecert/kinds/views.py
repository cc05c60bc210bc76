"""Cards: the few views of a kind that fit a QR code."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecert.errors import ContentError, Language
from ecert.kinds.validity import age_on, parse_date


@dataclass(frozen=True, slots=True)
class Derivation:
    """A yes-or-no claim worked out from another claim at issue."""

    name: str
    names: Mapping[Language, str]
    source: str
    age_at_least: int | None = None
    one_of: frozenset[str] = frozenset()

    def value(self, claims: Mapping[str, Any], on: dt.date) -> bool:
        """Work the claim out as of a day.

        Raises:
            ContentError: ``claim_missing``, ``claim_date_impossible``.
        """
        if self.source not in claims:
            raise ContentError("claim_missing", claim=self.source, label=self.source)
        if self.age_at_least is None:
            return claims[self.source] in self.one_of
        return age_on(parse_date(claims[self.source], self.source), on) >= self.age_at_least


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a kind: which claims it carries, and the integers that stand for them."""

    view: str
    number: int
    names: Mapping[Language, str]
    holder_key: bool
    """Whether it is bound to a holder's key; a card without one identifies its subject."""
    keys: Mapping[str, int]
    derived: Mapping[str, Derivation]

    def select(self, claims: Mapping[str, Any], on: dt.date) -> dict[str, Any]:
        """Return the claims that the card shows, derived ones worked out as of ``on``.

        A claim that the certificate lacks is left out; what a derived one needs must be there.

        Raises:
            ContentError: ``claim_missing``, ``claim_date_impossible`` for a derived claim.
        """
        shown: dict[str, Any] = {}
        for name in self.keys:
            if name in self.derived:
                shown[name] = self.derived[name].value(claims, on)
            elif name in claims:
                shown[name] = claims[name]
        return shown
