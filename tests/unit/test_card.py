"""Cards: issue, read, verify, show."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from ecert import card, limits
from ecert.errors import (
    ContentError,
    EcertError,
    HolderBindingError,
    MalformedError,
    SignatureInvalidError,
    UnavailableError,
)
from ecert.facts import StatusReference
from ecert.receipt import CompactReceipt, receipts_of
from ecert.signing import ED25519, ES256, SoftwareSigner

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
DEPARTMENT = SoftwareSigner.generate()
HOLDER = SoftwareSigner.generate()
CHALLENGE = bytes(range(16))


def content(**changes):
    plain = card.CardContent(
        dept="11440100007482MB2A",
        kind=1,
        version=1,
        view=2,
        claims={1: True},
        status=StatusReference(3, limits.STATUS_LIST_SIZE - 1),
        iat=SECONDS,
        nbf=SECONDS,
        exp=SECONDS + 10 * 365 * 86400,
        holder=HOLDER.public_key,
    )
    return dataclasses.replace(plain, **changes)


def code_of(error_type, function, *args, **kwargs):
    with pytest.raises(error_type) as raised:
        function(*args, **kwargs)
    for language in ("zh", "en"):
        assert "<" not in raised.value.message(language)  # no detail is missing
    return raised.value.code


def shown(challenge=CHALLENGE, now=NOW):
    text = card.issue(content(), signer=DEPARTMENT).text
    return card.parse(card.with_proof(text, holder=HOLDER, now=now, challenge=challenge))


@pytest.mark.parametrize("suite", [ES256, ED25519])
@pytest.mark.parametrize("holder_suite", [ES256, ED25519, None])
@pytest.mark.parametrize("exp", [None, SECONDS + 60])
def test_a_card_says_what_was_issued(suite, holder_suite, exp):
    signer = SoftwareSigner.generate(suite)
    holder = SoftwareSigner.generate(holder_suite) if holder_suite else None
    said = content(
        claims={1: "欧阳建国", 2: -8000, 3: False, 300: ""},
        exp=exp,
        holder=holder.public_key if holder else None,
    )
    issued = card.issue(said, signer=signer)
    read = card.parse(issued.text)
    assert read.content == said
    assert (read.digest, read.cti, read.kid) == (
        issued.digest,
        issued.cti,
        signer.public_key.thumbprint,
    )
    assert read.receipt is None
    assert read.proof is None
    card.verify_issuer(read, signer.public_key)


def test_two_cards_of_the_same_content_cannot_be_linked_by_digest_or_cti():
    first, second = (card.issue(content(), signer=DEPARTMENT) for _ in range(2))
    assert first.digest != second.digest
    assert first.cti != second.cti


def test_another_departments_key_does_not_verify():
    other = SoftwareSigner.generate()
    read = card.parse(card.issue(content(), signer=DEPARTMENT).text)
    assert (
        code_of(SignatureInvalidError, card.verify_issuer, read, other.public_key)
        == "card_kid_mismatch"
    )
    forged = dataclasses.replace(read, kid=other.public_key.thumbprint)
    assert (
        code_of(SignatureInvalidError, card.verify_issuer, forged, other.public_key)
        == "signature_invalid"
    )


def test_the_receipt_joins_later_and_leads_to_the_root():
    batch = [card.issue(content(), signer=DEPARTMENT) for _ in range(5)]
    receipts = receipts_of(
        [issued.digest for issued in batch],
        department="11440100007482MB2A",
        chain_id=1337,
        contract=bytes(20),
        block=77,
    )
    for issued, full in zip(batch, receipts, strict=True):
        compact = CompactReceipt(full.index, full.size, full.path, full.block)
        read = card.parse(card.with_receipt(issued.text, compact))
        card.verify_issuer(read, DEPARTMENT.public_key)
        assert read.digest == issued.digest
        assert read.receipt == compact
        expanded = read.receipt.expand(
            read.digest, department=read.content.dept, chain_id=1337, contract=bytes(20)
        )
        assert expanded == full


def test_the_receipt_can_be_left_out_again_and_the_proof_stays():
    issued = card.issue(content(), signer=DEPARTMENT)
    text = card.with_receipt(issued.text, CompactReceipt(0, 1, (), 5))
    assert card.with_receipt(text, None) == issued.text
    proven = card.with_proof(text, holder=HOLDER, now=NOW, challenge=CHALLENGE)
    read = card.parse(card.with_receipt(proven, None))
    assert read.receipt is None
    card.verify_holder(read, now=NOW, challenge=CHALLENGE, replay=card.MemoryReplayCache())


def test_a_malleated_issuer_signature_verifies_and_is_the_same_document():
    """From (r, s) anybody can compute (r, n - s): content and digest must not depend on it."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    issued = card.issue(content(), signer=DEPARTMENT)
    read = card.parse(issued.text)
    s = (order - int.from_bytes(read.signature[32:])).to_bytes(32)
    twin = dataclasses.replace(read, signature=read.signature[:32] + s)
    card.verify_issuer(twin, DEPARTMENT.public_key)
    assert twin.digest == issued.digest


