"""An authority's word on a block (RFC 3161): what is taken, and what is not."""

from datetime import UTC, datetime, timedelta

import pytest

from ecert import limits
from ecert.errors import EcertError, MalformedError, ProofError
from ecert.evidence.timestamp import check_answer, request_for, verify_timestamp
from registry.evidence import authority as authority_module
from registry.evidence.authority import TimestampAuthority
from tests.fakes.raw_server import http, raw_server
from tests.fakes.timestamp_authority import Authority
from tests.fakes.world import World

BLOCK = b"\x11" * 32


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def test_a_token_says_when_and_who(authority: Authority) -> None:
    request = request_for(BLOCK)
    before = int(datetime.now(UTC).timestamp())
    answer = authority.answer(request.data)
    check_answer(answer, BLOCK, request.nonce)
    found = verify_timestamp(answer, BLOCK, [authority.root_der])
    assert before <= found.time <= before + 60
    assert found.authority == "CN=Timestamps of a test"


def test_one_of_several_authorities_suffices(authority: Authority) -> None:
    roots = [Authority().root_der, authority.root_der]
    assert verify_timestamp(authority.token(BLOCK), BLOCK, roots)


def test_a_certificate_must_have_been_valid_then_not_now() -> None:
    old = Authority(valid=timedelta(days=-1), clock=lambda: datetime.now(UTC) - timedelta(days=10))
    assert verify_timestamp(old.token(BLOCK), BLOCK, [old.root_der])
    late = Authority(valid=timedelta(days=-1))
    refused(late.token(BLOCK), [late.root_der], "certificate has expired")


def test_what_is_not_this_authoritys_word_on_this_block(authority: Authority) -> None:
    token, root = authority.token(BLOCK), authority.root_der
    with pytest.raises(ProofError):
        verify_timestamp(token, b"\x12" * 32, [root])
    request = request_for(BLOCK)
    for asked in ((BLOCK, request.nonce + 1), (b"\x12" * 32, request.nonce)):
        with pytest.raises(ProofError):
            check_answer(authority.answer(request.data), *asked)
    refused(token, [Authority().root_der], "unable to get local issuer certificate")


@pytest.mark.parametrize("padding", [0, 60], ids=["sorts before", "sorts after"])
def test_nobody_adds_a_certificate_that_names_another_authority(
    authority: Authority, padding: int
) -> None:
    """The certificates are not signed: one of the same issuer and number may be anybody's."""
    for _ in range(8):  # the library has them in no certain order
        token = authority.with_namesake("Observatory\x1b[2J", padding)
        with pytest.raises(ProofError) as caught:
            verify_timestamp(token(BLOCK), BLOCK, [authority.root_der])
        assert caught.value.code == "timestamp_invalid"


def test_an_authoritys_name_moves_no_cursor() -> None:
    named = Authority(name="Time\x1b[2J of\nnobody")
    found = verify_timestamp(named.token(BLOCK), BLOCK, [named.root_der])
    assert found.authority == "CN=Time\\x1b[2J of\\nnobody"


def test_an_authority_that_failed_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = World().trust_file()
    with raw_server(http(b"", status="500 Broken")) as server:
        asked = TimestampAuthority(f"{server.url}/tsa")
        assert [asked.token(bytes([n]) * 32, file) for n in range(3)] == [None] * 3
        assert len(server.requests) == 1
        monkeypatch.setattr(authority_module, "PAUSE_SECONDS", 0.0)
        again = TimestampAuthority(f"{server.url}/tsa")
        assert [again.token(bytes([n]) * 32, file) for n in range(3)] == [None] * 3
        assert len(server.requests) == 4


@pytest.mark.parametrize("data", [b"", b"abc", b"\x30\x03\x02\x01\x00", b"\x30\x80"])
def test_garbage(authority: Authority, data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        verify_timestamp(data, BLOCK, [authority.root_der])
    assert caught.value.code == "timestamp_malformed"


def test_a_token_has_a_bound(authority: Authority) -> None:
    with pytest.raises(MalformedError) as caught:
        verify_timestamp(bytes(limits.MAX_TIMESTAMP_BYTES + 1), BLOCK, [authority.root_der])
    assert caught.value.code == "too_large"


def test_an_authority_that_is_no_certificate(authority: Authority) -> None:
    with pytest.raises(MalformedError) as caught:
        verify_timestamp(authority.token(BLOCK), BLOCK, [b"junk"])
    assert caught.value.code == "field_malformed"


def test_no_flipped_bit_makes_it_another_time(authority: Authority) -> None:
    token = authority.token(BLOCK)
    said = verify_timestamp(token, BLOCK, [authority.root_der])
    kept = 0
    for position in range(len(token)):
        changed = bytearray(token)
        changed[position] ^= 1 << position % 8
        try:
            found = verify_timestamp(bytes(changed), BLOCK, [authority.root_der])
        except EcertError:
            continue
        kept += 1
        assert found == said
    assert kept < len(token) // 10


def refused(token: bytes, roots: list[bytes], reason: str) -> None:
    with pytest.raises(ProofError) as caught:
        verify_timestamp(token, BLOCK, roots)
    assert (caught.value.code, caught.value.details["reason"]) == ("timestamp_invalid", reason)
