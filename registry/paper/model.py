"""What a page is made from."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Label:
    """A name in both languages; ``en`` is empty where there is none."""

    zh: str
    en: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the certificate's face.

    Attributes:
        label: The claim's name from the kind's data file, never from a document.
        value: The claim as people read it.
        note: The same in another form (a date in figures), printed small beside it.
    """

    label: Label
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PaperInput:
    """All that a page shows and carries; equal inputs give equal bytes.

    Attributes:
        title: The kind's name.
        department: The issuing department's name.
        identifier: The certificate identifier (GB/T 36904).
        issued: When the document was signed; also the PDF's creation time.
        valid_from: First day of validity.
        valid_until: Last day of validity; ``None`` for a permanent document.
        fields: The face claims in display order.
        document: The ``.ecert.json`` file to attach, with the face claims disclosed only.
        lookup_url: URL of the short QR code; its fragment decrypts the document.
        card: Text of the large QR code: a card, with its receipt where there is room.
    """

    title: Label
    department: Label
    identifier: str
    issued: datetime
    valid_from: date
    valid_until: date | None
    fields: tuple[Field, ...]
    document: bytes
    lookup_url: str
    card: str
