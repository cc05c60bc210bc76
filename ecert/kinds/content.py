"""Whether claims fit a kind: its JSON Schema, its formats, and what must agree between claims."""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from ecert.errors import ContentError, IdentifierError
from ecert.identifiers import (
    check_certificate_identifier,
    check_credit_code,
    check_resident_id,
)
from ecert.kinds.validity import parse_date
from ecert.limits import MAX_JSON_DEPTH

_DATE_CHARS = 10
_FIRST_DAY = dt.date(1850, 1, 1)
_LAST_DAY = dt.date(2999, 12, 31)
"""Days beyond these are slips of the hand, and would overflow when a term is added."""

# Characters that do not show (Default_Ignorable_Code_Point but for variation selectors, with which
# rare Han characters are written), that reorder what is shown (Unicode UAX 9), or that are half a
# character: a name made with them would look like another, or have no bytes.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    # Beyond, one range to look for and then what in it is safe: twice as fast as four ranges.
    "\U0001bca0-\U000e0fff]"
    "(?<![\U0001bca4-\U0001d172\U0001d17b-\U000dffff\U000e0100-\U000e01ef])"
)

_IDENTIFIERS: Mapping[str, Callable[[str], object]] = {
    "resident-id": check_resident_id,
    "credit-code": check_credit_code,
    "certificate-identifier": check_certificate_identifier,
}
_SEX = {"male": "男", "female": "女"}

# What each keyword of the claims schema (kind.schema.json bounds which there are) is called in
# errors, and the keyword's own member that says what was expected.
_CODES: Mapping[str, tuple[str, str]] = {
    "type": ("claim_wrong_type", "types"),
    "maxLength": ("claim_too_long", "limit"),
    "minLength": ("claim_too_short", "limit"),
    "pattern": ("claim_form_wrong", "pattern"),
    "enum": ("claim_not_allowed", "options"),
    "minimum": ("claim_number_out_of_range", "limit"),
    "maximum": ("claim_number_out_of_range", "limit"),
    "minItems": ("claim_too_short", "limit"),
    "maxItems": ("claim_too_long", "limit"),
    "uniqueItems": ("claim_item_doubled", ""),
}

# A wrong type explains all else, a wrong form explains a wrong length.
_RANKS = {
    "claim_wrong_type": 0,
    "claim_date_impossible": 1,
    "claim_date_out_of_range": 1,
    "claim_identifier_wrong": 1,
}


class ContentCheck:
    """Checks claims against one kind's JSON Schema and consistency rules.

    Args:
        schema: The kind's claims schema, already checked against the kind schema.
        consistency: The kind's consistency rules.
        issuer_adds: Required claims that a table may lack.
    """

    def __init__(
        self,
        schema: Mapping[str, Any],
        consistency: tuple[Mapping[str, str], ...],
        issuer_adds: frozenset[str],
    ) -> None:
        self._properties: Mapping[str, Any] = schema["properties"]
        self._order = {name: position for position, name in enumerate(self._properties)}
        self._consistency = consistency
        required: list[str] = schema["required"]
        row = [name for name in required if name not in issuer_adds]
        self._whole = _validator(schema, required)
        self._row = _validator(schema, row)
        self._partial = _validator(schema, [])

    def problems(
        self, claims: Mapping[str, Any], *, partial: bool = False, row: bool = False
    ) -> list[ContentError]:
        """Return everything that is wrong with ``claims``.

        Args:
            claims: The claims by name.
            partial: Only what is there counts; nothing is required (a presentation).
            row: Of what is required, what the issuing service adds may be missing.

        Returns:
            The errors in the order of the schema; empty when the claims fit. Where an identifier
            is wrong, the error's ``__cause__`` is the ``IdentifierError``.
        """
        validator = self._partial if partial else self._row if row else self._whole
        if isinstance(claims, dict) and _plain(claims) and validator.is_valid(claims):
            return list(self._disagreements(claims))
        unreadable = {
            name: problem
            for name, value in claims.items()
            if (problem := _unreadable(name, value)) is not None
        }
        readable = {name: value for name, value in claims.items() if name not in unreadable}
        problems = _telling(
            [
                problem
                for error in validator.iter_errors(readable)
                for problem in self._explain(error, readable)
                if problem.details["claim"] not in unreadable
            ]
        )
        # What fits by itself may still disagree: name everything in one go.
        wrong = {problem.details["claim"] for problem in problems}
        fitting = {name: value for name, value in readable.items() if name not in wrong}
        problems += [*unreadable.values(), *self._disagreements(fitting)]
        problems.sort(key=lambda p: self._order.get(str(p.details["claim"]), len(self._order)))
        return problems

    def _explain(self, error: ValidationError, claims: Mapping[str, Any]) -> Iterator[ContentError]:
        kind: Any = error.kind
        claim = str(error.instance_path[0]) if error.instance_path else ""
        if kind.name == "required":
            yield self._error("claim_missing", kind.property)
        elif kind.name == "additionalProperties":
            for name in kind.unexpected:
                yield self._error("claim_unknown", name[:40])
        elif kind.name == "format":
            yield self._wrong_format(kind.format, claim, claims[claim])
        else:
            code, member = _CODES[kind.name]
            expected = getattr(kind, member, "")
            yield self._error(code, claim, expected=_short(expected), place=_place(error))

    def _wrong_format(self, name: str, claim: str, value: str) -> ContentError:
        if name == "date":
            try:
                parse_date(value, claim)
            except ContentError as error:
                return self._error(error.code, claim)
            return self._error("claim_date_out_of_range", claim)
        problem = self._error("claim_identifier_wrong", claim)
        try:
            _IDENTIFIERS[name](value)
        except IdentifierError as error:
            problem.__cause__ = error
            problem.details["reason"] = error.code
        return problem

    def _disagreements(self, claims: Mapping[str, Any]) -> Iterator[ContentError]:
        """Apply the consistency rules to claims that each fit the schema."""
        for rule in self._consistency:
            if rule["rule"] == "not_after":
                earlier, later = rule["earlier"], rule["later"]
                # Dates in the form YYYY-MM-DD sort as text.
                if earlier in claims and later in claims and claims[earlier] > claims[later]:
                    yield self._error("claims_out_of_order", later, other=self._label(earlier))
            elif rule["id"] in claims:
                number = check_resident_id(claims[rule["id"]])
                told = {"birth_date": number.birth_date.isoformat(), "sex": _SEX[number.sex]}
                for aspect, value in told.items():
                    claim = rule.get(aspect)
                    if claim is not None and claims.get(claim, value) != value:
                        yield self._error("claims_disagree", claim, other=self._label(rule["id"]))

    def _label(self, claim: str) -> str:
        names = self._properties[claim]["x-names"]
        return f"{names['zh']} / {names['en']}"

    def _error(self, code: str, claim: str, **details: object) -> ContentError:
        label = self._label(claim) if claim in self._properties else claim
        return ContentError(code, claim=claim, label=label, **details)