@pytest.mark.parametrize("challenge", [b"", CHALLENGE, bytes(limits.MAX_CARD_CHALLENGE_BYTES)])
@pytest.mark.parametrize("age", [-5, 0, 60])
def test_a_holders_proof_holds_within_its_time(challenge, age):
    read = shown(challenge, NOW - timedelta(seconds=age))
    cache = card.MemoryReplayCache()
    card.verify_holder(read, now=NOW, challenge=challenge or None, replay=cache)


@pytest.mark.parametrize(("age", "code"), [(-6, "card_proof_early"), (61, "card_proof_stale")])
def test_a_holders_proof_outside_its_time_is_refused(age, code):
    read = shown(CHALLENGE, NOW - timedelta(seconds=age))
    cache = card.MemoryReplayCache()
    assert (
        code_of(
            HolderBindingError,
            card.verify_holder,
            read,
            now=NOW,
            challenge=CHALLENGE,
            replay=cache,
        )
        == code
    )


@pytest.mark.parametrize(
    ("signed", "expected"), [(b"", CHALLENGE), (CHALLENGE, None), (CHALLENGE, CHALLENGE[::-1])]
)
def test_a_proof_for_another_challenge_is_refused(signed, expected):
    cache = card.MemoryReplayCache()
    assert (
        code_of(
            HolderBindingError,
            card.verify_holder,
            shown(signed),
            now=NOW,
            challenge=expected,
            replay=cache,
        )
        == "card_challenge_mismatch"
    )


def test_a_proof_is_accepted_once_however_it_is_signed():
    cache = card.MemoryReplayCache()
    read = shown()
    card.verify_holder(read, now=NOW, challenge=CHALLENGE, replay=cache)
    again = shown_again(read)
    assert again.proof.signature != read.proof.signature
    for replayed in (read, again):
        assert (
            code_of(
                HolderBindingError,
                card.verify_holder,
                replayed,
                now=NOW + timedelta(seconds=59),
                challenge=CHALLENGE,
                replay=cache,
            )
            == "card_proof_replayed"
        )


def shown_again(read):
    signed = card.proof_input(read.digest, read.proof.time, read.proof.challenge)
    proof = dataclasses.replace(read.proof, signature=HOLDER.sign(signed))
    return dataclasses.replace(read, proof=proof)


def test_a_false_proof_is_refused_and_leaves_no_trace_in_the_replay_cache():
    cache = card.MemoryReplayCache(capacity=1)
    read = shown()
    thief = SoftwareSigner.generate()
    signed = card.proof_input(read.digest, read.proof.time, read.proof.challenge)
    proof = dataclasses.replace(read.proof, signature=thief.sign(signed))
    false = dataclasses.replace(read, proof=proof)
    arguments = {"now": NOW, "challenge": CHALLENGE, "replay": cache}
    assert (
        code_of(HolderBindingError, card.verify_holder, false, **arguments)
        == "card_proof_signature_invalid"
    )
    card.verify_holder(read, **arguments)


def test_a_proof_of_another_card_is_refused():
    first, second = shown(), shown()
    mixed = dataclasses.replace(first, proof=second.proof)
    cache = card.MemoryReplayCache()
    assert (
        code_of(
            HolderBindingError,
            card.verify_holder,
            mixed,
            now=NOW,
            challenge=CHALLENGE,
            replay=cache,
        )
        == "card_proof_signature_invalid"
    )


def test_a_card_without_proof_or_without_key_is_not_proven():
    cache = card.MemoryReplayCache()
    copied = card.parse(card.issue(content(), signer=DEPARTMENT).text)
    paper = card.parse(card.issue(content(holder=None), signer=DEPARTMENT).text)
    for read, code in ((copied, "card_proof_missing"), (paper, "card_holder_key_missing")):
        assert (
            code_of(
                HolderBindingError,
                card.verify_holder,
                read,
                now=NOW,
                challenge=None,
                replay=cache,
            )
            == code
        )


def test_a_wallet_cannot_prove_what_is_not_its_own():
    text = card.issue(content(), signer=DEPARTMENT).text
    other = SoftwareSigner.generate()
    paper = card.issue(content(holder=None), signer=DEPARTMENT).text
    assert (
        code_of(HolderBindingError, card.with_proof, text, holder=other, now=NOW)
        == "card_holder_key_other"
    )
    assert (
        code_of(HolderBindingError, card.with_proof, paper, holder=HOLDER, now=NOW)
        == "card_holder_key_missing"
    )
    assert (
        code_of(
            MalformedError,
            card.with_proof,
            text,
            holder=HOLDER,
            now=NOW,
            challenge=bytes(limits.MAX_CARD_CHALLENGE_BYTES + 1),
        )
        == "card_malformed"
    )


