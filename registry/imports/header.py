"""A table's header: which column fills which claim."""

import datetime as dt
from dataclasses import dataclass

from ecert import limits
from ecert.errors import ContentError, MalformedError
from ecert.kinds import Kind
from registry.imports.cells import CellReader
from registry.imports.model import Cell, ImportProblem


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    index: int
    header: str
    claim: str
    reader: CellReader


def read_header(
    cells: list[Cell], number: int, kind: Kind, epoch: dt.date
) -> tuple[list[Column], list[ImportProblem]]:
    """Match a header row to a kind.

    Returns:
        The columns, and everything wrong with the header; with any of it, no row can be trusted.

    Raises:
        MalformedError: ``import_too_many_columns``.
    """
    while cells and cells[-1] in {None, ""}:
        cells = cells[:-1]
    if len(cells) > limits.MAX_IMPORT_COLUMNS:
        raise MalformedError("import_too_many_columns", limit=limits.MAX_IMPORT_COLUMNS)
    columns: dict[str, Column] = {}
    problems: list[ImportProblem] = []
    for index, cell in enumerate(cells):
        header = cell.strip() if isinstance(cell, str) else ""
        claim = kind.columns.get(header)
        shown = header[:40] or column_letters(index)
        if not header:
            code = "import_column_unnamed"
        elif claim is None:
            told = any(problem.code == "import_column_unknown" for problem in problems)
            code = "import_column_unknown_too" if told else "import_column_unknown"
        elif claim in columns:
            code = "import_column_doubled"
        else:
            reader = CellReader(claim, kind.properties[claim], epoch)
            columns[claim] = Column(index, header, claim, reader)
            continue
        error = ContentError(code, column=shown, **_known(kind))
        problems.append(ImportProblem(number, shown, error))
    for claim in kind.claims["required"]:
        if claim not in columns and claim not in kind.issuer_adds:
            shown = kind.label(claim, "zh")
            error = ContentError("import_column_missing", column=shown, name=claim)
            problems.append(ImportProblem(number, shown, error))
    return list(columns.values()), problems


def column_letters(index: int) -> str:
    """Return a column's letters as a spreadsheet shows them, given its index from 0."""
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _known(kind: Kind) -> dict[str, str]:
    """Return what a sentence says of a kind: its code, and headers that it takes."""
    return {
        "kind": kind.code,
        "known_zh": "、".join(kind.label(claim, "zh") for claim in kind.claim_names),
        "known_en": ", ".join(kind.claim_names),
    }
