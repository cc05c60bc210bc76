"""Checks of form that issuing and reading share, so that neither makes what the other refuses."""

import re
from typing import Any, TypeGuard

from ecert import limits
from ecert.card.model import CardContent, ClaimValue
from ecert.errors import MalformedError
from ecert.receipt import MAX_PATH, CompactReceipt

MAX_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z, the last moment a calendar date can name
MAX_INT = (1 << 53) - 1  # what every implementation can hold (RFC 8259 section 6)
_MAX_NUMBER = 0xFFFF
_MAX_STATUS_LIST = 0xFFFF_FFFF
_DEPT = re.compile(r"[0-9A-Z.\-]{1,20}\Z")


def is_int(value: Any, least: int, most: int) -> TypeGuard[int]:
    """Return whether ``value`` is an integer (no bool) from ``least`` to ``most``."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def require_int(value: Any, most: int, where: str, *, least: int = 0) -> int:
    """Return ``value`` if it is an integer from ``least`` to ``most``.

    Raises:
        MalformedError: ``card_malformed``.
    """
    if not is_int(value, least, most):
        raise MalformedError("card_malformed", where=where)
    return value


def require_bytes(value: Any, where: str, *, least: int, most: int) -> bytes:
    """Return ``value`` if it is a byte string of ``least`` to ``most`` bytes.

    Raises:
        MalformedError: ``card_malformed``.
    """
    if not isinstance(value, bytes) or not least <= len(value) <= most:
        raise MalformedError("card_malformed", where=where)
    return value


def check_content(content: CardContent) -> None:
    """Check every field's form and bound.

    Raises:
        MalformedError: ``card_malformed`` or ``card_claim_malformed``.
    """
    if not isinstance(content.dept, str) or _DEPT.match(content.dept) is None:
        raise MalformedError("card_malformed", where="dept")
    require_int(content.kind, _MAX_NUMBER, "kind", least=1)
    require_int(content.version, _MAX_NUMBER, "version", least=1)
    require_int(content.view, _MAX_NUMBER, "view", least=1)
    require_int(content.status.list, _MAX_STATUS_LIST, "status.list")
    require_int(content.status.index, limits.MAX_STATUS_INDEX, "status.index")
    require_int(content.iat, MAX_TIME, "iat")
    require_int(content.nbf, MAX_TIME, "nbf")
    if content.exp is not None:
        require_int(content.exp, MAX_TIME, "exp")
    if not 0 < len(content.claims) <= limits.MAX_CARD_CLAIMS:
        raise MalformedError("card_malformed", where="claims")
    for number, value in content.claims.items():
        check_claim(number, value)


def check_claim(number: Any, value: Any) -> ClaimValue:
    """Return ``value`` if it may stand in a card under ``number``.

    Raises:
        MalformedError: ``card_claim_malformed``.
    """
    if is_int(number, 1, _MAX_NUMBER):
        if isinstance(value, str) and len(value) <= limits.MAX_CARD_TEXT_CHARS:
            return value
        if isinstance(value, bool) or is_int(value, -MAX_INT, MAX_INT):
            return value
    raise MalformedError("card_claim_malformed", number=number)


def check_receipt(receipt: CompactReceipt) -> None:
    """Check a receipt's bounds; whether it leads to a root is another step's question.

    Raises:
        MalformedError: ``card_malformed``.
    """
    require_int(receipt.size, limits.MAX_TREE_SIZE, "receipt.size", least=1)
    require_int(receipt.index, receipt.size - 1, "receipt.index")
    require_int(receipt.block, MAX_INT, "receipt.block")
    if len(receipt.path) > MAX_PATH:
        raise MalformedError("card_malformed", where="receipt.path")
    for node in receipt.path:
        require_bytes(node, "receipt.path", least=32, most=32)
