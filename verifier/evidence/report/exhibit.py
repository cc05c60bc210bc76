"""What a report is about: a package, a trust file, and what checking one by the other found."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ecert import artefact as artefacts
from ecert.artefact import Artefact
from ecert.chain.header import BlockHeader
from ecert.errors import EcertError
from ecert.evidence import Evidence, EvidenceReport
from ecert.kinds.catalogue import Catalogue
from ecert.receipt import Receipt
from ecert.steps import receipt_of
from ecert.trust import TrustFile, signed_file


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that was read.

    Attributes:
        name: Its name without folders.
        data: Its bytes.
    """

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """SHA-256 of its bytes, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Exhibit:
    """All that a report says comes from here.

    Attributes:
        package: The package.
        trust: The trust file that it was checked with.
        report: What the check found.
        asked: The time that was asked about, as it was typed; None where none was.
        made_at: When it was checked, aware.
        catalogue: The kinds that the trust file pins.
    """

    package: NamedFile
    trust: NamedFile
    report: EvidenceReport
    asked: str | None
    made_at: datetime
    catalogue: Catalogue

    @cached_property
    def file(self) -> TrustFile:
        """The trust file's content."""
        return signed_file(self.trust.data)

    @cached_property
    def evidence(self) -> Evidence:
        """The package's content."""
        return Evidence.decode(self.package.data)

    @cached_property
    def artefact(self) -> Artefact | None:
        """The document; None where it cannot be read."""
        try:
            return artefacts.read(self.evidence.document, self.catalogue)
        except EcertError:
            return None

    @cached_property
    def receipt(self) -> Receipt | None:
        """The document's receipt, a card's as a whole one; None where there is none that holds."""
        if self.artefact is None:
            return None
        try:
            return receipt_of(self.artefact, self.file)
        except EcertError:
            return None

    @cached_property
    def header(self) -> BlockHeader | None:
        """The block's header; None on an embedded chain."""
        encoded = self.evidence.proof.state.block.header
        return None if encoded is None else BlockHeader.decode(encoded)
