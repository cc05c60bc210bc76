"""Signing paper artefacts, many documents at once: the work of issuing that processes share.

Pure, and free of what a process that has no database would load for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import orjson

from ecert.errors import EcertError
from ecert.kinds import Catalogue
from ecert.signing import SUITES, Signer, SoftwareSigner
from registry.documents.issuing import Issue, Signed, sign_card, sign_document
from registry.documents.preparing import check_term

Entry: TypeAlias = tuple[int, int]
"""A status list and an index in it."""


class Approved(NamedTuple):
    """A document that waits for its signatures, as the database has it."""

    id: str
    department: str
    kind: str
    claims: str
    """As JSON."""
    issued_at: int | None
    valid_until: int | None


class Outcome(NamedTuple):
    """What became of a document: its artefacts, or why it cannot be signed.

    Each artefact is its form, view, text, digest, status list and index.
    """

    id: str
    issued_at: int
    valid_until: int | None
    artefacts: Sequence[tuple[str, str | None, str, bytes, int, int]]
    refused: str | None


@dataclass(frozen=True, slots=True)
class Papers:
    """Documents to be signed by one key.

    Attributes:
        origin: The registry's https origin.
        suite: The key's suite under its JOSE name.
        secret: The private key.
        cards: Whether each gets its kind's paper card.
        now: The time of signing.
        documents: The documents, of one department.
        entries: Status entries, one for each artefact.
    """

    origin: str
    suite: str
    secret: bytes = field(repr=False)
    cards: bool
    now: int
    documents: Sequence[Approved]
    entries: Sequence[Entry]


def sign_papers(papers: Papers) -> list[Outcome]:
    """Sign the paper artefacts of documents."""
    signer = _signer(papers.suite, papers.secret)
    each = 2 if papers.cards else 1
    outcomes: list[Outcome] = []
    for number, document in enumerate(papers.documents):
        entries = papers.entries[number * each : (number + 1) * each]
        try:
            outcomes.append(_sign(papers, document, entries, signer))
        except EcertError as error:
            outcomes.append(Outcome(document.id, papers.now, None, (), error.code))
    return outcomes


def _sign(papers: Papers, document: Approved, entries: Sequence[Entry], signer: Signer) -> Outcome:
    kind = _catalogue().kind(document.kind)
    claims: dict[str, Any] = orjson.loads(document.claims)
    # What was signed before, for an anchor that never came, keeps its term.
    until = document.valid_until if document.issued_at else check_term(kind, claims, papers.now)
    issue = Issue(papers.origin, document.department, kind, claims, until)
    now = papers.now
    made = [sign_document(issue, signer, status=entries[0], now=now, holder=None)]
    if papers.cards:
        view = kind.paper_card
        made.append(sign_card(issue, signer, view, status=entries[1], now=now, holder=None))
    return Outcome(document.id, document.issued_at or now, until, [*map(_values, made)], None)


def _values(made: Signed) -> tuple[str, str | None, str, bytes, int, int]:
    return (made.form.value, made.view, made.text, made.digest, *made.status)


@lru_cache(maxsize=1)
def _catalogue() -> Catalogue:
    return Catalogue.load()


@lru_cache(maxsize=64)
def _signer(jose: str, secret: bytes) -> SoftwareSigner:
    suite = next(suite for suite in SUITES if suite.jose == jose)
    return SoftwareSigner.from_private_bytes(suite, secret)
