"""A kind of certificate: what its data file says, and what follows from it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ecert.errors import ContentError, KindError, Language
from ecert.identifiers import make_certificate_identifier
from ecert.kinds.content import ContentCheck
from ecert.kinds.validity import end_instant, last_day
from ecert.kinds.views import Card

Holder = Literal["person", "organisation", "person_or_organisation", "couple"]


@dataclass(frozen=True, slots=True)
class TypeCode:
    """A GB/T 36904 type code."""

    value: str
    sample: bool
    """The real code is not known; this one only has the right form."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The claims that say whose certificate it is."""

    name: str
    id: str
    id_type: str
    """As in GB/T 36903: 111 resident ID number, 001 unified social credit code, 099 other."""


@dataclass(frozen=True, slots=True)
class Display:
    """How a certificate is shown."""

    order: tuple[str, ...]
    title: Mapping[Language, str]


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of certificate. Made by ``ecert.kinds.Catalogue``, which checks the data."""

    code: str
    number: int
    """Names the kind in cards."""
    version: int
    names: Mapping[Language, str]
    type_code: TypeCode
    issuer_kinds: tuple[str, ...]
    """Kinds of department that may issue it."""
    holder: Holder
    subject: Subject
    issuer_adds: tuple[str, ...]
    """Required claims that the issuing service adds where a table lacks them."""
    validity: Mapping[str, Any]
    claims: Mapping[str, Any]
    """The JSON Schema of the claims."""
    sensitive: Mapping[str, tuple[str, ...]]
    """Classes of personal data by claim; a claim without an entry is not personal."""
    columns: Mapping[str, str]
    """Claims by the headers that a table may give them."""
    face: tuple[str, ...]
    """Claims on paper and in the PDF."""
    paper_card: str
    """The view of the card that is printed, without a holder's key."""
    cards: tuple[Card, ...]
    display: Display
    max_status_age: int
    """Seconds for which a known status may be relied on."""
    fresh_challenge: bool
    """The holder's proof must answer the verifier's own challenge."""
    content: ContentCheck

    @property
    def vct(self) -> str:
        """The SD-JWT VC type, ``urn:ecert:<code>:<version>``."""
        return f"urn:ecert:{self.code}:{self.version}"

    @property
    def holder_is_person(self) -> bool:
        """Whether a person may hold it, so that a bearer must be identified or prove a key."""
        return self.holder != "organisation"

    @property
    def properties(self) -> Mapping[str, Any]:
        """The JSON Schema of each claim by name."""
        return self.claims["properties"]  # type: ignore[no-any-return]

    @property
    def claim_names(self) -> tuple[str, ...]:
        """All claims in display order; every one is selectively disclosable."""
        return self.display.order

    def problems(
        self, claims: Mapping[str, Any], *, partial: bool = False, row: bool = False
    ) -> list[ContentError]:
        """Return everything that is wrong with ``claims``; see ``ContentCheck.problems``."""
        return self.content.problems(claims, partial=partial, row=row)

    def validate(self, claims: Mapping[str, Any], *, partial: bool = False) -> None:
        """Check claims against the kind (verification step 9).

        Args:
            claims: The claims by name, without always-clear ones.
            partial: They are a holder's choice: what is required elsewhere may be missing.

        Raises:
            ContentError: The first thing that is wrong, in the order of the schema.
        """
        for problem in self.problems(claims, partial=partial):
            raise problem

    def validate_card(self, view: str, claims: Mapping[str, Any]) -> None:
        """Check the claims of a card, by name, derived ones included (verification step 9).

        Raises:
            KindError: ``kind_card_unknown``.
            ContentError: ``claim_unknown`` for a claim of another view, ``claim_missing`` for a
                derived one, and as ``validate``.
        """
        card = self.card(view)
        plain: dict[str, Any] = {}
        for name, value in claims.items():
            if name not in card.keys:
                shown = ascii(name)[:40]
                raise ContentError("claim_unknown", claim=shown, label=shown)
            if name not in card.derived:
                plain[name] = value
            elif not isinstance(value, bool):
                raise ContentError("claim_wrong_type", claim=name, label=name, expected="boolean")
        for name in card.derived:
            if name not in claims:
                raise ContentError("claim_missing", claim=name, label=name)
        self.validate(plain, partial=True)

    def with_identifier(
        self, claims: Mapping[str, Any], *, issuer: str, serial: str, version: str = "001"
    ) -> dict[str, Any]:
        """Return ``claims`` with a certificate identifier (GB/T 36904), unless they have one.

        Args:
            claims: The claims by name.
            issuer: The issuer's unified social credit code, or six-digit division code.
            serial: Digits and capitals that the issuer uses once for this kind and version.
            version: Three digits.

        Raises:
            IdentifierError: A part has the wrong form.
        """
        made = dict(claims)
        if "certificate_identifier" not in made:
            made["certificate_identifier"] = make_certificate_identifier(
                self.type_code.value, issuer, serial, version
            )
        return made

    def last_day(self, issued: dt.date, claims: Mapping[str, Any]) -> dt.date | None:
        """Return the last day of validity, or None when there is no end.

        Raises:
            ContentError: As ``ecert.kinds.validity.last_day``.
        """
        return last_day(self.validity, issued, claims)

    def validity_end(self, issued: dt.date, claims: Mapping[str, Any]) -> dt.datetime | None:
        """Return the instant at which validity ends (for ``exp``), or None for permanent.

        Args:
            issued: The day of issue; the rule may name a claim that goes before it.
            claims: All the claims.

        Raises:
            ContentError: As ``ecert.kinds.validity.last_day``.
        """
        return end_instant(self.last_day(issued, claims))

    def card(self, view: str | int) -> Card:
        """Return a card by its view or number.

        Raises:
            KindError: ``kind_card_unknown``.
        """
        for card in self.cards:
            if view in (card.view, card.number):
                return card
        raise KindError("kind_card_unknown", kind=self.code, view=str(view)[:40])

    def label(self, claim: str, language: Language) -> str:
        """Return what a claim is called; its own name when the kind does not define it."""
        if claim in self.properties:
            return self.properties[claim]["x-names"][language]  # type: ignore[no-any-return]
        for card in self.cards:
            if claim in card.derived:
                return card.derived[claim].names[language]
        return claim

    def value_text(self, claim: str, value: object, language: Language) -> str:
        """Return a claim's value as people read it: coded values translated, yes and no."""
        if isinstance(value, bool):
            return {"zh": ("否", "是"), "en": ("no", "yes")}[language][value]
        if isinstance(value, list | tuple):
            return ("、" if language == "zh" else ", ").join(str(item) for item in value)
        if language != "zh" and isinstance(value, str) and claim in self.properties:
            labels = self.properties[claim].get("x-values", {}).get(value, {})
            return str(labels.get(language, value))
        return str(value)

    def title(self, claims: Mapping[str, Any], language: Language) -> str:
        """Return the title of a certificate; the kind's name when a claim of it is missing."""
        template = self.display.title[language]
        values = _Known(
            (name, self.value_text(name, value, language)) for name, value in claims.items()
        )
        text = template.format_map(values)
        return self.names[language] if values.missed else text


class _Known(dict[str, str]):
    missed = False

    def __missing__(self, key: str) -> str:
        self.missed = True
        return ""
