"""The ``.ecert.json`` file: a presentation, or a whole document, with its receipt."""

from dataclasses import dataclass

from ecert import limits
from ecert.encoding import canonical_json, json_decode
from ecert.fields import Fields
from ecert.receipt import Receipt

FORMAT = "ecert/1"
SUFFIX = ".ecert.json"
MEDIA_TYPE = "application/vnd.ecert+json"


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """What a ``.ecert.json`` file holds.

    Attributes:
        presentation: An SD-JWT with chosen disclosures and, where shown to somebody, a key binding.
        receipt: Its receipt; None while the document is not yet anchored.
    """

    presentation: str
    receipt: Receipt | None

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        value: dict[str, object] = {"format": FORMAT, "presentation": self.presentation}
        if self.receipt is not None:
            value["receipt"] = self.receipt.to_json()
        return canonical_json(value)

    @classmethod
    def from_bytes(cls, data: bytes | str) -> "DocumentFile":
        """Read a file's content.

        Raises:
            MalformedError: It is too large, no strict JSON, or has missing or foreign members.
        """
        value = json_decode(data, where="document", max_bytes=limits.MAX_DOCUMENT_FILE_BYTES)
        fields = Fields(value, "document")
        fields.only("format", "presentation", "receipt")
        if fields.text("format") != FORMAT:
            raise fields.fail("format")
        return cls(
            presentation=fields.text("presentation", max_chars=limits.MAX_SD_JWT_BYTES),
            receipt=Receipt.from_json(fields.raw("receipt")) if "receipt" in fields else None,
        )