def _validator(schema: Mapping[str, Any], required: list[str]) -> Draft202012Validator:
    formats: dict[str, Callable[[str], bool]] = {
        name: _holds(check) for name, check in _IDENTIFIERS.items()
    }
    return Draft202012Validator(
        {**schema, "required": required},
        formats={**formats, "date": _is_date},
        validate_formats=True,
        ignore_unknown_formats=False,
    )


def _holds(check: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            check(text)
        except IdentifierError:
            return False
        return True

    return holds


def _is_date(text: str) -> bool:
    return len(text) == _DATE_CHARS and _is_day(text)


@lru_cache(maxsize=4096)  # a batch has few days
def _is_day(text: str) -> bool:
    try:
        return _FIRST_DAY <= parse_date(text, "") <= _LAST_DAY
    except ContentError:
        return False


def _telling(problems: list[ContentError]) -> list[ContentError]:
    """Of several errors of one claim, keep those that say what to do."""
    least: dict[object, int] = {}
    for problem in problems:
        claim, rank = problem.details["claim"], _RANKS.get(problem.code, len(_RANKS))
        least[claim] = min(rank, least.get(claim, rank))
    return [p for p in problems if _RANKS.get(p.code, len(_RANKS)) == least[p.details["claim"]]]


def _plain(claims: dict[str, Any]) -> bool:
    """Whether all is readable text, integers and booleans: the common case, told in one search."""
    texts: list[str] = []
    for name, value in claims.items():
        if isinstance(value, str):
            texts += (name, value)
        elif isinstance(value, int):
            texts.append(name)
        else:
            return False
    try:
        return _UNSAFE.search("".join(texts)) is None
    except TypeError:  # a name that is no text
        return False


def _unreadable(name: object, value: object) -> ContentError | None:
    """Refuse first what the schema validator could not take, or nobody could read."""
    if not isinstance(name, str) or _UNSAFE.search(name):
        return ContentError("claim_unknown", claim=ascii(name)[:40], label=ascii(name)[:40])
    try:
        safe = _readable(value, 0)
    except TypeError as error:
        return ContentError(
            "claim_wrong_type", claim=name[:40], label=name[:40], expected="JSON", place=str(error)
        )
    return None if safe else ContentError("claim_text_unsafe", claim=name[:40], label=name[:40])


def _readable(value: object, depth: int) -> bool:
    match value:
        case str():
            return _UNSAFE.search(value) is None
        case (
            None | bool() | int()
        ):  # no float: 1.0 is an integer to JSON Schema, and has no one form
            return True
        case list() if depth < MAX_JSON_DEPTH:
            return all(_readable(item, depth + 1) for item in value)
        case dict() if depth < MAX_JSON_DEPTH:
            keys = list(value)
            if not all(isinstance(key, str) for key in keys):
                raise TypeError("key")
            return all(_readable(item, depth + 1) for item in (*keys, *value.values()))
    raise TypeError(type(value).__name__)


def _short(expected: object) -> str:
    if isinstance(expected, list | tuple):
        return ", ".join(str(item) for item in expected)[:120]
    return str(expected)[:120]


def _place(error: ValidationError) -> str:
    return "".join(f"/{step}" for step in error.instance_path)[:120]
