"""Asking a timestamping authority over HTTP: what is taken, and that its failures cost little."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ecert.evidence.timestamp import verify_timestamp
from ecert.limits import MAX_TIMESTAMP_BYTES
from ecert.trust import TrustFile
from registry.evidence import authority as authorities
from registry.evidence.authority import TimestampAuthority
from tests.fakes.raw_server import http, raw_server
from tests.fakes.timestamp_authority import Authority, serving
from tests.fakes.world import World

BLOCK, OTHER = b"\x11" * 32, b"\x12" * 32
EXPIRED = Authority(valid=timedelta(days=-1))


def naming(*known: Authority) -> TrustFile:
    """A trust file with these authorities, and no others."""
    return World().trust_file(timestamp_authorities=tuple(one.root_der for one in known))


def test_a_token_of_an_authority_of_the_trust_file() -> None:
    authority = Authority()
    with serving(authority) as url:
        asked = TimestampAuthority(url)
        token = asked.token(BLOCK, naming(Authority(), authority))
        assert token is not None
        assert verify_timestamp(token, BLOCK, [authority.root_der])
        assert asked.token(BLOCK, naming(authority)) == token
        assert authority.answered == 1
        other = asked.token(OTHER, naming(authority))
        assert other is not None
        assert verify_timestamp(other, OTHER, [authority.root_der])


@pytest.mark.parametrize(
    ("authority", "named"),
    [(Authority(), Authority()), (EXPIRED, EXPIRED)],
    ids=["another root", "an expired certificate"],
)
def test_what_verifiers_would_refuse_is_not_taken(authority: Authority, named: Authority) -> None:
    with serving(authority) as url:
        assert TimestampAuthority(url).token(BLOCK, naming(named)) is None
        assert authority.answered == 1


def test_a_certificate_must_have_been_valid_at_the_tokens_time() -> None:
    old = Authority(valid=timedelta(days=-1), clock=lambda: datetime.now(UTC) - timedelta(days=10))
    with serving(old) as url:
        assert TimestampAuthority(url).token(BLOCK, naming(old)) is not None


def test_an_address_keeps_its_query() -> None:
    with raw_server(http(b"garbage")) as server:
        TimestampAuthority(f"{server.url}/tsr?policy=1").token(BLOCK, naming())
        assert server.requests[0].startswith(b"POST /tsr?policy=1 HTTP/1.1\r\n")


@pytest.mark.parametrize("body", [b"garbage", bytes(MAX_TIMESTAMP_BYTES + 1)], ids=len)
def test_an_authority_that_failed_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    with raw_server(http(body)) as server:
        monkeypatch.setattr(authorities, "PAUSE_SECONDS", 3600.0)
        asked = TimestampAuthority(server.url)
        for block in (BLOCK, BLOCK, OTHER):
            assert asked.token(block, naming()) is None
        assert len(server.requests) == 1
        monkeypatch.setattr(authorities, "PAUSE_SECONDS", 0.0)
        impatient = TimestampAuthority(server.url)
        for block in (BLOCK, OTHER):
            assert impatient.token(block, naming()) is None
        assert len(server.requests) == 3


def test_one_that_comes_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorities, "PAUSE_SECONDS", 0.0)
    authority = Authority()
    broken = threading.Event()
    broken.set()
    with serving(authority, lambda answer: b"garbage" if broken.is_set() else answer) as url:
        asked = TimestampAuthority(url)
        assert asked.token(BLOCK, naming(authority)) is None
        broken.clear()
        assert asked.token(BLOCK, naming(authority)) is not None


def test_one_that_drips_is_given_up_and_nobody_waits_for_it_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the authority does, those who wait do so once, together."""
    monkeypatch.setattr(authorities, "SECONDS", 0.3)
    monkeypatch.setattr(authorities, "PAUSE_SECONDS", 3600.0)
    found: list[bytes | None] = []
    with raw_server(dripping, pause=0.05) as server:
        asked, file = TimestampAuthority(server.url), naming()
        threads = [
            threading.Thread(target=lambda: found.append(asked.token(BLOCK, file)))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 1
    assert found == [None] * 6


def dripping(_: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"
    while True:
        yield b"x"
