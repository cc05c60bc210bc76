"""From a kind and a document's claims to what its page shows."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from ecert.errors import ContentError
from ecert.kinds import Kind
from registry.paper.model import Field, Label, PaperInput
from registry.paper.words import day

_IDENTIFIER = "certificate_identifier"


def compose(
    kind: Kind,
    claims: Mapping[str, Any],
    *,
    department: Label,
    issued: datetime,
    valid_from: date,
    valid_until: date | None,
    document: bytes,
    lookup_url: str,
    card: str,
) -> PaperInput:
    """Choose and word the face claims of a document.

    Args:
        kind: The document's kind; gives labels, order and the choice of claims.
        claims: The document's claims by name; those outside the face are ignored.
        department: The issuing department's name.
        issued: When the document was signed, in the department's time zone.
        valid_from: First day of validity.
        valid_until: Last day of validity; ``None`` for a permanent document.
        document: The ``.ecert.json`` file that discloses the face claims.
        lookup_url: URL of the look-up code (``ecert.lookup.url_of``).
        card: Text of the offline code: the kind's paper card.

    Raises:
        ContentError: ``claim_missing`` when there is no certificate identifier.
    """
    if _IDENTIFIER not in claims:
        raise ContentError("claim_missing", claim=_IDENTIFIER, label=kind.label(_IDENTIFIER, "zh"))
    return PaperInput(
        title=Label(kind.names["zh"], kind.names["en"]),
        department=department,
        identifier=str(claims[_IDENTIFIER]),
        issued=issued,
        valid_from=valid_from,
        valid_until=valid_until,
        fields=tuple(
            _field(kind, name, claims[name])
            for name in kind.face
            if name in claims and name != _IDENTIFIER
        ),
        document=document,
        lookup_url=lookup_url,
        card=card,
    )


def _field(kind: Kind, name: str, value: object) -> Field:
    label = Label(kind.label(name, "zh"), kind.label(name, "en"))
    if kind.properties[name].get("format") == "date" and isinstance(value, str):
        written = day(date.fromisoformat(value))
        return Field(label, written.zh, written.en)
    text, english = (kind.value_text(name, value, language) for language in ("zh", "en"))
    return Field(label, text, english if english != text else "")
