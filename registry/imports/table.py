"""A department's table: every row read, the good ones kept, every error of the others named."""

import datetime as dt
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

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


@dataclass(frozen=True, slots=True)
class Header:
    """A table's first row, from which its columns are made: also by another process."""

    number: int
    cells: tuple[Cell, ...]
    epoch: dt.date
    """The day from which bare serial dates count."""

    def columns(self, kind: Kind) -> tuple[list[Column], list[ImportProblem]]:
        """Return the columns, and everything wrong with them; see ``read_header``."""
        return read_header(list(self.cells), self.number, kind, self.epoch)


def read_table(
    data: bytes, filename: str, kind: Kind, *, today: dt.date | None = None
) -> ImportResult:
    """Read a CSV or Excel file of one kind's certificates, within memory.

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
    header, lines = open_table(io.BytesIO(data), filename, max_bytes=limits.MAX_IMPORT_BYTES)
    columns, problems = header.columns(kind)
    if problems:
        return ImportResult((), tuple(problems), 0, 0)
    return _collect(RowReader(kind, columns, today), lines)


def open_table(stream: IO[bytes], filename: str, *, max_bytes: int) -> tuple[Header, Lines]:
    """Return a file's header, and the rows under it that have any content.

    Args:
        stream: The file's content. A CSV file is not taken into memory; an Excel file is, up to
            ``limits.MAX_IMPORT_BYTES``.
        filename: Its name.
        max_bytes: Bound on its size.

    Raises:
        MalformedError: As ``read_table``; also while iterating.
    """
    lines, epoch = _open(stream, filename, max_bytes)
    filled = ((number, cells) for number, cells in lines if not _blank(cells))
    for number, cells in filled:
        return Header(number, tuple(cells), epoch), filled
    raise MalformedError("import_empty")


def _open(stream: IO[bytes], filename: str, max_bytes: int) -> tuple[Lines, dt.date]:
    ending = filename.lower().rpartition(".")[2]
    if ending == "xlsx":
        max_bytes = min(max_bytes, limits.MAX_IMPORT_BYTES)
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > max_bytes:
        raise MalformedError("too_large", where="file", size=size, limit=max_bytes)
    if not size:
        raise MalformedError("import_empty")
    start = stream.read(len(_OLE2))
    stream.seek(0)
    if start == _OLE2:
        raise MalformedError("import_excel_old")
    if ending not in {"csv", "xlsx"}:
        raise MalformedError("import_type_unknown", ending=ascii(ending)[:20])
    if start.startswith(_ZIP) != (ending == "xlsx"):
        raise MalformedError("import_type_mismatch", ending=ending)
    if ending == "xlsx":
        return workbook_lines(stream.read())
    return csv_lines(stream), _EPOCH


def _collect(reader: "RowReader", lines: Lines) -> ImportResult:
    rows: list[ImportRow] = []
    errors: list[ImportProblem] = []
    seen: dict[bytes, int] = {}
    read = found = 0
    for number, cells in lines:
        read += 1
        if read > limits.MAX_IMPORT_ROWS:
            raise MalformedError("import_too_many_rows", limit=limits.MAX_IMPORT_ROWS)
        claims, problems = reader.read(number, cells)
        if not problems:
            # Columns give every row's claims one order; a digest holds no row in memory.
            digest = hashlib.sha256(repr(claims).encode("utf-8")).digest()
            first = seen.setdefault(digest, number)
            if first == number:
                rows.append(ImportRow(number, claims))
                continue
            problems = [doubled(number, first)]
        found += len(problems)
        errors += problems[: limits.MAX_IMPORT_ERRORS - len(errors)]
    if not read:
        raise MalformedError("import_empty")
    return ImportResult(tuple(rows), tuple(errors), found - len(errors), read)


def doubled(number: int, first: int) -> ImportProblem:
    """Return the error of a row that says the same as an earlier one of the file."""
    return ImportProblem(number, "", ContentError("import_row_doubled", claim="", first=first))


class RowReader:
    """Reads the rows under a header, each by itself.

    Args:
        kind: The kind that the rows are of.
        columns: The columns under the header.
        today: When given, rows issued later or expired before are errors.
    """

    def __init__(self, kind: Kind, columns: list[Column], today: dt.date | None) -> None:
        self._kind = kind
        self._columns = columns
        self._headers = {column.claim: column.header for column in columns}
        self._order: dict[object, int] = {c.claim: c.index for c in columns}
        self._width = 1 + max(column.index for column in columns)
        self._today = today

    def read(self, number: int, cells: list[Cell]) -> tuple[dict[str, Any], list[ImportProblem]]:
        """Return a row's claims, and everything that is wrong with them."""
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
            problems = [self._problem(number, error) for error in self._whole(claims)]
        return claims, problems

    def _whole(self, claims: dict[str, Any]) -> Iterable[EcertError]:
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


def _blank(cells: list[Cell]) -> bool:
    for cell in cells:  # the first decides nearly always, which a generator is slow at
        if cell is not None and not (isinstance(cell, str) and not cell.strip()):
            return False
    return True
