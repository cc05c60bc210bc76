"""Reading the document that a PDF carries, at a bounded cost.

A PDF is a stranger's file for a large parser in C++: it is parsed in a process of its own that can
neither take much memory or time nor write, open or inherit anything.
"""

import os
import subprocess
import sys
import tempfile
import threading
from typing import IO

from ecert import limits
from ecert.encoding import json_decode
from ecert.errors import MalformedError, UnavailableError

SECONDS = 10
"""Wall-clock time to read one PDF."""

PARALLEL = 2
"""PDFs read at once by one verifier; further ones wait."""

_SIGNATURE = b"%PDF-"
_SIGNATURE_WITHIN = 1024  # ISO 32000-1 annex H, implementation note 13
_MAX_ANSWER_BYTES = limits.MAX_PDF_ATTACHMENT_BYTES + limits.KIB
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_slots = threading.BoundedSemaphore(PARALLEL)


def is_pdf(data: bytes) -> bool:
    """Return whether ``data`` begins as a PDF file does."""
    return _SIGNATURE in data[:_SIGNATURE_WITHIN]


def read_pdf(data: bytes) -> bytes:
    """Return the ``.ecert.json`` document file that a PDF carries, byte for byte.

    Args:
        data: The PDF.

    Raises:
        MalformedError: ``pdf_too_large``, ``pdf_not_pdf``, ``pdf_too_costly``, and as
            ``verifier.pdf_document.document_in``.
        UnavailableError: ``pdf_reader_unavailable`` when no process can be started.
    """
    if len(data) > limits.MAX_PDF_BYTES:
        raise MalformedError("pdf_too_large", size=len(data), limit=limits.MAX_PDF_BYTES)
    if not is_pdf(data):
        raise MalformedError("pdf_not_pdf")
    try:
        with _slots, tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
            given.write(data)
            given.seek(0)
            _work(given, answer)
            answer.seek(0)
            return _read_answer(answer.read(_MAX_ANSWER_BYTES + 1))
    except OSError as error:
        raise UnavailableError("pdf_reader_unavailable") from error


def _work(given: IO[bytes], answer: IO[bytes]) -> None:
    try:
        subprocess.run(
            [sys.executable, "-I", "-B", "-m", "verifier.pdf_worker"],
            stdin=given,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            timeout=SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise MalformedError("pdf_too_costly") from error
    except subprocess.CalledProcessError as error:  # killed at a limit, or crashed
        raise MalformedError("pdf_too_costly") from error


def _read_answer(answer: bytes) -> bytes:
    """Read what the worker wrote: a line of JSON, then the document.

    The worker has parsed a hostile file: its answer is held to its form like any other input.
    """
    line, _, document = answer.partition(b"\n")
    result = json_decode(line, where="PDF", max_bytes=limits.KIB)
    match result:
        case {"code": str(code), "details": dict(details)}:
            raise MalformedError(code, **details)
        case {"size": int(size)} if size == len(document) <= limits.MAX_PDF_ATTACHMENT_BYTES:
            return document
    raise MalformedError("pdf_malformed")
