"""What the worksheets of an Excel file hold, found out before a library reads them.

The library gives a formula's last result as if it were a value, lays a sheet out as a dense table
however far apart its cells lie, and copies a shared string into every cell that names it. So the
XML is scanned first (ECMA-376 part 1, section 18.3): extent, text and cells that are not plain.
"""

from collections import Counter
from dataclasses import dataclass, field
from xml.parsers import expat

from ecert import limits
from ecert.errors import MalformedError
from registry.imports.model import Refused

_MAX_COLUMN_LETTERS = 3
_SEPARATOR = " "


@dataclass(slots=True)
class Sheet:
    """One worksheet's extent, and its cells that are refused."""

    cells: int = 0
    """Cells with content; one that is refused may count twice."""
    refused: dict[tuple[int, int], Refused] = field(default_factory=dict)
    """By row and column, both from 1."""


@dataclass(slots=True)
class Scan:
    """Gathers what all parts of a workbook hold."""

    sheets: list[Sheet] = field(default_factory=list)
    date_1904: bool = False
    """Dates count from 1904, as old programs for the Macintosh wrote them."""
    _cells: int = 0
    _shared_lengths: list[int] = field(default_factory=list)
    _shared_uses: Counter[int] = field(default_factory=Counter)

    def part(self, content: bytes) -> None:
        """Scan one XML part.

        Raises:
            MalformedError: ``import_excel_malformed``, ``too_large``, ``import_too_many_rows``,
                ``import_too_many_columns``.
        """
        _PartScan(self).run(content)

    def count_cell(self) -> None:
        """Count one more cell against the bound."""
        self._cells += 1
        if self._cells > limits.MAX_IMPORT_CELLS:
            size, limit = self._cells, limits.MAX_IMPORT_CELLS
            raise MalformedError("too_large", where="cells", size=size, limit=limit)

    def use_shared(self, text: str) -> None:
        """Note that a cell shows a shared string."""
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise _malformed("shared string index")
        self._shared_uses[int(text)] += 1

    def add_shared(self, length: int) -> None:
        """Note a shared string's length."""
        self._shared_lengths.append(length)

    def check_text(self) -> None:
        """Check how much text the cells show together.

        Raises:
            MalformedError: ``import_zip_bomb``, ``import_excel_malformed``.
        """
        total = 0
        for index, uses in self._shared_uses.items():
            if index >= len(self._shared_lengths):
                raise _malformed("shared string index")
            total += self._shared_lengths[index] * uses
        if total > limits.MAX_IMPORT_TEXT_CHARS:
            raise MalformedError("import_zip_bomb", limit=limits.MAX_IMPORT_TEXT_CHARS)


class _PartScan:
    """One pass of expat over one part. Local names only: prefixes are the writer's choice."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._sheet: Sheet | None = None
        self._row = self._column = 0
        self._numbered: bool | None = None
        self._cell_type = ""
        self._in_cell = False
        self._text: list[str] | None = None
        self._shared_item: int | None = None

    def run(self, content: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise _malformed("XML") from error

    def _doctype(self, *_: object) -> None:
        raise _malformed("DOCTYPE")  # where entities would be declared

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(_SEPARATOR)[2]
        if name == "c" and self._sheet is not None:
            self._start_cell(attributes)
        elif name == "v" and self._in_cell:
            self._text = []
        elif name == "f" and self._in_cell and self._sheet is not None:
            self._refuse(Refused.FORMULA)
        elif name == "row" and self._sheet is not None:
            self._start_row(attributes.get("r"))
        elif name == "si":
            self._shared_item = 0
        elif name == "sheetData":
            self._sheet = Sheet()
            self._row = 0
            self._scan.sheets.append(self._sheet)
        elif name == "workbookPr":
            self._scan.date_1904 = attributes.get("date1904", "0") not in {"0", "false"}

    def _start_row(self, number: str | None) -> None:
        self._same_style(number is not None)
        row = self._row + 1 if number is None else _number(number)
        if row <= self._row:
            raise _malformed("rows out of order")
        if row > limits.MAX_IMPORT_ROWS + 1:
            raise MalformedError("import_too_many_rows", limit=limits.MAX_IMPORT_ROWS)
        self._row, self._column = row, 0

    def _same_style(self, numbered: bool) -> None:
        """Refuse numbers on some rows and cells only: readers differ in how they go on counting."""
        if self._numbered is None:
            self._numbered = numbered
        elif self._numbered != numbered:
            raise _malformed("cells partly numbered")

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._same_style("r" in attributes)
        column = self._column + 1
        if "r" in attributes:
            column, row = _reference(attributes["r"])
            if row != self._row or column <= self._column:
                raise _malformed("cells out of order")
        if column > limits.MAX_IMPORT_COLUMNS:
            raise MalformedError("import_too_many_columns", limit=limits.MAX_IMPORT_COLUMNS)
        self._column = column
        self._cell_type = attributes.get("t", "n")
        self._in_cell = True
        self._scan.count_cell()
        if self._cell_type == "e":
            self._refuse(Refused.ERROR)

    def _refuse(self, why: Refused) -> None:
        if self._sheet is not None:
            self._sheet.cells += 1
            self._sheet.refused[self._row, self._column] = why

    def _end(self, tag: str) -> None:
        name = tag.rpartition(_SEPARATOR)[2]
        if name == "v" and self._text is not None:
            if self._cell_type == "s":
                self._scan.use_shared("".join(self._text).strip())
            if self._sheet is not None:
                self._sheet.cells += 1
            self._text = None
        elif name == "is" and self._in_cell and self._sheet is not None:
            self._sheet.cells += 1
        elif name == "c":
            self._in_cell = False
        elif name == "si" and self._shared_item is not None:
            self._scan.add_shared(self._shared_item)
            self._shared_item = None
        elif name == "sheetData":
            self._sheet = None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)
        elif self._shared_item is not None:
            self._shared_item += len(text)


def _reference(text: str) -> tuple[int, int]:
    """Read a cell's reference, such as ``AB12``, into column and row."""
    letters = text.rstrip("0123456789")
    if not 0 < len(letters) <= _MAX_COLUMN_LETTERS:
        raise _malformed("cell reference")
    column = 0
    for letter in letters:
        if not "A" <= letter <= "Z":
            raise _malformed("cell reference")
        column = column * 26 + ord(letter) - ord("A") + 1
    return column, _number(text[len(letters) :])


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 7:
        raise _malformed("row number")
    return int(text)


def _malformed(reason: str) -> MalformedError:
    return MalformedError("import_excel_malformed", reason=reason)