def test_the_replay_cache_is_bounded_and_forgets_only_what_is_over():
    cache = card.MemoryReplayCache(capacity=2)
    cache.remember(b"a", now=0)
    cache.remember(b"b", now=60)
    assert code_of(UnavailableError, cache.remember, b"c", now=119) == "card_replay_cache_full"
    assert code_of(HolderBindingError, cache.remember, b"a", now=119) == "card_proof_replayed"
    cache.remember(b"c", now=120)
    assert code_of(HolderBindingError, cache.remember, b"b", now=120) == "card_proof_replayed"
    cache.remember(b"a", now=180)


@pytest.mark.parametrize(
    "changes",
    [
        {"dept": ""},
        {"dept": "guangzhou"},
        {"dept": "A" * 21},
        {"dept": "A\n"},
        {"kind": 0},
        {"kind": True},
        {"version": 1 << 16},
        {"view": "2"},
        {"status": StatusReference(-1, 0)},
        {"status": StatusReference(0, limits.MAX_STATUS_INDEX + 1)},
        {"iat": -1},
        {"nbf": 1.0},
        {"exp": 253_402_300_800},
        {"claims": {}},
        {"claims": dict.fromkeys(range(1, limits.MAX_CARD_CLAIMS + 2), 1)},
        {"claims": {0: 1}},
        {"claims": {True: 1}},
        {"claims": {"name": 1}},
        {"claims": {1: "x" * (limits.MAX_CARD_TEXT_CHARS + 1)}},
        {"claims": {1: 1 << 53}},
        {"claims": {1: b"bytes"}},
        {"claims": {1: None}},
        {"claims": {1: 0.5}},
        {"claims": {1: "\ud800"}},
    ],
    ids=str,
)
def test_what_no_reader_would_accept_is_not_issued(changes):
    with pytest.raises(EcertError) as raised:
        card.issue(content(**changes), signer=DEPARTMENT)
    assert raised.value.code in {"card_malformed", "card_claim_malformed", "cbor_type_not_allowed"}


@pytest.mark.parametrize(
    "receipt",
    [
        CompactReceipt(0, 0, (), 1),
        CompactReceipt(1, 1, (), 1),
        CompactReceipt(-1, 2, (), 1),
        CompactReceipt(0, limits.MAX_TREE_SIZE + 1, (), 1),
        CompactReceipt(0, 2, (bytes(31),), 1),
        CompactReceipt(0, 2, tuple(bytes(32) for _ in range(21)), 1),
        CompactReceipt(0, 1, (), -1),
    ],
)
def test_a_receipt_out_of_bounds_does_not_join(receipt):
    text = card.issue(content(), signer=DEPARTMENT).text
    assert code_of(MalformedError, card.with_receipt, text, receipt) == "card_malformed"


VIEW = card.CardView(
    kind=1,
    version=1,
    number=2,
    claims={"over_18": 1, "birth_date": 2},
    holder_key=True,
    dates=frozenset({"birth_date"}),
)


@pytest.mark.parametrize("day", ["1949-12-31", "1970-01-01", "2026-02-28", "0001-01-01"])
def test_a_view_names_what_a_card_numbers(day):
    named = {"over_18": True, "birth_date": day}
    issued = card.issue(content(claims=VIEW.to_numbers(named)), signer=DEPARTMENT)
    assert VIEW.to_names(card.parse(issued.text).content) == named


@pytest.mark.parametrize("day", ["2026-02-30", "19491231", "", 5, True, "2026-2-3"])
def test_a_view_takes_no_date_that_is_none(day):
    assert code_of(ContentError, VIEW.to_numbers, {"birth_date": day}) == "card_date_malformed"


@pytest.mark.parametrize("days", [True, "1949-12-31", 10**9, -(10**9)])
def test_a_card_holds_dates_as_days(days):
    said = content(claims={2: days})
    assert code_of(ContentError, VIEW.to_names, said) == "card_date_malformed"


def test_a_view_refuses_other_cards():
    assert code_of(ContentError, VIEW.to_numbers, {"name": "x"}) == "card_claim_not_in_view"
    for changes, code in (
        ({"claims": {9: 1}}, "card_claim_not_in_view"),
        ({"view": 3}, "card_view_mismatch"),
        ({"kind": 2}, "card_view_mismatch"),
        ({"version": 2}, "card_view_mismatch"),
        ({"holder": None}, "card_holder_key_required"),
    ):
        assert code_of(ContentError, VIEW.to_names, content(**changes)) == code
