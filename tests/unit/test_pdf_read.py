"""PDFs that strangers send: each has its code, none gives anything but an EcertError."""

import io
import random
import time
import zlib

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper_samples import DOCUMENT, paper
from pikepdf import Array, Dictionary, Name, Stream, String

from ecert import limits
from ecert.errors import EcertError, MalformedError
from registry.paper import render_pdf
from verifier.pdf_read import MAX_ATTACHMENTS, MAX_STRUCTURE_BYTES, is_pdf, read_pdf


@pytest.fixture(scope="module")
def page():
    return render_pdf(paper())


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


def code_of(data):
    with pytest.raises(MalformedError) as caught:
        read_pdf(data)
    assert caught.value.message("zh")
    assert caught.value.message("en")
    return caught.value.code


def test_plain_and_packed_attachments_are_read():
    assert read_pdf(pdf_with(DOCUMENT)) == DOCUMENT
    assert read_pdf(pdf_with(zlib.compress(DOCUMENT), Filter=Name.FlateDecode)) == DOCUMENT
    assert read_pdf(pdf_with(zlib.compress(DOCUMENT), Filter=Array([Name.FlateDecode]))) == DOCUMENT


def test_attachments_are_told_apart_by_content_not_by_name():
    assert read_pdf(pdf_with(b"hello", DOCUMENT, b"{}", name="x.exe")) == DOCUMENT


def test_a_page_saved_again_by_other_software_is_read(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        file = io.BytesIO()
        pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.generate, recompress_flate=True)
    assert read_pdf(file.getvalue()) == DOCUMENT


def test_the_same_document_attached_twice_is_one():
    assert read_pdf(pdf_with(DOCUMENT, DOCUMENT)) == DOCUMENT


def test_attachment_listed_in_nested_nodes_is_read():
    pdf = pikepdf.open(io.BytesIO(pdf_with(DOCUMENT)))
    leaf = pdf.make_indirect(pdf.Root.Names.EmbeddedFiles)
    pdf.Root.Names.EmbeddedFiles = Dictionary(
        Kids=Array([pdf.make_indirect(Dictionary(Kids=[leaf]))])
    )
    assert read_pdf(saved(pdf)) == DOCUMENT


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "pdf_not_pdf"),
        (b"\x89PNG\r\n", "pdf_not_pdf"),
        (DOCUMENT, "pdf_not_pdf"),
        (b"%PDF-1.7", "pdf_malformed"),
        (b"%PDF-1.7\n" + b"\0" * 5000, "pdf_malformed"),
        (b"%PDF-1.7\n" + b"[" * 100_000, "pdf_malformed"),
        (b"%PDF-1.7\n" + bytes(limits.MAX_PDF_BYTES), "pdf_too_large"),
    ],
)
def test_what_is_no_pdf(data, code):
    assert code_of(data) == code


def test_no_attachment():
    pdf = pikepdf.new()
    pdf.add_blank_page()
    assert code_of(saved(pdf)) == "pdf_no_attachment"


