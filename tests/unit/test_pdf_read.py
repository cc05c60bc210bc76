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
from pdf_samples import code_of, pdf_with, saved, structure_bomb
from pikepdf import Array, Dictionary, Name, String
from pikepdf.settings import get_qpdf_limits, set_qpdf_limits

from ecert import limits
from ecert.errors import EcertError
from registry.paper import render_pdf
from verifier.pdf_document import MAX_ATTACHMENTS, MAX_STRUCTURE_BYTES, bound_qpdf, document_in


@pytest.fixture(scope="module")
def page():
    return render_pdf(paper())


@pytest.fixture(autouse=True)
def bounded():
    """Bound qpdf here as in the worker, and undo it: the bounds hold for the whole process."""
    before = get_qpdf_limits()
    bound_qpdf()
    yield
    set_qpdf_limits(**before)


def test_plain_and_packed_attachments_are_read():
    assert document_in(pdf_with(DOCUMENT)) == DOCUMENT
    assert document_in(pdf_with(zlib.compress(DOCUMENT), Filter=Name.FlateDecode)) == DOCUMENT
    assert (
        document_in(pdf_with(zlib.compress(DOCUMENT), Filter=Array([Name.FlateDecode]))) == DOCUMENT
    )


def test_attachments_are_told_apart_by_content_not_by_name():
    assert document_in(pdf_with(b"hello", DOCUMENT, b"{}", name="x.exe")) == DOCUMENT


def test_a_page_saved_again_by_other_software_is_read(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        file = io.BytesIO()
        pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.generate, recompress_flate=True)
    assert document_in(file.getvalue()) == DOCUMENT


def test_a_page_with_an_update_appended_is_read(page):
    """As a signature or a note adds one (ISO 32000-2 section 7.5.6)."""
    previous = int(page.rpartition(b"startxref")[2].split()[0])
    with pikepdf.open(io.BytesIO(page)) as pdf:
        size, root = int(pdf.trailer.Size), pdf.Root.objgen[0]
    added = page + b"\n"
    at = len(added)
    added += b"%d 0 obj<</Note(added)>>endobj\n" % size
    start = len(added)
    added += b"xref\n%d 1\n%010d 00000 n \n" % (size, at)
    added += b"trailer<</Size %d/Root %d 0 R/Prev %d>>\n" % (size + 1, root, previous)
    assert document_in(added + b"startxref\n%d\n%%%%EOF" % start) == DOCUMENT


def test_the_same_document_attached_twice_is_one():
    assert document_in(pdf_with(DOCUMENT, DOCUMENT)) == DOCUMENT


def test_attachment_listed_in_nested_nodes_is_read():
    pdf = pikepdf.open(io.BytesIO(pdf_with(DOCUMENT)))
    leaf = pdf.make_indirect(pdf.Root.Names.EmbeddedFiles)
    pdf.Root.Names.EmbeddedFiles = Dictionary(
        Kids=Array([pdf.make_indirect(Dictionary(Kids=[leaf]))])
    )
    assert document_in(saved(pdf)) == DOCUMENT


def test_no_attachment():
    pdf = pikepdf.new()
    pdf.add_blank_page()
    assert code_of(saved(pdf), document_in) == "pdf_no_attachment"


def test_printing_again_drops_the_document(page):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        del pdf.Root.AF
        del pdf.Root.Names
        assert code_of(saved(pdf), document_in) == "pdf_no_attachment"


@pytest.mark.parametrize("content", [b"", b"hello", b"{}", b"[1]", b'{"format":1}', b"\xff", b"7"])
def test_attachments_that_are_no_documents(content):
    assert code_of(pdf_with(content), document_in) == "pdf_no_document"


def test_two_different_documents():
    assert code_of(pdf_with(DOCUMENT, DOCUMENT + b" "), document_in) == "pdf_several_documents"


def test_too_many_attachments():
    assert (
        code_of(pdf_with(*[b"x"] * (MAX_ATTACHMENTS + 1)), document_in)
        == "pdf_too_many_attachments"
    )


@pytest.mark.parametrize("password", ["", "secret"])
def test_encrypted(page, password):
    with pikepdf.open(io.BytesIO(page)) as pdf:
        encryption = pikepdf.Encryption(owner="owner", user=password)
        assert code_of(saved(pdf, encryption=encryption), document_in) == "pdf_encrypted"


def test_attachment_bomb_is_not_unpacked():
    bomb = zlib.compress(bytes(300 * limits.MIB))
    start = time.perf_counter()
    assert (
        code_of(pdf_with(bomb, Filter=Name.FlateDecode), document_in) == "pdf_attachment_too_large"
    )
    assert time.perf_counter() - start < 5


def test_largest_plain_attachment():
    space = limits.MAX_PDF_ATTACHMENT_BYTES - len(DOCUMENT)
    assert document_in(pdf_with(DOCUMENT + b" " * space)) == DOCUMENT + b" " * space
    assert (
        code_of(pdf_with(DOCUMENT + b" " * (space + 1)), document_in) == "pdf_attachment_too_large"
    )


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
    assert (
        code_of(pdf_with(zlib.compress(DOCUMENT), **keys), document_in) == "pdf_attachment_filter"
    )


@pytest.mark.parametrize("content", [DOCUMENT, zlib.compress(DOCUMENT)[:-5]])
def test_damaged_attachment(content):
    assert (
        code_of(pdf_with(content, Filter=Name.FlateDecode), document_in)
        == "pdf_attachment_malformed"
    )


@pytest.mark.parametrize("target", [Dictionary(), Array(), String("x"), 7, Name.X])
def test_attachment_that_is_no_stream(target):
    pdf = pikepdf.new()
    pdf.add_blank_page()
    specification = pdf.make_indirect(Dictionary(EF=Dictionary(F=target)))
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=[String("a"), specification]))
    assert code_of(saved(pdf), document_in) in ("pdf_attachment_malformed", "pdf_malformed")


def test_name_tree_that_leads_back_to_itself():
    pdf = pikepdf.new()
    pdf.add_blank_page()
    node = pdf.make_indirect(Dictionary())
    node.Kids = Array([node, node])
    pdf.Root.Names = Dictionary(EmbeddedFiles=node)
    assert code_of(saved(pdf), document_in) == "pdf_too_many_attachments"


@pytest.mark.parametrize("names", [7, [], [1], [1, 2], [String("a"), String("b")], {"/X": 1}])
def test_name_tree_of_other_things(names):
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=names))
    assert code_of(saved(pdf), document_in) in ("pdf_malformed", "pdf_no_attachment")


@pytest.mark.parametrize("kind", ["xref", "objects"])
def test_structure_bomb_is_bounded(kind):
    payload = b"2 0 " + b" " * (16 * MAX_STRUCTURE_BYTES)
    start = time.perf_counter()
    assert code_of(structure_bomb(kind, payload), document_in) == "pdf_malformed"
    assert time.perf_counter() - start < 5


def test_object_stream_of_the_same_making_is_read_when_small():
    # The control: the bomb above is refused for its size, not for its making.
    good = (
        b"2 0 <</Type/Catalog/Pages<</Type/Pages/Kids[<</Type/Page/MediaBox[0 0 9 9]>>]/Count 1>>>>"
    )
    assert code_of(structure_bomb("objects", good), document_in) == "pdf_no_attachment"


def outcome(data):
    """What a reader gets: the document or a code; anything else fails the test."""
    try:
        return document_in(data)
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
