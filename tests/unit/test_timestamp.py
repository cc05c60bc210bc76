"""An authority's word on a block (RFC 3161): what is taken, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecert import limits
from ecert.errors import EcertError, MalformedError, ProofError
from ecert.evidence.timestamp import check_answer, request_for, verify_timestamp
from registry.evidence import authority as authority_module
from registry.evidence.authority import TimestampAuthority
from registry.trust.certificates import read_certificate
from tests.fakes.raw_server import http, raw_server
from tests.fakes.timestamp_authority import (
    Authority,
    names,
    of_version,
    serving,
    with_certificates,
    with_extension_twice,
)
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


@pytest.mark.parametrize("also", ["root", "certificate"])
def test_a_certificate_of_the_trust_file_is_not_shown_by_another_name(also: str) -> None:
    """OpenSSL takes the trust file's to verify by, whatever comes along."""
    authority = Authority(own=also == "certificate")
    token, trusted = authority.token(BLOCK), [authority.der]
    if also == "root":
        trusted.append(authority.root_der)
    assert verify_timestamp(token, BLOCK, trusted).authority == "CN=Timestamps of a test"
    refused(
        with_certificates(token, [authority.namesake("Observatory")]),
        trusted,
        "signer's certificate not one",
    )


def test_a_name_in_capital_letters_is_the_same_name(authority: Authority) -> None:
    """To OpenSSL; to others the certificate that nobody issued would then be the only one."""
    for padding, reason in (
        (0, "certificate signature failure"),  # sorts before: OpenSSL takes it
        (60, "signer's certificate not one"),
    ):
        namesake = authority.namesake("Observatory", padding, issuer="ROOT  of a test")
        along = [authority.der, namesake]
        token = with_certificates(authority.token(BLOCK), along, signer=namesake)
        refused(token, [authority.root_der], reason)


def test_a_key_with_two_certificates_signs_by_the_one_that_it_named(authority: Authority) -> None:
    other = authority.renamed("Observatory")
    token = with_certificates(authority.token(BLOCK), [other], signer=other)
    refused(token, [authority.root_der], "signed attributes name another certificate")


@pytest.mark.parametrize("algorithm", [None, "sha256", "sha384", "sha512"])
def test_signed_attributes_name_the_certificate(algorithm: str | None) -> None:
    authority = Authority()
    authority.lies["named"] = [names(authority.der), names(authority.der, algorithm)]
    assert verify_timestamp(authority.token(BLOCK), BLOCK, [authority.root_der])
    authority.lies["named"] = [names(authority.der, algorithm)]
    assert verify_timestamp(authority.token(BLOCK), BLOCK, [authority.root_der])
    another = "signed attributes name another certificate"
    authority.lies["named"] = [names(authority.root_der, algorithm)]
    refused(authority.token(BLOCK), [authority.root_der], another)
    authority.lies["named"] = [names(authority.der), names(authority.root_der, algorithm)]
    refused(authority.token(BLOCK), [authority.root_der], another)


def test_a_certificate_must_be_named_and_not_by_a_weak_hash_of_choice() -> None:
    authority = Authority()
    authority.lies["named"] = []
    reason = "signed attributes name no certificate"
    refused(authority.token(BLOCK), [authority.root_der], reason)
    authority.lies["named"] = [names(authority.der, "sha1")]
    refused(authority.token(BLOCK), [authority.root_der], "hash of the certificate")


@pytest.mark.parametrize("odd", ["of version 2", "of version 8", "with an extension twice"])
def test_certificates_that_cannot_be_read(
    odd: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(own=True)

    def changed(token: bytes) -> bytes:
        if odd == "with an extension twice":
            return with_certificates(token, [with_extension_twice(authority.der)])
        return with_certificates(token, [authority.der, of_version(authority.der, int(odd[-1]))])

    with pytest.raises(MalformedError) as caught:
        verify_timestamp(changed(authority.token(BLOCK)), BLOCK, [authority.root_der])
    assert caught.value.code == "timestamp_malformed"
    with pytest.raises(MalformedError) as caught:
        verify_timestamp(authority.token(BLOCK), BLOCK, [of_version(authority.der, 8)])
    assert caught.value.code == "field_malformed"
    (tmp_path / "authority.pem").write_bytes(of_version(authority.der, 8))
    with pytest.raises(MalformedError) as caught:
        read_certificate(tmp_path / "authority.pem")
    assert caught.value.code == "certificate_malformed"
    file = replace(World().trust_file(), timestamp_authorities=(authority.root_der,))
    with serving(authority, changed) as url:
        asked = TimestampAuthority(url)
        answered = authority.answered
        assert [asked.token(bytes([n]) * 32, file) for n in range(3)] == [None] * 3
        assert authority.answered == answered + 1, "it is left alone for a while"
        assert "timestamp_malformed" in caplog.text


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
