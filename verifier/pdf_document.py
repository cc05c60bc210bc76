"""Finding the document in a PDF's structure, with qpdf through pikepdf.

Only the attachment counts; the pages are what anybody can redraw, and are never rendered.
Recovery is off, attachments are unpacked here and bounded, and they are told apart by content,
never by name. What cannot be bounded here (a few bytes of a PDF become a hundred in qpdf's memory)
is bounded around it: ``verifier.pdf_worker`` runs this in a process of its own.
"""

import io
import zlib
from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf.settings import set_qpdf_limits

from ecert import limits
from ecert.document import FORMAT
from ecert.encoding import json_decode
from ecert.errors import MalformedError

MAX_ATTACHMENTS = 32
"""Files attached to one PDF."""

MAX_STRUCTURE_BYTES = 4 * limits.MIB
"""One cross-reference or object stream after decompression."""

MAX_TREE_NODES = 256
"""Nodes of the name tree that lists the attachments."""

_FAMILY = FORMAT.partition("/")[0] + "/"

# What qpdf and pikepdf raise on damaged files; KeyError, TypeError: an object of the wrong type.
_DAMAGE = (
    pikepdf.PikepdfError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    OSError,
)


def bound_qpdf() -> None:
    """Bound what qpdf unpacks and tolerates, for the whole process."""
    set_qpdf_limits(
        flate_max_memory=MAX_STRUCTURE_BYTES,
        run_length_max_memory=MAX_STRUCTURE_BYTES,
        png_max_memory=MAX_STRUCTURE_BYTES,
        tiff_max_memory=MAX_STRUCTURE_BYTES,
        parser_max_nesting=64,
        max_stream_filters=4,
        doc_max_warnings=64,
    )


def document_in(data: bytes) -> bytes:
    """Return the one document file that a PDF carries, byte for byte.

    Args:
        data: The PDF.

    Raises:
        MalformedError: ``pdf_encrypted``, ``pdf_malformed``, ``pdf_too_many_attachments``,
            ``pdf_attachment_too_large``, ``pdf_attachment_malformed``,
            ``pdf_attachment_filter``, ``pdf_no_attachment``, ``pdf_no_document``,
            ``pdf_several_documents``.
    """
    try:
        with _open(data) as pdf:
            files = [_content(stream) for stream in _streams(pdf)]
    except pikepdf.PasswordError as error:
        raise MalformedError("pdf_encrypted") from error
    except _DAMAGE as error:
        raise MalformedError("pdf_malformed") from error
    if not files:
        raise MalformedError("pdf_no_attachment")
    documents = {file for file in files if _is_document(file)}
    if not documents:
        raise MalformedError("pdf_no_document", count=len(files))
    if len(documents) > 1:
        raise MalformedError("pdf_several_documents", count=len(documents))
    return documents.pop()


def _open(data: bytes) -> pikepdf.Pdf:
    pdf = pikepdf.open(
        io.BytesIO(data),
        attempt_recovery=False,
        suppress_warnings=True,
        inherit_page_attributes=False,
    )
    if pdf.is_encrypted:  # with an empty password; PDF/A forbids it (ISO 19005-3 section 6.1.3)
        pdf.close()
        raise MalformedError("pdf_encrypted")
    return pdf


def _streams(pdf: pikepdf.Pdf) -> Iterator[pikepdf.Object]:
    """Yield each embedded file once, from the name tree and from the document's own AF array."""
    seen: set[tuple[int, int]] = set()
    for specification in _specifications(pdf.Root):
        embedded = specification.EF
        stream = embedded.get("/UF", embedded.get("/F"))
        if not isinstance(stream, pikepdf.Stream):
            raise MalformedError("pdf_attachment_malformed")
        if stream.objgen in seen:
            continue
        seen.add(stream.objgen)
        if len(seen) > MAX_ATTACHMENTS:
            raise MalformedError("pdf_too_many_attachments", limit=MAX_ATTACHMENTS)
        yield stream


def _specifications(root: Any) -> Iterator[Any]:
    """Yield file specifications (ISO 32000-2 sections 7.7.4, 7.9.6 and 14.13)."""
    associated = root.get("/AF", [])
    if len(associated) > MAX_ATTACHMENTS:
        raise MalformedError("pdf_too_many_attachments", limit=MAX_ATTACHMENTS)
    yield from (item for item in associated if "/EF" in item)
    names = root.get("/Names")
    waiting = [names.EmbeddedFiles] if names is not None and "/EmbeddedFiles" in names else []
    for _ in range(MAX_TREE_NODES):
        if not waiting:
            return
        node = waiting.pop()
        pairs = node.get("/Names", [])
        kids = node.get("/Kids", [])
        if len(pairs) > 2 * MAX_ATTACHMENTS or len(kids) > MAX_TREE_NODES:
            raise MalformedError("pdf_too_many_attachments", limit=MAX_ATTACHMENTS)
        yield from (pairs[i] for i in range(1, len(pairs), 2) if "/EF" in pairs[i])
        waiting.extend(kids)
    raise MalformedError("pdf_too_many_attachments", limit=MAX_ATTACHMENTS)


def _content(stream: Any) -> bytes:
    """Unpack an embedded file: stored as it is, or by Flate alone, and bounded."""
    limit = limits.MAX_PDF_ATTACHMENT_BYTES
    raw: bytes = stream.read_raw_bytes()
    filters = _filters(stream)
    if filters == ["/FlateDecode"]:
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(raw, limit + 1)
        except zlib.error as error:
            raise MalformedError("pdf_attachment_malformed") from error
        if len(content) <= limit and not unpacker.eof:
            raise MalformedError("pdf_attachment_malformed")
    elif not filters:
        content = raw
    else:
        raise MalformedError("pdf_attachment_filter")
    if len(content) > limit:
        raise MalformedError("pdf_attachment_too_large", limit=limit)
    return content


def _filters(stream: Any) -> list[str]:
    value = stream.get("/Filter")
    if stream.get("/DecodeParms") is not None or "/FFilter" in stream or "/F" in stream:
        raise MalformedError("pdf_attachment_filter")
    if value is None:
        return []
    if isinstance(value, pikepdf.Name):
        return [str(value)]
    return [str(item) for item in list(value)[:2]]


def _is_document(content: bytes) -> bool:
    """Tell whether an attachment is a document of ours, of whatever version."""
    try:
        value = json_decode(content, where="PDF", max_bytes=limits.MAX_PDF_ATTACHMENT_BYTES)
    except MalformedError:
        return False
    form = value.get("format") if isinstance(value, dict) else None
    return isinstance(form, str) and form.startswith(_FAMILY)
