"""From whatever a person has at hand to the text that is verified.

What a file is, its first bytes say, never its name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecert import limits, lookup
from ecert.artefact import MAX_INPUT_BYTES
from ecert.encoding import utf8_decode
from ecert.errors import EcertError, MalformedError
from ecert.evidence import Evidence, is_evidence
from verifier.image import is_picture
from verifier.pdf_read import is_pdf, read_pdf
from verifier.qr_read import read_documents

MAX_FILE_BYTES = max(limits.MAX_PDF_BYTES, limits.MAX_IMAGE_BYTES, MAX_INPUT_BYTES)
"""The largest file of any sort that is taken."""

Fetch = Callable[[lookup.LookupUrl], bytes]
"""Gets the ciphertext that a look-up code names."""


_PASSING = frozenset({"lookup_offline", "registry_unreachable"})
"""Why a look-up code cannot be followed just now: it says nothing about where it leads."""


@dataclass(frozen=True, slots=True)
class Input:
    """A document as it came.

    Attributes:
        source: ``file``, ``pdf``, ``picture``, ``lookup`` or ``evidence``.
        data: What is to be verified.
        error: Why there is nothing to verify; None where there is.
    """

    source: str
    data: bytes | str = b""
    error: EcertError | None = None


def is_text(data: bytes) -> bool:
    """Return whether ``data`` is taken for text: no PDF and no picture, which take long to read."""
    return not is_pdf(data) and not is_picture(data)


def read_input(data: bytes, fetch: Fetch) -> Sequence[Input]:
    """Return the documents that ``data`` holds; a picture may show several.

    Each of several stands for itself: one that cannot be had hides none of the others. A paper
    shows a look-up code beside one that needs no network; where the first cannot be followed just
    now, the second is enough.

    Args:
        data: A document file, an SD-JWT, a card, a look-up URL, a PDF, an evidence package,
            or a PNG or JPG picture.
        fetch: Gets the entry of a look-up code.

    Raises:
        MalformedError: It is too large, or nothing to verify is in it.
        UnavailableError: A look-up code's entry cannot be fetched.
    """
    if len(data) > MAX_FILE_BYTES:
        raise MalformedError("too_large", where="input", size=len(data), limit=MAX_FILE_BYTES)
    if is_pdf(data):
        return (Input("pdf", read_pdf(data)),)
    if is_evidence(data):  # its document, asked about anew: what it proves is of its own time
        return (Input("evidence", Evidence.decode(data).document),)
    if is_picture(data):  # of another format: told so, not taken for damaged text
        return _readable([_attempt(text, fetch) for text in read_documents(data)])
    if len(data) > MAX_INPUT_BYTES:
        raise MalformedError("too_large", where="input", size=len(data), limit=MAX_INPUT_BYTES)
    # Editors put a byte order mark first. A card may hold blanks, but base45 never ends in one.
    text = utf8_decode(data, where="input").removeprefix("\ufeff").strip()
    return (_resolve("file", text, fetch),)


def _attempt(text: str, fetch: Fetch) -> Input:
    try:
        return _resolve("picture", text, fetch)
    except EcertError as error:
        return Input("lookup", error=error)


def _readable(found: Sequence[Input]) -> Sequence[Input]:
    if all(each.error is not None for each in found):
        return found
    return [each for each in found if each.error is None or each.error.code not in _PASSING]


def _resolve(source: str, text: str, fetch: Fetch) -> Input:
    if not lookup.is_lookup_url(text):
        return Input(source, text)
    url = lookup.parse_url(text)
    return Input("lookup", lookup.open_(fetch(url), url.id, url.key))
