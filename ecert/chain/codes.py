"""Codes as the contracts hold them: bytes that nobody has checked."""

from ecert.encoding import code_bytes, code_text
from ecert.errors import MalformedError
from ecert.fields import hex_bytes, hex_text

_WIDTH = 20


def department_text(code: bytes) -> str:
    """Return a department's code as text.

    The contracts refuse only an empty code, so whoever may admit a department could give one that
    is no text. It must not stop anybody from reading the rest of the chain: it reads as ``0x`` and
    40 digits, which no real code is long enough for.
    """
    try:
        return code_text(code)
    except MalformedError:
        return hex_text(code)


def department_bytes(text: str) -> bytes:
    """Return the code that ``department_text`` gave ``text`` for.

    Raises:
        MalformedError: ``text_not_ascii_code``.
    """
    return hex_bytes(text, _WIDTH) or code_bytes(text, _WIDTH, where="department")
