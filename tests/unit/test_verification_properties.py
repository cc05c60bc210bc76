"""Whatever is changed, the answer is never "valid" for another content, and always a report."""

import copy
import json
import unicodedata
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecert import card, sd_jwt
from ecert.artefact import Expectation
from ecert.card.holder import MemoryReplayCache
from ecert.checkpoint import Checkpoint
from ecert.errors import EcertError
from ecert.report import Report, Verdict
from ecert.signing import SoftwareSigner
from ecert.trust import TrustStore
from ecert.verification import Verifier
from tests.fakes.world import RESIDENT, World

HOLDER = SoftwareSigner.generate()
EXPECT = Expectation(audience="https://school.example", nonce="n-1", challenge=b"12345678")
MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))

REORDERING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["0x" + "00" * 32, "~", "ecert/1", "440100", "EC1:"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@dataclass(frozen=True, repr=False)
class Shown:
    """A world with a document and a card that are valid in it."""

    world: World
    document: str
    card: str

    def __repr__(self) -> str:
        return "Shown(…)"

    def verify(self, data: bytes | str) -> Report:
        world = self.world
        trust = TrustStore(world.trust_file().sign([world.council]), world.catalogue, now=world.now)
        verifier = Verifier(trust, world, replay=MemoryReplayCache())
        report = verifier.verify(data, now=world.now, expect=EXPECT)
        json.dumps(report.to_json(), ensure_ascii=False).encode("utf-8")
        for step in report.steps:
            assert step.message("zh").isprintable()
            assert step.message("en").isprintable()
        return report


@pytest.fixture(scope="module")
def shown() -> Shown:
    world = World()
    issued = world.issue(holder=HOLDER.public_key)
    made = world.issue_card(holder=HOLDER.public_key)
    first, second = world.anchor(issued.digest, made.digest)
    presented = sd_jwt.present(
        issued.text,
        ["name", "sex"],
        holder=HOLDER,
        audience=str(EXPECT.audience),
        nonce=str(EXPECT.nonce),
        now=world.now,
    )
    text = card.with_receipt(made.text, second.compact())
    text = card.with_proof(text, holder=HOLDER, now=world.now, challenge=b"12345678")
    return Shown(world, world.file(presented, first).decode(), text)


def same_or_not_valid(shown: Shown, original: str, changed: bytes | str) -> None:
    report = shown.verify(changed)
    if report.verdict is Verdict.VALID:  # white space between JSON's members, say
        whole = shown.verify(original).subject
        assert report.subject and whole
        assert (report.subject.claims, report.subject.digest) == (whole.claims, whole.digest)


def test_both_are_valid_as_they_are(shown: Shown) -> None:
    for text in (shown.document, shown.card):
        assert shown.verify(text).verdict is Verdict.VALID
        assert shown.verify(text.encode()).verdict is Verdict.VALID


@MANY
@given(
    which=st.sampled_from(["document", "card"]),
    edits=st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 2), st.binary(max_size=3)),
        min_size=1,
        max_size=3,
    ),
)
def test_changed_bytes(shown: Shown, which: str, edits: list[tuple[int, int, bytes]]) -> None:
    original = getattr(shown, which)
    data = bytearray(original.encode())
    for place, cut, put in edits:
        at = place % len(data)
        data[at : at + cut] = put
    same_or_not_valid(shown, original, bytes(data))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [p for name in value for p in places(value[name], (*path, name))]
    elif isinstance(value, list):
        found += [p for index, item in enumerate(value) for p in places(item, (*path, index))]
    return found


@MANY
@given(pick=st.integers(0, 10_000), put=JSON)
def test_a_changed_member(shown: Shown, pick: int, put: Any) -> None:
    value = json.loads(shown.document)
    every = places(value)[1:]
    *way, last = every[pick % len(every)]
    place = changed = copy.deepcopy(value)
    for step in way:
        place = place[step]
    place[last] = put
    report = shown.verify(json.dumps(changed))
    assert report.verdict is not Verdict.VALID or changed == value


@MANY
@given(data=st.binary(max_size=300) | st.text(max_size=300) | JSON.map(json.dumps))
def test_anything_at_all_is_unreadable(shown: Shown, data: bytes | str) -> None:
    assert shown.verify(data).verdict is Verdict.UNREADABLE


@MANY
@given(
    claims=st.dictionaries(st.sampled_from(list(RESIDENT)) | st.text(max_size=10), JSON, max_size=6)
)
def test_an_issuer_that_signs_anything(shown: Shown, claims: dict[str, Any]) -> None:
    """Even the right key over nonsense gives a report, and no text that could deceive."""
    world = shown.world
    try:
        issued = world.issue(claims)
    except EcertError:  # what SD-JWT itself does not allow
        return
    (receipt,) = world.anchor(issued.digest)
    report = shown.verify(world.file(issued.text, receipt))
    assert report.verdict is not Verdict.UNREADABLE
    if report.subject and report.subject.claims:
        text = "".join(map(str, report.subject.claims.values()))
        assert not {unicodedata.category(char) for char in text} & {"Cc", "Cs", "Zl", "Zp"}
        assert not {unicodedata.bidirectional(char) for char in text} & REORDERING


@MANY
@given(pick=st.integers(0, 10_000), put=st.binary(max_size=2))
def test_a_changed_checkpoint(pick: int, put: bytes) -> None:
    signed = Checkpoint(5, 7, b"h" * 32, b"s" * 32, 9)
    data = bytearray(signed.sign(HOLDER))
    at = pick % len(data)
    data[at : at + 1] = put
    try:
        read = Checkpoint.verify(bytes(data), [HOLDER.public_key])
    except EcertError:
        return
    assert read == signed