def test_printing_again_drops_the_document(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        del pdf.Root.AF
        del pdf.Root.Names
        assert code_of(saved(pdf)) == "pdf_no_attachment"


@pytest.mark.parametrize("content", [b"", b"hello", b"{}", b"[1]", b'{"format":1}', b"\xff", b"7"])
def test_attachments_that_are_no_documents(content):
    assert code_of(pdf_with(content)) == "pdf_no_document"


def test_two_different_documents():
    assert code_of(pdf_with(DOCUMENT, DOCUMENT + b" ")) == "pdf_several_documents"


def test_too_many_attachments():
    assert code_of(pdf_with(*[b"x"] * (MAX_ATTACHMENTS + 1))) == "pdf_too_many_attachments"


@pytest.mark.parametrize("password", ["", "secret"])
def test_encrypted(page, password):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        encryption = pikepdf.Encryption(owner="owner", user=password)
        assert code_of(saved(pdf, encryption=encryption)) == "pdf_encrypted"


def test_attachment_bomb_is_not_unpacked():
    bomb = zlib.compress(bytes(300 * limits.MIB))
    start = time.perf_counter()
    assert code_of(pdf_with(bomb, Filter=Name.FlateDecode)) == "pdf_attachment_too_large"
    assert time.perf_counter() - start < 5


def test_largest_plain_attachment():
    space = limits.MAX_PDF_ATTACHMENT_BYTES - len(DOCUMENT)
    assert read_pdf(pdf_with(DOCUMENT + b" " * space)) == DOCUMENT + b" " * space
    assert code_of(pdf_with(DOCUMENT + b" " * (space + 1))) == "pdf_attachment_too_large"


@pytest.mark.parametrize(
    "keys",
    [
        {"Filter": Name.LZWDecode},
        {"Filter": Name.ASCIIHexDecode},
        {"Filter": Array([Name.FlateDecode, Name.FlateDecode])},
        {"Filter": Name.FlateDecode, "DecodeParms": Dictionary(Predictor=12, Columns=1)},
        {"F": String("/etc/passwd")},
        {"FFilter": Name.FlateDecode},
    ],
)
def test_other_ways_of_storing_are_refused(keys):
    assert code_of(pdf_with(zlib.compress(DOCUMENT), **keys)) == "pdf_attachment_filter"


@pytest.mark.parametrize("content", [DOCUMENT, zlib.compress(DOCUMENT)[:-5]])
def test_damaged_attachment(content):
    assert code_of(pdf_with(content, Filter=Name.FlateDecode)) == "pdf_attachment_malformed"


@pytest.mark.parametrize("target", [Dictionary(), Array(), String("x"), 7, Name.X])
def test_attachment_that_is_no_stream(target):
    pdf = pikepdf.new()
    pdf.add_blank_page()
    specification = pdf.make_indirect(Dictionary(EF=Dictionary(F=target)))
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=[String("a"), specification]))
    assert code_of(saved(pdf)) in ("pdf_attachment_malformed", "pdf_malformed")


def test_name_tree_that_leads_back_to_itself():
    pdf = pikepdf.new()
    pdf.add_blank_page()
    node = pdf.make_indirect(Dictionary())
    node.Kids = Array([node, node])
    pdf.Root.Names = Dictionary(EmbeddedFiles=node)
    assert code_of(saved(pdf)) == "pdf_too_many_attachments"


@pytest.mark.parametrize("names", [7, [], [1], [1, 2], [String("a"), String("b")], {"/X": 1}])
def test_name_tree_of_other_things(names):
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=names))
    assert code_of(saved(pdf)) in ("pdf_malformed", "pdf_no_attachment")


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


@pytest.mark.parametrize("kind", ["xref", "objects"])
def test_structure_bomb_is_bounded(kind):
    payload = b"2 0 " + b" " * (16 * MAX_STRUCTURE_BYTES)
    start = time.perf_counter()
    assert code_of(structure_bomb(kind, payload)) == "pdf_malformed"
    assert time.perf_counter() - start < 5


def test_object_stream_of_the_same_making_is_read_when_small():
    # The control: the bomb above is refused for its size, not for its making.
    good = (
        b"2 0 <</Type/Catalog/Pages<</Type/Pages/Kids[<</Type/Page/MediaBox[0 0 9 9]>>]/Count 1>>>>"
    )
    assert code_of(structure_bomb("objects", good)) == "pdf_no_attachment"


def outcome(data):
    """What a reader gets: the document or a code; anything else fails the test."""
    try:
        return read_pdf(data)
    except EcertError as error:
        return error.code


def test_truncation_anywhere_gives_a_code(page):
    for cut in range(0, len(page), 997):
        result = outcome(page[:cut])
        assert isinstance(result, str), cut


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 40))
def test_mutation_gives_the_document_or_a_code(page, seed, flips):
    rng = random.Random(seed)
    data = bytearray(page)
    for _ in range(flips):
        data[rng.randrange(len(data))] = rng.randrange(256)
    outcome(bytes(data))


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_mutated_structure_gives_the_document_or_a_code(seed):
    """Small PDFs, where a change meets structure more often than a font."""
    rng = random.Random(seed)
    data = bytearray(pdf_with(DOCUMENT, b"x"))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data))
        size = rng.randint(0, 8)
        data[at : at + size] = rng.randbytes(rng.randint(0, 8))
    outcome(bytes(data))


def test_is_pdf():
    assert is_pdf(b"\n%PDF-1.4")
    assert not is_pdf(b" " * 1024 + b"%PDF-1.4")
