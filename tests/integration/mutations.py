"""Damages evidence packages at random and counts what came of it: no copy proves anything else."""

import random
from collections import Counter
from dataclasses import dataclass, field

from ecert.errors import EcertError
from ecert.evidence import Evidence, EvidenceReport
from ecert.report import Verdict
from ecert.trust import TrustStore
from tests.integration.evidence_world import check, reseal

FLIPS = (1, 1, 1, 2, 8)
"""Bits that are flipped in one copy: mostly one."""


@dataclass
class Outcome:
    """What came of the copies.

    Attributes:
        copies: How many there were.
        refused: By the error's code.
        judged: Copies that were read and found not valid, by verdict.
        same: Copies that verified with what the original says, all of it.
        changed: Copies that verified with anything else: none, or all is lost.
    """

    copies: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    judged: Counter[str] = field(default_factory=Counter)
    same: int = 0
    changed: list[bytes] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.copies} copies: {self.refused.total()} refused, {self.judged.total()} judged "
            f"not valid, {self.same} the same content, {len(self.changed)} changed and valid"
        )


def flip_anywhere(data: bytes, trust: TrustStore, copies: int, seed: int) -> Outcome:
    """Flip bits anywhere, each stretch of the package in its turn."""
    chosen = random.Random(seed)
    outcome = Outcome()
    for copy in range(copies):
        low, high = copy * len(data) // copies, max((copy + 1) * len(data) // copies, 1)
        places = [chosen.randrange(low, max(high, low + 1))]
        places += [chosen.randrange(len(data)) for _ in range(chosen.choice(FLIPS) - 1)]
        _count(outcome, _flipped(data, places, chosen), data, trust)
    return outcome


def flip_and_reseal(data: bytes, trust: TrustStore, copies: int, seed: int) -> Outcome:
    """Flip bits in document and proof, and make all else agree: what an attacker does."""
    chosen = random.Random(seed)
    outcome = Outcome()
    whole = Evidence.decode(data)
    parts = [whole.document, whole.proof.encode()]
    size = sum(map(len, parts))
    for copy in range(copies):
        position = copy * size // copies
        part = int(position >= len(parts[0]))
        inside = position - part * len(parts[0])
        others = [chosen.randrange(len(parts[part])) for _ in range(chosen.choice(FLIPS) - 1)]
        changed = list(parts)
        changed[part] = _flipped(parts[part], [inside, *others], chosen)
        _count(outcome, reseal(*changed), data, trust)
    return outcome


def flip_statement(data: bytes, trust: TrustStore, copies: int, seed: int) -> Outcome:
    """Flip bits in what the package says of itself; no manifest covers it."""
    chosen = random.Random(seed)
    outcome = Outcome()
    said = Evidence.decode(data).proof.statement.encode()
    start, size = data.index(said), len(said)
    for copy in range(copies):
        places = [start + copy * size // copies]
        places += [start + chosen.randrange(size) for _ in range(chosen.choice(FLIPS) - 1)]
        _count(outcome, _flipped(data, places, chosen), data, trust)
    return outcome


def _flipped(data: bytes, places: list[int], chosen: random.Random) -> bytes:
    out = bytearray(data)
    for place in set(places):
        out[place] ^= 1 << chosen.randrange(8)
    return bytes(out)


def _count(outcome: Outcome, copy: bytes, original: bytes, trust: TrustStore) -> None:
    outcome.copies += 1
    try:
        report = check(copy, trust)
    except EcertError as error:
        outcome.refused[error.code] += 1
        return
    if report.verdict is not Verdict.VALID:
        outcome.judged[report.verdict.value] += 1
    elif said(report) == said(check(original, trust)):
        outcome.same += 1
    else:
        outcome.changed.append(copy)


def said(report: EvidenceReport) -> tuple[object, ...]:
    """Return all that a report says of the document and the chain, but for the file's own hash."""
    subject = report.report.subject
    assert subject is not None
    return (subject, report.facts, report.block, report.receipt, report.timestamp, report.proves)
