"""How a wallet takes a document over from a registry: what both sides must compute alike.

The department hands out a one-time code. The wallet answers it with public keys of its own, a
signature by each of them over the code and the registry's origin, and gets artefacts bound to those
keys. The signatures keep anybody from having a document bound to a key that is not theirs.
"""

import hashlib
import re
import secrets

from ecert.errors import MalformedError

CODE_CHARS = 20
"""Characters of a code, without separators: 100 bits."""

MAX_CARD_KEYS = 8
"""One-time keys that a wallet offers with one claim."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no I, L, O, U
_LOOKALIKES = str.maketrans("ILO", "110")
_DOMAIN = b"ecert-claim-v1\0"
_SEPARATORS = re.compile(r"[\s\-]+")


def new_code() -> str:
    """Return a random code in groups of five, to be read out or typed."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_CHARS))
    return "-".join(text[i : i + 5] for i in range(0, CODE_CHARS, 5))


def normal_code(text: str) -> str:
    """Return a typed code in its one form: capitals, look-alikes replaced, no separators.

    Raises:
        MalformedError: ``claim_code_malformed``.
    """
    if text.isascii() and len(text) <= 4 * CODE_CHARS:
        code = _SEPARATORS.sub("", text).upper().translate(_LOOKALIKES)
        if len(code) == CODE_CHARS and not set(code) - set(_ALPHABET):
            return code
    raise MalformedError("claim_code_malformed", length=CODE_CHARS)


def code_hash(code: str) -> bytes:
    """Return what the registry keeps of a code, 32 bytes.

    Raises:
        MalformedError: ``claim_code_malformed``.
    """
    return hashlib.sha256(_DOMAIN + normal_code(code).encode("ascii")).digest()


def proof_input(code: str, origin: str) -> bytes:
    """Return the bytes that each offered key signs.

    Args:
        code: The code as typed.
        origin: The registry's bare origin.

    Raises:
        MalformedError: ``claim_code_malformed``.
    """
    return _DOMAIN + code_hash(code) + origin.encode("utf-8")
