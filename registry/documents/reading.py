"""A part of a file made into rows for the database: the work of importing that processes share.

Pure, and free of what a process that has no database would load for nothing.
"""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import orjson

from ecert import limits
from ecert.kinds import Catalogue, Kind
from registry.documents.preparing import complete, fingerprint
from registry.imports.model import Cell, ImportProblem
from registry.imports.table import Header, RowReader

Values: TypeAlias = tuple[Any, ...]

NAMES = (
    "department", "kind", "kind_version", "claims", "certificate_identifier", "fingerprint",
    "state", "created_by", "import_id", "row_number", "status", "created_at", "updated_at",
)  # fmt: skip
"""The columns of ``Values``, in the order of the table; the id goes before them."""

MARK = NAMES.index("fingerprint")
ROW_NUMBER = NAMES.index("row_number")


@dataclass(frozen=True, slots=True)
class Origin:
    """What all documents of one import have in common."""

    department: str
    kind: str
    officer: str
    import_id: str
    state: str
    now: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file."""

    origin: Origin
    header: Header
    today: dt.date
    lines: list[tuple[int, list[Cell]]]


@dataclass(frozen=True, slots=True)
class Read:
    """What became of a chunk.

    Attributes:
        rows: A row for each document, but for its id.
        problems: What is wrong with the other rows, in order; at most as many as are listed.
        problems_total: How many problems there are.
        rows_read: Rows that the chunk had.
    """

    rows: list[Values]
    problems: list[dict[str, Any]]
    problems_total: int
    rows_read: int


def read_chunk(chunk: Chunk) -> Read:
    """Read and check rows, and make rows for the database of those that are right."""
    kind = _catalogue().kind(chunk.origin.kind)
    reader = _reader(kind.code, chunk.header, chunk.today)
    rows: list[Values] = []
    problems: list[dict[str, Any]] = []
    found = 0
    for number, cells in chunk.lines:
        claims, wrong = reader.read(number, cells)
        if wrong:
            found += len(wrong)
            problems += map(told, wrong[: limits.MAX_IMPORT_ERRORS - len(problems)])
        else:
            rows.append(values_of(chunk.origin, kind, claims, number))
    return Read(rows, problems, found, len(chunk.lines))


def values_of(origin: Origin, kind: Kind, claims: dict[str, Any], number: int) -> Values:
    """Return the row of a new document, but for its id; see ``NAMES``.

    Raises:
        IdentifierError: The department's code can be no issuer's in a certificate identifier.
    """
    whole = complete(origin.department, kind, claims, origin.now)
    return (
        origin.department,
        kind.code,
        kind.version,
        orjson.dumps(whole).decode(),
        whole["certificate_identifier"],
        fingerprint(origin.department, kind, claims),
        origin.state,
        origin.officer,
        origin.import_id,
        number,
        0,
        origin.now,
        origin.now,
    )


def told(problem: ImportProblem) -> dict[str, Any]:
    """Return a problem as an import keeps it."""
    return {
        "row": problem.row,
        "column": problem.column,
        "code": problem.code,
        "zh": problem.zh,
        "en": problem.en,
    }


@lru_cache(maxsize=1)
def _catalogue() -> Catalogue:
    return Catalogue.load()


@lru_cache(maxsize=4)
def _reader(kind: str, header: Header, today: dt.date) -> RowReader:
    known = _catalogue().kind(kind)
    columns, _ = header.columns(known)  # without problems, or no row would be read
    return RowReader(known, columns, today)
