"""What a call does, said in words that are made from the call itself.

Whoever signs for the council reads these: nothing in them comes from a proposal's author but what
the call's own bytes hold, and a call that cannot be said in full is not signed.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ecert.encoding import code_text
from ecert.errors import Language, MalformedError, messages
from ecert.fields import hex_text
from ecert.status import Status
from registry.chain.abi import function_of
from registry.chain.addresses import checksum_address
from registry.chain.calls import ContractCall, Role

Words = dict[Language, str]
Book = Mapping[str, str]
"""Names of the contracts by their addresses in lower case."""

LANGUAGES: tuple[Language, ...] = ("zh", "en")
MAX_SHOWN = 4096
"""Items of a list that are said; a call with more is not signed."""

_HUMP = re.compile(r"(?=[A-Z])")
_INNER = "callData"
_DECEIVING = re.compile(
    r" {2,}|[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Gaps that draw lines of their own on a terminal, and letters and marks that show nothing."""

_TURNING = frozenset({"R", "AL", "AN"})
"""Classes of characters that are written from the right and move what stands beside them."""


@dataclass(frozen=True, slots=True)
class Act:
    """A call of the council, understood.

    Attributes:
        call: The call.
        arguments: Its arguments by name.
        announces: The call that it announces, if it is an announcement.
    """

    call: ContractCall
    arguments: Mapping[str, Any]
    announces: "Act | None" = None

    @property
    def department(self) -> str | None:
        """The department that it is about, if it is about one."""
        act = self.announces or self
        found = act.arguments.get("department")
        return None if found is None else code_text(found)


def read_act(book: Book, to: str, data: bytes) -> Act:
    """Understand a call of the council.

    Raises:
        MalformedError: ``proposal_call_unknown``: of another contract or function;
            ``proposal_call_unclear``: it holds more than what would be said of it, or is made in a
            department's name; ``call_argument_malformed``.
    """
    contract = book.get(to.lower())
    function = None if contract is None else function_of(contract, data)
    if contract is None or function is None or not _is_known(function.name):
        raise MalformedError("proposal_call_unknown", to=to, selector=hex_text(data[:4]))
    arguments = function.decode(data)
    unclear = MalformedError("proposal_call_unclear", function=function.name)
    # What is decoded must be all that there is.
    if function.encode([arguments[name] for name in function.inputs]) != data:
        raise unclear
    if any(arguments.get("actor", b"")) or any(arguments.get("parent", b"")):
        raise unclear
    if any(len(value) > MAX_SHOWN for value in arguments.values() if isinstance(value, tuple)):
        raise unclear
    call = ContractCall(contract, function.name, checksum_address(bytes.fromhex(to[2:])), data)
    if function.name != "schedule":
        return Act(call, arguments)
    inner = read_act(book, to, arguments[_INNER])
    if inner.announces is not None:
        raise unclear
    return Act(call, arguments, inner)


def describe(act: Act) -> Words:
    """Return what an act does, in Chinese and English.

    Raises:
        MalformedError: ``proposal_call_unclear``: a code or text in it is none.
    """
    if act.announces is not None:
        inner = describe(act.announces)
        return {
            language: messages()["council_act_schedule"][language].format(act=inner[language])
            for language in LANGUAGES
        }
    table = messages()[_key(act.call.function)]
    return {
        language: table[language].format(
            contract=act.call.contract,
            **{name: _said(act, name, value, language) for name, value in act.arguments.items()},
        )
        for language in LANGUAGES
    }


def _said(act: Act, name: str, value: Any, language: Language) -> str:
    try:
        return _plain(name, value, language)
    except (MalformedError, ValueError) as error:
        raise MalformedError("proposal_call_unclear", function=act.call.function) from error


def _plain(name: str, value: Any, language: Language) -> str:
    if name in _DEPARTMENTS and not any(value):
        return messages()["council_top"][language]
    if name in _WRITTEN:
        return _WRITTEN[name](value)
    if isinstance(value, bytes):
        return hex_text(value)
    if isinstance(value, str):  # all texts but names are addresses
        return checksum_address(bytes.fromhex(value[2:]))
    return str(value)


def _quoted(text: str) -> str:
    """Return a text in quotes, with whatever could hide or move other text, or end it, escaped."""
    hidden = {place for gap in _DECEIVING.finditer(text) for place in range(*gap.span())}
    return "“{}”".format(
        "".join(
            char if place not in hidden and _is_plain(char) else _escaped(char)
            for place, char in enumerate(text)
        )
    )


def _is_plain(char: str) -> bool:
    if char in "\\“”" or unicodedata.bidirectional(char) in _TURNING:
        return False
    return char == " " or unicodedata.category(char)[0] in "LMNPS"


def _escaped(char: str) -> str:
    return "\\x20" if char == " " else char.encode("unicode_escape").decode("ascii")


_DEPARTMENTS = frozenset({"department", "newParent", "into"})
_WRITTEN: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys((*_DEPARTMENTS, "kind", "departmentKind"), code_text),
    "name": _quoted,
    "kinds": lambda kinds: ", ".join(map(code_text, kinds)) or "-",
    "indices": lambda indices: ", ".join(map(str, indices)),
    "role": lambda role: Role(role).name.lower(),
    "status": lambda status: Status(status).name.lower(),
}
"""How an argument of this name is written; others by their type."""


@cache
def _is_known(function: str) -> bool:
    return _key(function) in messages()


def _key(function: str) -> str:
    return f"council_act_{_HUMP.sub('_', function).lower()}"
