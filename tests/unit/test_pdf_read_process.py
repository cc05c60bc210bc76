"""The process in which a stranger's PDF is parsed: bounded, alone, and not believed."""

import subprocess
import sys

import pytest
from paper_samples import DOCUMENT, paper
from pdf_samples import code_of, pdf_with

from ecert import limits
from ecert.errors import MalformedError, UnavailableError
from registry.paper import render_pdf
from verifier import pdf_read, pdf_worker
from verifier.pdf_read import is_pdf, read_pdf


@pytest.fixture(scope="module")
def page():
    return render_pdf(paper())


def test_the_process_apart_gives_the_same_answers(page):
    assert read_pdf(page) == DOCUMENT
    largest = DOCUMENT + b" " * (limits.MAX_PDF_ATTACHMENT_BYTES - len(DOCUMENT))
    assert read_pdf(pdf_with(largest)) == largest
    assert code_of(pdf_with(b"x"), read_pdf) == "pdf_no_document"
    assert code_of(page[:-2000], read_pdf) == "pdf_malformed"


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
    assert code_of(data, read_pdf) == code


MEASURE = """
import resource, subprocess, sys
worker = [sys.executable, "-I", "-m", "verifier.pdf_worker"]
subprocess.run(worker, stdin=sys.stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory_is_bounded_whatever_the_structure(tmp_path):
    """Two bytes of a PDF become over a hundred in the parser: 14 MB would take a gigabyte."""
    catalog = b"<</Type/Catalog/Pages 2 0 R/X[" + b"0 " * 7_000_000 + b"]>>"
    head = b"%PDF-1.7\n1 0 obj\n" + catalog + b"\nendobj\n"
    table = b"xref\n0 2\n0000000000 65535 f \n0000000009 00000 n \n"
    tail = b"trailer<</Size 2/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(head)
    bomb = head + table + tail
    # qpdf calls some failed allocations damage
    assert code_of(bomb, read_pdf) in ("pdf_malformed", "pdf_too_costly")
    (tmp_path / "bomb.pdf").write_bytes(bomb)
    with (tmp_path / "bomb.pdf").open() as file:
        command = [sys.executable, "-c", MEASURE]
        out = subprocess.run(command, check=True, stdin=file, capture_output=True)
    assert 200 * limits.MIB < int(out.stdout) * limits.KIB < pdf_worker.MEMORY_BYTES


def test_time_is_bounded(page, monkeypatch):
    monkeypatch.setattr(pdf_read, "SECONDS", 0.001)
    assert code_of(page, read_pdf) == "pdf_too_costly"


def test_a_reader_that_cannot_start_is_no_verdict(page, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(UnavailableError) as caught:
        read_pdf(page)
    assert caught.value.code == "pdf_reader_unavailable"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\n",
        b"[]",
        b'{"size":2}\nabc',
        b'{"size":-1}\n',
        b'{"size":"2"}\nab',
        b'{"code":"pdf_malformed"}',
        b'{"code":1,"details":{}}',
        b'{"size":2000000}\n' + bytes(2_000_000),
        b"\xff\n",
    ],
)
def test_answer_of_a_corrupted_reader_is_refused(answer, page, monkeypatch):
    monkeypatch.setattr(pdf_read, "_work", lambda _given, out: out.write(answer))
    with pytest.raises(MalformedError) as caught:
        read_pdf(page)
    assert caught.value.message("zh")


def test_reader_inherits_no_secret(tmp_path, page, monkeypatch):
    seen = tmp_path / "environment"
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n/usr/bin/env > {seen}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("ECERT_KEY_PASSPHRASE", "secret")
    monkeypatch.setattr(sys, "executable", str(fake))
    assert code_of(page, read_pdf)
    assert "secret" not in seen.read_text()


def test_is_pdf():
    assert is_pdf(b"\n%PDF-1.4")
    assert not is_pdf(b" " * 1024 + b"%PDF-1.4")
