"""Excel workbooks (.xlsx), read by calamine once they are known to be within bounds."""

import datetime as dt
import io
from typing import Any

import python_calamine

from ecert.errors import MalformedError
from registry.imports.model import Cell, Lines, Refused
from registry.imports.package import parts
from registry.imports.sheets import Scan, Sheet

_EPOCH_1900 = dt.date(1899, 12, 30)
_EPOCH_1904 = dt.date(1904, 1, 1)


def workbook_lines(data: bytes) -> tuple[Lines, dt.date]:
    """Read the rows of the one sheet that has content.

    Returns:
        The rows, and the day from which bare serial dates count.

    Raises:
        MalformedError: ``import_excel_malformed``, ``import_excel_encrypted``,
            ``import_zip_bomb``, ``import_empty``, ``import_many_sheets``, and bounds.
    """
    scan = Scan()
    for name, content in parts(data):
        if name.endswith((".xml", ".rels", ".vml")):
            scan.part(content)
        elif _could_be_xml(content):
            # A sheet under another name would escape the scan.
            raise MalformedError("import_excel_malformed", reason="part name")
    scan.check_text()
    filled = [sheet for sheet in scan.sheets if sheet.cells]
    if not filled:
        raise MalformedError("import_empty")
    if len(filled) > 1:
        raise MalformedError("import_many_sheets", found=len(filled))
    epoch = _EPOCH_1904 if scan.date_1904 else _EPOCH_1900
    return _lines(_read(data), filled[0]), epoch


def _could_be_xml(content: bytes) -> bool:
    return b"<" in content and b"sheetData" in content.replace(b"\0", b"")


def _read(data: bytes) -> Any:
    """Let calamine read the sheet; whatever fails in it is malformed input."""
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [
            book.get_sheet_by_name(found.name)
            for found in book.sheets_metadata
            if found.typ == python_calamine.SheetTypeEnum.WorkSheet  # a chart has no cells
        ]
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic in Rust arrives as a bare BaseException
        raise MalformedError("import_excel_malformed", reason="workbook") from error
    filled = [sheet for sheet in sheets if sheet.start is not None]
    if len(filled) != 1:
        # Cells with nothing but formulas or errors show as empty.
        raise MalformedError("import_empty")
    return filled[0]


def _lines(sheet: Any, scanned: Sheet) -> Lines:
    first_row, first_column = sheet.start
    refused_rows: dict[int, dict[int, Refused]] = {}
    for (row, column), refused in scanned.refused.items():
        refused_rows.setdefault(row, {})[column] = refused
    for offset, values in enumerate(sheet.to_python(skip_empty_area=True)):
        number = first_row + 1 + offset
        cells: list[Cell] = [None] * first_column
        cells += values
        for column, refused in refused_rows.get(number, {}).items():
            cells += [None] * (column - len(cells))
            cells[column - 1] = refused
        yield number, cells
