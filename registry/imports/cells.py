"""From a cell to a claim's value, as the claim's schema wants it.

Tolerant of how tables are written (blanks around, full-width digits, several ways to write a date,
labels in English), strict about what they say: nothing is guessed, nothing is rounded.
"""

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ecert import limits
from ecert.errors import ContentError, EcertError
from registry.imports.model import Cell, Refused

# What a spreadsheet program takes for the start of a formula, in both widths.
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d{2})(\d{2})", re.ASCII)
_MAX_DATE_CHARS = 11
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})", re.ASCII)
_LIST_SEPARATORS = re.compile("[、；;|]")
_TRUE = frozenset({"是", "true", "yes", "1"})
_FALSE = frozenset({"否", "false", "no", "0"})
_MAX_EXACT = 10**15
"""Numbers of more digits are rounded by spreadsheet programs."""
_MAX_SERIAL = 2_958_465
"""31 December 9999 as a serial date."""


class CellReader:
    """Reads the cells of one column.

    Args:
        claim: The claim that the column fills.
        schema: Its JSON Schema.
        epoch: The day from which bare serial dates count.
    """

    def __init__(self, claim: str, schema: Mapping[str, Any], epoch: dt.date) -> None:
        names = schema["x-names"]
        self._claim = claim
        self._label = f"{names['zh']} / {names['en']}"
        self._type: str = schema["type"]
        self._is_date = schema.get("format") == "date"
        self._is_identifier = "format" in schema and not self._is_date
        # A value that a list, a pattern or a check character decides cannot smuggle a formula.
        self._is_free_text = self._type == "string" and not {"enum", "pattern", "format"} & set(
            schema
        )
        self._absent = frozenset(schema.get("x-absent", ()))
        self._values = {value: value for value in schema.get("enum", ())}
        for value, labels in schema.get("x-values", {}).items():
            if "enum" in schema:
                self._values.setdefault(labels["en"].casefold(), value)
        self._epoch = epoch

    def read(self, cell: Cell) -> Any:
        """Return the claim's value, or None when the cell is empty.

        Raises:
            ContentError: ``import_field_too_long``, ``import_formula``, ``import_cell_error``,
                ``import_number_rounded``, ``import_date_has_time``, ``claim_date_impossible``,
                ``claim_wrong_type``.
        """
        if cell is None or cell == "":
            return None
        if isinstance(cell, Refused):
            raise self._error(cell.value)
        if isinstance(cell, str):
            return self._from_text(cell)
        if isinstance(cell, bool):
            if self._type == "boolean":
                return cell
            raise self._error("claim_wrong_type", expected=self._type)
        if isinstance(cell, int | float):
            return self._from_number(cell)
        return self._from_moment(cell)

    def _from_text(self, cell: str) -> Any:
        if len(cell) > limits.MAX_FIELD_CHARS:
            raise self._error("import_field_too_long", limit=limits.MAX_FIELD_CHARS)
        if self._is_free_text and cell.startswith(_FORMULA_STARTS):
            raise self._error("import_formula")
        text = cell.strip()
        if self._is_free_text and text.startswith(_FORMULA_STARTS):
            raise self._error("import_formula")
        if not text or text in self._absent:
            return None
        if self._is_free_text:
            return text
        if self._values:
            return self._values.get(text) or self._values.get(text.casefold(), text)
        if self._type == "array":
            return [item for part in _LIST_SEPARATORS.split(text) if (item := part.strip())]
        return self._from_coded(unicodedata.normalize("NFKC", text))

    def _from_coded(self, text: str) -> Any:
        if self._is_date:
            return self._from_date_text(text)
        if self._is_identifier:
            return text.upper()
        if self._type == "integer":
            if _INTEGER.fullmatch(text) is None:
                raise self._error("claim_wrong_type", expected="integer")
            return int(text)
        if self._type == "boolean":
            if text.casefold() in _TRUE | _FALSE:
                return text.casefold() in _TRUE
            raise self._error("claim_wrong_type", expected="boolean")
        return text

    def _from_date_text(self, text: str) -> str:
        day = _day(text) if len(text) <= _MAX_DATE_CHARS else None
        if day is None:
            raise self._error("claim_date_impossible")
        return day

    def _from_number(self, number: float) -> Any:
        if not math.isfinite(number) or number != int(number):
            # A fraction: nothing that the catalogue knows has one.
            raise self._error("claim_wrong_type", expected=self._type)
        whole = int(number)
        if abs(whole) >= _MAX_EXACT:
            raise self._error("import_number_rounded")
        if self._is_date:
            if 0 < whole <= _MAX_SERIAL:
                return self._from_serial(whole)
            return self._from_date_text(str(whole))
        if self._type == "integer":
            return whole
        if self._type == "string":
            return self._from_text(str(whole))
        raise self._error("claim_wrong_type", expected=self._type)

    def _from_serial(self, serial: int) -> str:
        try:
            return (self._epoch + dt.timedelta(days=serial)).isoformat()
        except OverflowError as error:
            raise self._error("claim_date_impossible") from error

    def _from_moment(self, cell: dt.date | dt.datetime | dt.time | dt.timedelta) -> str:
        if not self._is_date:
            raise self._error("import_date_unexpected")
        if isinstance(cell, dt.datetime):
            if cell.time() != dt.time():
                raise self._error("import_date_has_time")
            return cell.date().isoformat()
        if isinstance(cell, dt.date):
            return cell.isoformat()
        raise self._error("claim_date_impossible")

    def _error(self, code: str, **details: object) -> EcertError:
        return ContentError(code, claim=self._claim, label=self._label, **details)


@lru_cache(maxsize=4096)  # a table has few days
def _day(text: str) -> str | None:
    """Return a date as claims write it, or None when it is none."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(group) for group in found.groups() if group is not None)
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return None
