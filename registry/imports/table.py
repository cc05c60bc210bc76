"""A department's table: every row read, the good ones kept, every error of the others named."""

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Any

from ecert import limits
from ecert.errors import ContentError, EcertError, MalformedError
from ecert.kinds import Kind
from registry.imports.header import Column, column_letters, read_header
from registry.imports.model import Cell, ImportProblem, ImportResult, ImportRow, Lines
from registry.imports.text import csv_lines
from registry.imports.workbook import workbook_lines

_ZIP = b"PK\x03\x04"
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_EPOCH = dt.date(1899, 12, 30)


def read_table(
    data: bytes, filename: str, kind: Kind, *, today: dt.date | None = None
) -> ImportResult:
    """Read a CSV or Excel file of one kind's certificates.

    Args:
        data: The file's content.
        filename: Its name; the ending says what it is, and the content must agree.
        kind: The kind that the rows are of.
        today: When given, rows issued later or expired before are errors.

    Returns:
        Good rows and errors. An error in the header leaves no good row.

    Raises:
        MalformedError: The file as a whole cannot be read: ``too_large``, ``import_empty``,
            ``import_type_unknown``, ``import_type_mismatch``, ``import_excel_old``,
            ``import_encoding``, ``import_csv_malformed``, ``import_excel_malformed``,
            ``import_excel_encrypted``, ``import_zip_bomb``, ``import_many_sheets``,
            ``import_too_many_rows``, ``import_too_many_columns``.
    """
    lines, epoch = _open(data, filename)
    for number, cells in lines:
        if _blank(cells):
            continue
        columns, problems = read_header(cells, number, kind, epoch)
        if problems:
            return ImportResult((), tuple(problems), 0, 0)
        return _Rows(kind, columns, today).read(lines)
    raise MalformedError("import_empty")


def _open(data: bytes, filename: str) -> tuple[Lines, dt.date]:
    if len(data) > limits.MAX_IMPORT_BYTES:
        size, limit = len(data), limits.MAX_IMPORT_BYTES
        raise MalformedError("too_large", where="file", size=size, limit=limit)
    if not data:
        raise MalformedError("import_empty")
    if data.startswith(_OLE2):
        raise MalformedError("import_excel_old")
    ending = filename.lower().rpartition(".")[2]
    if ending not in {"csv", "xlsx"}:
        raise MalformedError("import_type_unknown", ending=ascii(ending)[:20])
    if data.startswith(_ZIP) != (ending == "xlsx"):
        raise MalformedError("import_type_mismatch", ending=ending)
    if ending == "xlsx":
        return workbook_lines(data)
    return csv_lines(data), _EPOCH


class _Rows:
    """Reads the rows under a header."""

    def __init__(self, kind: Kind, columns: list[Column], today: dt.date | None) -> None:
        self._kind = kind
        self._columns = columns
        self._headers = {column.claim: column.header for column in columns}
        self._order: dict[object, int] = {c.claim: c.index for c in columns}
        self._width = 1 + max(column.index for column in columns)
        self._today = today
        self._seen: dict[bytes, int] = {}
        self._rows: list[ImportRow] = []
        self._errors: list[ImportProblem] = []
        self._left_out = 0

    def read(self, lines: Lines) -> ImportResult:
        read = 0
        for number, cells in lines:
            if _blank(cells):
                continue
            read += 1
            if read > limits.MAX_IMPORT_ROWS:
                raise MalformedError("import_too_many_rows", limit=limits.MAX_IMPORT_ROWS)
            claims, problems = self._claims(number, cells)
            if problems:
                self._note(problems)
            else:
                self._rows.append(ImportRow(number, claims))
        if not read:
            raise MalformedError("import_empty")
        return ImportResult(tuple(self._rows), tuple(self._errors), self._left_out, read)

    def _claims(self, number: int, cells: list[Cell]) -> tuple[dict[str, Any], list[ImportProblem]]:
        claims: dict[str, Any] = {}
        unread: dict[str, EcertError] = {}
        for column in self._columns:
            cell = cells[column.index] if column.index < len(cells) else None
            try:
                value = column.reader.read(cell)
            except EcertError as error:
                unread[column.claim] = error
                continue
            if value is not None:
                claims[column.claim] = value
        errors = list(unread.values())
        # What could not be read is not missing, too.
        errors += [
            error
            for error in self._kind.problems(claims, row=True)
            if error.details["claim"] not in unread
        ]
        errors.sort(key=lambda error: self._order.get(error.details["claim"], len(self._order)))
        problems = [self._problem(number, error) for error in errors]
        problems += self._beyond(number, cells)
        if not problems:
            problems = [self._problem(number, error) for error in self._whole(number, claims)]
        return claims, problems

    def _whole(self, number: int, claims: dict[str, Any]) -> Iterable[EcertError]:
        """Yield what is wrong with a row whose claims fit, taken together."""
        issued = dt.date.fromisoformat(claims["issue_date"])
        try:
            last = self._kind.last_day(issued, claims)
        except ContentError as error:
            yield error
            return
        if self._today is not None and issued > self._today:
            yield self._error("import_issued_later", "issue_date")
        if self._today is not None and last is not None and last < self._today:
            yield self._error("import_expired", "issue_date", last=last.isoformat())
        # Columns give every row's claims one order; a digest holds no row in memory.
        digest = hashlib.sha256(repr(claims).encode("utf-8")).digest()
        first = self._seen.setdefault(digest, number)
        if first != number:
            yield ContentError("import_row_doubled", claim="", first=first)

    def _beyond(self, number: int, cells: list[Cell]) -> Iterable[ImportProblem]:
        for index, cell in enumerate(cells[self._width :], start=self._width):
            if cell is not None and cell != "":
                letters = column_letters(index)
                error = ContentError("import_column_unnamed", column=letters, known="")
                yield ImportProblem(number, letters, error)
                return

    def _problem(self, number: int, error: EcertError) -> ImportProblem:
        claim = str(error.details.get("claim", ""))
        return ImportProblem(number, self._headers.get(claim, claim), error)

    def _error(self, code: str, claim: str, **details: object) -> ContentError:
        return ContentError(code, claim=claim, label=self._headers.get(claim, claim), **details)

    def _note(self, problems: list[ImportProblem]) -> None:
        room = limits.MAX_IMPORT_ERRORS - len(self._errors)
        self._errors += problems[:room]
        self._left_out += max(0, len(problems) - room)


def _blank(cells: list[Cell]) -> bool:
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in cells)
