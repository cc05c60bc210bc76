"""An authority's word in a package: what it adds, and that it must agree with all else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ecert.errors import EcertError
from ecert.evidence import Evidence
from ecert.report import Verdict
from ecert.steps import CLOCK_SKEW_SECONDS
from ecert.trust import TrustStore
from tests.fakes.timestamp_authority import Authority, of_version, with_certificates
from tests.integration.evidence_world import (  # noqa: F401  # one is a fixture
    EvidenceWorld,
    check,
    world,
)


def stamped(data: bytes, token: bytes) -> bytes:
    whole = Evidence.decode(data)
    return replace(whole, proof=replace(whole.proof, timestamp=token)).encode()


def at(seconds: int) -> Authority:
    """An authority whose clock stands still."""
    return Authority(clock=lambda: datetime.fromtimestamp(seconds, UTC))


def test_it_bounds_the_time_from_outside(world: EvidenceWorld) -> None:
    data, made = world.made(world.trust())
    authority = at(made.block.time + 30)
    trust = world.trust(timestamp_authorities=(authority.root_der,))
    report = check(stamped(data, authority.token(made.block.hash)), trust)
    assert report.verdict is Verdict.VALID
    assert report.timestamp is not None
    assert report.timestamp.time == made.block.time + 30
    assert "evidence_time_authority" in report.limits
    assert "evidence_time_validators" not in report.limits
    assert report.to_json()["timestamp"]["authority"] == "CN=Timestamps of a test"


def test_without_an_authority_it_says_so(world: EvidenceWorld) -> None:
    data, made = world.made(world.trust())
    unchecked = stamped(data, Authority().token(made.block.hash))
    for package, there in ((data, False), (unchecked, True)):
        report = check(package, world.trust())
        assert (report.verdict, report.stamped, report.timestamp) == (Verdict.VALID, there, None)
        assert "evidence_time_validators" in report.limits


def test_an_authority_before_the_block_is_a_wrong_clock(world: EvidenceWorld) -> None:
    data, made = world.made(world.trust())
    for seconds, code in (
        (CLOCK_SKEW_SECONDS, None),
        (CLOCK_SKEW_SECONDS + 1, "timestamp_before_block"),
        (86_400, "timestamp_before_block"),
    ):
        authority = at(made.block.time - seconds)
        trust = world.trust(timestamp_authorities=(authority.root_der,))
        asked(stamped(data, authority.token(made.block.hash)), trust, code)


def test_an_operator_speaks_for_a_block_again_and_again(world: EvidenceWorld) -> None:
    """The time there is that of the operator's last word, which may follow the token."""
    data, made = world.made(world.operators_trust())
    authority = at(made.block.time - 3600)
    trust = world.operators_trust(timestamp_authorities=(authority.root_der,))
    asked(stamped(data, authority.token(made.block.hash)), trust, None)


def test_a_token_of_another_block_authority_or_time(world: EvidenceWorld) -> None:
    data, made = world.made(world.trust())
    block = made.block.hash
    authority, odd = Authority(), of_version(Authority().der, 2)
    expired = Authority(valid=timedelta(days=-1))
    trust = world.trust(timestamp_authorities=(authority.root_der, expired.root_der))
    asked(stamped(data, authority.token(block)), trust, None)
    for token, code in (
        (authority.token(b"\x01" * 32), "timestamp_invalid"),
        (Authority().token(block), "timestamp_invalid"),
        (expired.token(block), "timestamp_invalid"),
        (authority.token(block)[:-1], "timestamp_malformed"),
        (b"garbage", "timestamp_malformed"),
        (with_certificates(authority.token(block), [authority.der, odd]), "timestamp_malformed"),
    ):
        asked(stamped(data, token), trust, code)


def asked(data: bytes, trust: TrustStore, code: str | None) -> None:
    if code is None:
        report = check(data, trust)
        assert (report.verdict, report.timestamp is None) == (Verdict.VALID, False)
        return
    with pytest.raises(EcertError) as caught:
        check(data, trust)
    assert caught.value.code == code, caught.value.details
