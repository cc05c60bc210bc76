"""An Excel file as a zip archive, bounded before anything trusts it (ECMA-376 part 2).

Sizes in a zip's directory are claims. Each part is therefore inflated here under a bound, and must
turn out exactly as large as the directory says, before a library reads the archive.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator

from ecert import limits
from ecert.errors import MalformedError

_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
_CHUNK_BYTES = 1 << 16
_MAX_ZIP_BYTES = (1 << 32) - 1  # beyond is zip64, which no file within our bounds needs


def parts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each part's name and content.

    Raises:
        MalformedError: ``import_excel_malformed``, ``import_excel_encrypted``,
            ``import_zip_bomb`` when it inflates beyond ``MAX_IMPORT_UNZIPPED_BYTES`` or has more
            than ``MAX_IMPORT_PARTS`` parts.
    """
    budget = limits.MAX_IMPORT_UNZIPPED_BYTES
    for entry in _directory(data):
        if entry.file_size > budget:
            raise MalformedError("import_zip_bomb", limit=limits.MAX_IMPORT_UNZIPPED_BYTES)
        content = _inflate(data, entry)
        budget -= len(content)
        yield entry.filename, content


def _directory(data: bytes) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise _malformed("zip") from error
    if len(entries) > limits.MAX_IMPORT_PARTS:
        raise MalformedError("import_zip_bomb", limit=limits.MAX_IMPORT_PARTS)
    if sum(entry.file_size for entry in entries) > limits.MAX_IMPORT_UNZIPPED_BYTES:
        raise MalformedError("import_zip_bomb", limit=limits.MAX_IMPORT_UNZIPPED_BYTES)
    # Readers differ in which of two parts of one name they take.
    names = {entry.filename.casefold() for entry in entries}
    if len(names) != len(entries):
        raise _malformed("doubled part")
    for entry in entries:
        if entry.flag_bits & _ENCRYPTED:
            raise MalformedError("import_excel_encrypted")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise _malformed("compression")
        if max(entry.file_size, entry.compress_size, entry.header_offset) >= _MAX_ZIP_BYTES:
            raise _malformed("zip64")
    return entries


def _inflate(data: bytes, entry: zipfile.ZipInfo) -> bytes:
    """Inflate one part from its own bytes, whose header must agree with the directory."""
    start = entry.header_offset
    header = data[start : start + _LOCAL_HEADER_BYTES]
    if len(header) != _LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        raise _malformed("local header")
    if int.from_bytes(header[8:10], "little") != entry.compress_type:
        raise _malformed("local header")
    start += _LOCAL_HEADER_BYTES
    start += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = data[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        content = packed
    else:
        content = _inflate_exactly(packed, entry.file_size)
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise _malformed("size or checksum")
    return content


def _inflate_exactly(packed: bytes, size: int) -> bytes:
    """Inflate raw deflate data that must yield ``size`` bytes, holding no more than one over."""
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces: list[bytes] = []
    total = 0
    try:
        while not decoder.eof and total <= size:
            piece = decoder.decompress(packed, min(_CHUNK_BYTES, size - total + 1))
            packed = decoder.unconsumed_tail
            if not piece and not packed and not decoder.eof:
                raise _malformed("cut short")
            pieces.append(piece)
            total += len(piece)
    except zlib.error as error:
        raise _malformed("deflate") from error
    if total > size or decoder.unused_data:
        raise MalformedError("import_zip_bomb", limit=size)
    return b"".join(pieces)


def _malformed(reason: str) -> MalformedError:
    return MalformedError("import_excel_malformed", reason=reason)
