"""The process that parses one PDF: PDF on standard input, answer on standard output.

Answer: ``{"size": n}``, a line feed and the document's n bytes; or ``{"code", "details"}`` of an
error. It ends with another code than 0 where it met a limit of its own.
"""

import sys
from contextlib import suppress

from ecert import limits
from ecert.encoding import json_encode
from ecert.errors import MalformedError

MEMORY_BYTES = 512 * limits.MIB
CPU_SECONDS = 8


def bound_process() -> None:
    """Bound this process's memory, processor time and output, where the system can."""
    with suppress(ImportError):  # not on Windows, where the caller's time limit remains
        import resource  # noqa: PLC0415

        output = limits.MAX_PDF_ATTACHMENT_BYTES + limits.KIB
        for name, bound in (
            (resource.RLIMIT_AS, MEMORY_BYTES),
            (resource.RLIMIT_CPU, CPU_SECONDS),
            (resource.RLIMIT_FSIZE, output),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):  # already bounded below that
                resource.setrlimit(name, (bound, bound))


def main() -> int:
    """Parse standard input."""
    bound_process()
    from verifier.pdf_document import bound_qpdf, document_in  # noqa: PLC0415  # within bounds

    bound_qpdf()
    out = sys.stdout.buffer
    try:
        document = document_in(sys.stdin.buffer.read(limits.MAX_PDF_BYTES))
    except MalformedError as error:
        out.write(json_encode({"code": error.code, "details": error.details}).encode())
    else:
        out.write(json_encode({"size": len(document)}).encode() + b"\n" + document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
