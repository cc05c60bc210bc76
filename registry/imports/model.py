"""What an import takes in and gives back."""

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from ecert.errors import EcertError, IdentifierError


class Refused(enum.Enum):
    """A cell of an Excel file whose value is not taken, whatever it is."""

    FORMULA = "import_formula"
    """A formula: what it shows is what some program worked out, not what was entered."""
    ERROR = "import_cell_error"
    """A formula's error value, such as #N/A."""


Cell: TypeAlias = (
    str | int | float | bool | dt.date | dt.datetime | dt.time | dt.timedelta | Refused | None
)
Lines: TypeAlias = Iterator[tuple[int, list[Cell]]]
"""Row number as a spreadsheet shows it, from 1, and its cells."""


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A good row: claims that fit the kind, but for what the issuing service adds."""

    number: int
    """Row number as a spreadsheet shows it; the header is usually row 1."""
    claims: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """Something wrong in one place of the file."""

    row: int
    column: str
    """The column's header, or its letters; empty when the whole row is meant."""
    error: EcertError

    @property
    def code(self) -> str:
        """The stable error code; of a wrong identifier, the code that says what is wrong in it."""
        return self._told.code

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        return self._told.message("zh")

    @property
    def en(self) -> str:
        """The sentence in English."""
        return self._told.message("en")

    @property
    def _told(self) -> EcertError:
        cause = self.error.__cause__
        return cause if isinstance(cause, IdentifierError) else self.error


@dataclass(frozen=True, slots=True)
class ImportResult:
    """All the good rows, and all that is wrong with the others."""

    rows: tuple[ImportRow, ...]
    errors: tuple[ImportProblem, ...]
    """In the order of the file; at most ``limits.MAX_IMPORT_ERRORS``."""
    errors_left_out: int
    """Errors beyond those listed."""
    rows_read: int
    """Rows with any content, the header not counted."""
