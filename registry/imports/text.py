"""CSV (RFC 4180) in UTF-8 or GB18030."""

import codecs
import csv
import io

from ecert.errors import MalformedError
from registry.imports.model import Lines


def csv_lines(data: bytes) -> Lines:
    """Read a CSV file's rows.

    UTF-8 is tried first, with or without a byte order mark. GB18030, which spreadsheet programs in
    China write, is accepted where the bytes are strictly valid in it; a wrong guess cannot pass
    unnoticed, since the header would not be known.

    Raises:
        MalformedError: ``import_encoding``, ``import_csv_malformed`` (while iterating, too).
    """
    text = _decode(data)
    if "\0" in text:
        raise MalformedError("import_csv_malformed", row=1, reason="NUL")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # a quote left open, or a field over the module's 128 KiB
            reason = str(error)
            raise MalformedError("import_csv_malformed", row=number, reason=reason) from error
        yield number, list(cells)


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise MalformedError("import_encoding")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise MalformedError("import_encoding")
