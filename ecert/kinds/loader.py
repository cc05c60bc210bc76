"""From a kind's data file to a ``Kind``, checked so that nothing fails later.

``kind.schema.json`` defines the form; ``references`` checks what it cannot say. A broken file gives
a ``KindError`` that names the file and the place.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema_rs import Draft202012Validator

from ecert.encoding import json_decode
from ecert.errors import EcertError, KindError
from ecert.kinds.content import ContentCheck
from ecert.kinds.kind import Display, Kind, Subject, TypeCode
from ecert.kinds.references import misfits
from ecert.kinds.views import Card, Derivation
from ecert.limits import MAX_KIND_FILE_BYTES


def load_kind(data: bytes, file: str) -> tuple[Kind, Mapping[str, Any]]:
    """Read a kind's data file.

    Args:
        data: The file's content.
        file: Its name, for errors.

    Returns:
        The kind, and its data as parsed, for the catalogue's hash.

    Raises:
        KindError: ``kind_file_malformed`` with the file, the place and the reason.
    """
    try:
        raw = json_decode(data, where=file, max_bytes=MAX_KIND_FILE_BYTES)
    except EcertError as error:
        raise _malformed(file, "", str(error)) from error
    for problem in _schema().iter_errors(raw):
        raise _malformed(file, _pointer(problem.instance_path), problem.message)
    for place, reason in misfits(raw):
        raise _malformed(file, place, reason)
    return _kind(raw), raw


def _kind(raw: Mapping[str, Any]) -> Kind:
    return Kind(
        code=raw["code"],
        number=raw["number"],
        version=raw["version"],
        names=raw["names"],
        type_code=TypeCode(**raw["type_code"]),
        issuer_kinds=tuple(raw["issuer_kinds"]),
        holder=raw["holder"],
        subject=Subject(**raw["subject"]),
        issuer_adds=tuple(raw["issuer_adds"]),
        validity=raw["validity"],
        claims=raw["claims"],
        sensitive={claim: tuple(classes) for claim, classes in raw["sensitive"].items()},
        columns=raw["columns"],
        face=tuple(raw["face"]),
        paper_card=raw["paper_card"],
        cards=tuple(_card(card) for card in raw["cards"]),
        display=Display(tuple(raw["display"]["order"]), raw["display"]["title"]),
        max_status_age=raw["max_status_age"],
        fresh_challenge=raw["fresh_challenge"],
        content=ContentCheck(
            raw["claims"], tuple(raw["consistency"]), frozenset(raw["issuer_adds"])
        ),
    )


def _card(raw: Mapping[str, Any]) -> Card:
    derived = {
        name: Derivation(
            name=name,
            names=rule["names"],
            source=rule["from"],
            age_at_least=rule.get("age_at_least"),
            one_of=frozenset(rule.get("one_of", ())),
        )
        for name, rule in raw.get("derive", {}).items()
    }
    return Card(raw["view"], raw["number"], raw["names"], raw["holder_key"], raw["claims"], derived)


def _pointer(path: Iterable[object]) -> str:
    return "".join(f"/{step}" for step in path)


def _malformed(file: str, place: str, reason: str) -> KindError:
    return KindError("kind_file_malformed", file=file, place=place or "/", reason=reason[:300])


@cache
def _schema() -> Draft202012Validator:
    text = (resources.files("ecert.kinds") / "kind.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))
