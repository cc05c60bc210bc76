"""From a department's CSV or Excel file to validated rows. Pure: no database, no network."""

from registry.imports.model import ImportProblem, ImportResult, ImportRow
from registry.imports.table import read_table

__all__ = ["ImportProblem", "ImportResult", "ImportRow", "read_table"]
