"""PDFs with attachments of any sort, for the tests of reading them."""

import io
import zlib

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Stream, String

from ecert.errors import MalformedError


def pdf_with(*contents, name="a.ecert.json", **stream_keys):
    """A PDF with attachments of these contents, all of one name."""
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pairs = Array()
    for i, content in enumerate(contents):
        stream = Stream(pdf, content)
        for key, value in stream_keys.items():
            stream[f"/{key}"] = value
        specification = Dictionary(Type=Name.Filespec, F=name, UF=name, EF=Dictionary(F=stream))
        pairs.append(String(f"{i:04}"))
        pairs.append(pdf.make_indirect(specification))
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=pairs))
    return saved(pdf)


def saved(pdf, **options):
    file = io.BytesIO()
    pdf.save(file, compress_streams=False, **options)
    return file.getvalue()


def structure_bomb(kind, payload):
    """A PDF whose cross-reference stream, or object stream, unpacks to ``payload``."""
    packed = zlib.compress(payload, 9)
    head = b"%PDF-1.7\n"
    if kind == "xref":
        body = (
            b"1 0 obj<</Type/XRef/Size 3/W[1 2 1]/Root 2 0 R/Filter/FlateDecode/Length %d>>stream\n"
        )
        body = body % len(packed) + packed + b"\nendstream endobj\n"
        return head + body + b"startxref\n%d\n%%%%EOF" % len(head)
    stream = b"1 0 obj<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n" % len(
        packed
    )
    stream += packed + b"\nendstream endobj\n"
    at = len(head) + len(stream)
    rows = bytes([0, 0, 0, 0]) + bytes([1]) + len(head).to_bytes(2, "big") + b"\0"
    rows += bytes([2, 0, 1, 0]) + bytes([1]) + at.to_bytes(2, "big") + b"\0"
    table = b"3 0 obj<</Type/XRef/Size 4/W[1 2 1]/Root 2 0 R/Length %d>>stream\n" % len(rows)
    table += rows + b"\nendstream endobj\n"
    return head + stream + table + b"startxref\n%d\n%%%%EOF" % at


def code_of(data, read):
    with pytest.raises(MalformedError) as caught:
        read(data)
    assert caught.value.message("zh")
    assert caught.value.message("en")
    return caught.value.code
