"""What a kind's data file must hold besides its form: that names refer to what exists.

Run after ``kind.schema.json`` has passed; every function yields (place, reason).
"""

import re
import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from jsonschema_rs import Draft202012Validator

from ecert.errors import IdentifierError
from ecert.identifiers import check_credit_code

# What is always in the clear in a document (RFC 7519, SD-JWT VC) cannot be a claim of a kind.
_RESERVED = frozenset(
    {"iss", "dept", "vct", "iat", "nbf", "exp", "cnf", "status", "jti", "sub", "aud", "nonce"}
)
_COMMON = ("certificate_identifier", "issuing_authority", "issue_date")
"""Claims that every kind has."""


def misfits(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (place, reason) for each name that does not refer to what it should."""
    claims = raw["claims"]["properties"]
    required = raw["claims"]["required"]
    yield from _claim_misfits(claims)
    for place, name in _references(raw):
        if name not in claims:
            yield place, f"no claim is called {name}"
    yield from _required_misfits(raw, required)
    if sorted(raw["display"]["order"]) != sorted(claims):
        yield "/display/order", "it must name every claim once"
    if missing := set(claims) - set(raw["columns"].values()):
        yield "/columns", f"no header for {min(missing)}"
    for name, schema in claims.items():
        if raw["columns"].get(schema["x-names"]["zh"]) != name:
            yield "/columns", f"the Chinese name of {name} must be one of its headers"
    yield from _date_misfits(raw, claims)
    yield from _card_misfits(raw, claims)
    try:
        check_credit_code(raw["type_code"]["value"][:18])
    except IdentifierError as error:
        yield "/type_code/value", str(error)


def _required_misfits(
    raw: Mapping[str, Any], required: Collection[str]
) -> Iterator[tuple[str, str]]:
    for name in _COMMON:
        if name not in required:
            yield "/claims/required", f"every kind requires {name}"
    for name in raw["issuer_adds"]:
        if name not in required:
            yield "/issuer_adds", f"{name} is not required"
    for name in _needed(raw["validity"]):
        if name not in required:
            yield "/validity", f"{name} decides validity, so it must be required"


def _claim_misfits(claims: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, schema in claims.items():
        place = f"/claims/properties/{name}"
        if name in _RESERVED:
            yield place, "the name is reserved"
        if not set(schema.get("x-values", {})) <= set(
            schema.get("enum", schema.get("x-values", {}))
        ):
            yield f"{place}/x-values", "it names a value that enum lacks"
        for pattern in (schema.get("pattern"), schema.get("items", {}).get("pattern")):
            if pattern is not None and not _compiles(pattern):
                yield f"{place}/pattern", "it is not a regular expression"


def _references(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (place, claim) for every place that names a claim."""
    lists: Iterable[tuple[str, Iterable[str]]] = (
        ("/claims/required", raw["claims"]["required"]),
        ("/sensitive", raw["sensitive"]),
        ("/columns", raw["columns"].values()),
        ("/face", raw["face"]),
        ("/display/order", raw["display"]["order"]),
        ("/subject", (raw["subject"]["name"], raw["subject"]["id"])),
        ("/validity", _named(raw["validity"])),
    )
    for place, names in lists:
        for name in names:
            yield place, name
    for position, rule in enumerate(raw["consistency"]):
        for aspect in set(rule) - {"rule"}:
            yield f"/consistency/{position}/{aspect}", rule[aspect]
    for language, template in raw["display"]["title"].items():
        for field in _fields(template):
            yield f"/display/title/{language}", field
    for position, card in enumerate(raw["cards"]):
        derived = card.get("derive", {})
        for name in card["claims"]:
            if name not in derived:
                yield f"/cards/{position}/claims", name
        for name, rule in derived.items():
            yield f"/cards/{position}/derive/{name}/from", rule["from"]


def _card_misfits(raw: Mapping[str, Any], claims: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    cards = raw["cards"]
    for member in ("view", "number"):
        if len({card[member] for card in cards}) != len(cards):
            yield "/cards", f"two cards share a {member}"
    if raw["paper_card"] not in {card["view"] for card in cards}:
        yield "/paper_card", "no card has this view"
    subject = {raw["subject"]["name"], raw["subject"]["id"]}
    for position, card in enumerate(cards):
        place = f"/cards/{position}"
        if len(set(card["claims"].values())) != len(card["claims"]):
            yield f"{place}/claims", "two claims share an integer"
        for name in card.get("derive", {}):
            if name in claims or name in _RESERVED:
                yield f"{place}/derive/{name}", "the name is taken"
            if name not in card["claims"]:
                yield f"{place}/derive/{name}", "it is derived but not in the card"
        anonymous = not subject <= set(card["claims"])
        if anonymous and not card["holder_key"]:
            yield place, "a card without a holder's key must identify its subject"
        if anonymous and card["view"] == raw["paper_card"]:
            yield place, "the card on paper must identify its subject"


def _date_misfits(raw: Mapping[str, Any], claims: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rule = raw["validity"]
    dates = [rule[key] for key in ("from", "birth_date", "latest") if key in rule]
    if rule["type"] == "until_claim":
        dates.append(rule["claim"])
    dates.append("issue_date")
    for check in raw["consistency"]:
        dates += [check[key] for key in ("earlier", "later", "birth_date") if key in check]
        if check["rule"] == "resident_id" and _format(claims, check["id"]) != "resident-id":
            yield "/consistency", f"{check['id']} must have the format resident-id"
    for card in raw["cards"]:
        dates += [d["from"] for d in card.get("derive", {}).values() if "age_at_least" in d]
    for name in dates:
        if _format(claims, name) != "date":
            yield f"/claims/properties/{name}", "it is used as a date, so its format must be date"


def _named(rule: Mapping[str, Any]) -> list[str]:
    return [rule[key] for key in ("claim", "from", "birth_date", "latest") if key in rule]


def _needed(rule: Mapping[str, Any]) -> list[str]:
    """Claims without which the end of validity cannot be told."""
    return [] if "otherwise" in rule else _named(rule)


def _format(claims: Mapping[str, Any], name: str) -> object:
    return claims.get(name, {}).get("format")


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
        Draft202012Validator({"pattern": pattern})
    except (re.error, ValueError):
        return False
    return True


def _fields(template: str) -> list[str]:
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError:
        return ["{"]
    # A conversion or format would let a template reach into values.
    return [
        field + (spec or "") + (conversion or "")
        for _, field, spec, conversion in parsed
        if field is not None
    ]
