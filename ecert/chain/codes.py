"""Codes as the contracts hold them: bytes that nobody has checked."""

from ecert.encoding import code_text
from ecert.errors import MalformedError
from ecert.fields import hex_text


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
