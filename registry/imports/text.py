"""CSV (RFC 4180) in UTF-8 or GB18030, read as a stream: the size of a file costs no memory."""

import codecs
import contextlib
import csv
import io
from collections.abc import Iterator
from typing import IO

from ecert import limits
from ecert.errors import MalformedError
from registry.imports.model import Lines

_BLOCK = 64 * limits.KIB


def csv_lines(stream: IO[bytes]) -> Lines:
    """Read a CSV file's rows.

    UTF-8 is tried first, with or without a byte order mark. GB18030, which spreadsheet programs in
    China write, is accepted where the bytes are strictly valid in it; a wrong guess cannot pass
    unnoticed, since the header would not be known.

    Args:
        stream: The file's content; it is read twice.

    Raises:
        MalformedError: ``import_encoding``, ``import_csv_malformed`` (while iterating, too).
    """
    return _lines(stream, _encoding(stream))


def _lines(stream: IO[bytes], encoding: str) -> Lines:
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding, newline="")
    source = _Records(text)
    reader = csv.reader(source, strict=True)
    number = 0
    try:
        while True:
            number += 1
            source.left = limits.MAX_IMPORT_RECORD_CHARS
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:  # a quote left open, or over a bound
                reason = str(error)
                raise MalformedError("import_csv_malformed", row=number, reason=reason) from error
            except UnicodeDecodeError as error:  # it is another file than a moment ago
                raise MalformedError("import_encoding") from error
            yield number, list(cells)
    finally:
        with contextlib.suppress(ValueError):  # closed already
            text.detach()  # the stream is its owner's to close


class _Records:
    """A text's lines, while one record takes no more of them than fit in memory."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.left = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(self.left)
        if not line:
            raise StopIteration
        self.left -= len(line)
        if not self.left:
            raise csv.Error(f"row over {limits.MAX_IMPORT_RECORD_CHARS} characters")
        return line


def _encoding(stream: IO[bytes]) -> str:
    """Return the encoding that fits the whole file."""
    start = stream.read(2)
    if start in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        raise MalformedError("import_encoding")
    for encoding in ("utf-8-sig", "gb18030"):
        stream.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        nul = False
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
                nul = nul or b"\0" in block
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        if nul:
            raise MalformedError("import_csv_malformed", row=1, reason="NUL")
        return encoding
    raise MalformedError("import_encoding")
