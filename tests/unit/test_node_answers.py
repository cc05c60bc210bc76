"""The reader and nodes that lie, lag, drip or fail: never anything but "cannot answer"."""

import socket
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import eth_abi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecert.chain import view
from ecert.chain.abi import signature
from ecert.chain.finality import FinalAtOnce, FinalWhenSigned
from ecert.chain.reader import ChainReader
from ecert.chain.rpc import RpcNode, RpcPool
from ecert.checkpoint import Checkpoint
from ecert.errors import MalformedError, UnavailableError
from ecert.facts import Query, StatusReference
from ecert.signing import SoftwareSigner
from ecert.trust import TrustStore
from tests.fakes.node import FakeNode, Refused, running
from tests.fakes.world import CHAIN_ID, NOW, SEALED, World

DEPARTMENT = b"CITY".ljust(20, b"\0")
QUERY = Query("CITY", b"k" * 32, "resident-id", b"d" * 32, b"r" * 32, StatusReference(1, 5))
NOBODY = bytes(20)
LINEAGE = (DEPARTMENT, 2, (), ((2, 0),), ((NOBODY, 2),))
FACTS: dict[str, Any] = {
    "chain": CHAIN_ID,
    "block": 100,
    "time": 1_700_000_000,
    "anchor_time": 1_600_000_000,
    "anchor_block": 50,
    "anchor_size": 64,
    "key": (1, b"x" * 32, b"y" * 32, 0, ((3, 7), (9, 0))),
    "lineage": (LINEAGE,),
    "status": 0,
    "digest_revoked": 0,
    "root_revoked": 0,
    "departments": NOBODY,
    "anchors": NOBODY,
    "statuses": NOBODY,
    "closed_at": 0,
}


def answer(**changes: Any) -> str:
    """Return what ``inspect`` answers, with some of it changed."""
    types = [signature("", (view.FACTS,))[1:-1]]
    return "0x" + eth_abi.encode(types, [tuple((FACTS | changes).values())]).hex()


@pytest.fixture(scope="module")
def trust() -> TrustStore:
    world = World()
    file = world.trust_file(engine="besu", checkpoint=SEALED)
    return TrustStore(file.sign([world.council]), world.catalogue, now=NOW)


def read(trust: TrustStore, *urls: str, seconds: float = 5) -> Any:
    return ChainReader(trust, urls, finality=FinalAtOnce(), seconds=seconds).facts(QUERY)


def code_of(trust: TrustStore, node: FakeNode, *, seconds: float = 5) -> str:
    """Return the code that reading from ``node`` fails with; its sentences must be whole."""
    with running(node), pytest.raises(UnavailableError) as caught:
        read(trust, node.url, seconds=seconds)
    for language in ("zh", "en"):
        sentence = caught.value.message(language)
        assert "<" not in sentence
        assert sentence.isprintable()
    return caught.value.code


def says(result: Any) -> FakeNode:
    return FakeNode(alter=lambda *_: result)


def test_an_honest_answer(trust: TrustStore) -> None:
    with running(says(answer())) as node:
        facts = read(trust, node.url)
    assert (facts.block, facts.anchor.block, facts.key.suite) == (100, 50, 1)
    assert list(facts.lineage) == ["CITY"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b'{"id":1}',
        b'{"id":1,"id":1,"result":"0x"}',
        b'{"id":"1","result":"0x00"}',
        b'{"id":2,"result":"0x00"}',
        b'{"id":1,"result":' + b"[" * 50_000,
        b'{"id":1,"result":' + b"1" * 5_000 + b"}",
        b'{"id":1,"result":"\xff"}',
        b'{"id":1,"result":null}',
        b'{"id":1,"result":{"a":1}}',
        b'{"id":1,"result":"1234"}',
        b'{"id":1,"result":"0x1"}',
        b'{"id":1,"result":"0xzz"}',
        b'{"id":1,"result":"0x\\u0661"}',
        b'{"id":1,"result":"0x00"}',
    ],
)
def test_refuses_what_is_no_answer(trust: TrustStore, raw: bytes) -> None:
    assert code_of(trust, FakeNode(raw=lambda _: raw)) == "rpc_answer_malformed"


@pytest.mark.parametrize("status", [301, 403, 404, 429, 500])
def test_other_http_statuses_are_no_answer(trust: TrustStore, status: int) -> None:
    assert code_of(trust, FakeNode(status=status)) == "rpc_unreachable"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:0", "Connection refused"),
        ("http://a..b", "no host name"),
        (f"http://{'a' * 64}.example", "no host name"),
    ],
)
def test_why_there_is_no_answer_is_told_in_words(trust: TrustStore, url: str, reason: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        read(trust, url)
    assert (caught.value.code, caught.value.details["reason"]) == ("rpc_unreachable", reason)


def test_a_status_is_not_called_silence(trust: TrustStore) -> None:
    with running(FakeNode(status=404)) as node, pytest.raises(UnavailableError) as caught:
        read(trust, node.url)
    assert "gives no answer that can be used (HTTP 404)" in caught.value.message("en")


def test_a_nodes_own_error_is_cut_and_made_harmless(trust: TrustStore) -> None:
    def refuse(*_: Any) -> Any:
        raise Refused("\x1b[2Jerased" + "x" * 10_000)

    assert code_of(trust, FakeNode(alter=refuse)) == "rpc_refused"


def test_no_code_at_the_address(trust: TrustStore) -> None:
    assert code_of(trust, says("0x")) == "rpc_contract_absent"


def test_a_node_of_another_chain(trust: TrustStore) -> None:
    assert code_of(trust, says(answer(chain=1))) == "rpc_other_chain"


@pytest.mark.parametrize("contract", ["departments", "anchors", "statuses"])
def test_a_closed_contract_may_miss_revocations(trust: TrustStore, contract: str) -> None:
    closed = answer(**{contract: b"s" * 20})
    assert code_of(trust, says(closed)) == "contract_closed"


@pytest.mark.parametrize(
    "changes",
    [
        {"block": 0},
        {"time": 0},
        {"time": 2**63},
        {"status": 4},
        {"digest_revoked": 101},
        {"root_revoked": 101},
        {"anchor_block": 101},
        {"anchor_block": 0},
        {"anchor_time": 1_800_000_000},
        {"anchor_size": 0},
        {"anchor_size": 2**20 + 1},
        {"key": (0, b"x" * 32, bytes(32), 0, ())},
        {"key": (1, b"x" * 32, b"y" * 32, 101, ())},
        {"key": (1, b"x" * 32, b"y" * 32, 0, ((3, 0), (5, 7)))},
        {"key": (1, b"x" * 32, b"y" * 32, 0, ((3, 7), (7, 0)))},
        {"key": (1, b"x" * 32, b"y" * 32, 0, ((7, 3),))},
        {"key": (1, b"x" * 32, b"y" * 32, 0, ((3, 101),))},
        {"key": (1, b"x" * 32, b"y" * 32, 0, ((0, 0),))},
        {"lineage": ((b"OTHER".ljust(20, b"\0"), *LINEAGE[1:]),)},
        {"lineage": (LINEAGE, LINEAGE)},
        {"lineage": ((*LINEAGE[:4], ((b"UP".ljust(20, b"\0"), 2),)),)},
        {"lineage": ((*LINEAGE[:4], ()),)},
        {"lineage": ((*LINEAGE[:4], ((NOBODY, 3),)),)},
        {"lineage": ((*LINEAGE[:4], ((NOBODY, 2), (NOBODY, 101))),)},
        {"lineage": ((DEPARTMENT, 0, (), (), ((NOBODY, 0),)),)},
    ],
    ids=str,
)
def test_refuses_records_that_cannot_be(trust: TrustStore, changes: dict[str, Any]) -> None:
    assert code_of(trust, says(answer(**changes))) == "rpc_answer_malformed"


def test_any_alteration_is_facts_or_cannot_answer(trust: TrustStore) -> None:
    """No bytes that a node could send raise anything else."""
    truth = bytes.fromhex(answer()[2:])
    current = [""]

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, len(truth) - 1), st.integers(1, 255)), max_size=4),
           st.integers(0, len(truth)))  # fmt: skip
    def alter(changes: list[tuple[int, int]], cut: int) -> None:
        data = bytearray(truth)
        for place, flip in changes:
            data[place] ^= flip
        current[0] = "0x" + bytes(data[: cut or None]).hex()
        try:
            facts = read(trust, node.url)
        except UnavailableError:
            return
        assert facts.chain_id == CHAIN_ID

    with running(FakeNode(alter=lambda *_: current[0])) as node:
        alter()


def test_a_dripping_node_meets_the_deadline(trust: TrustStore) -> None:
    begun = time.monotonic()
    node = FakeNode(raw=lambda _: b" " * 1000, drip=0.05)
    assert code_of(trust, node, seconds=0.4) == "rpc_unreachable"
    assert time.monotonic() - begun < 3


def test_a_flood_is_cut_off() -> None:
    with running(FakeNode(raw=lambda _: b" " * 200_000)) as node:
        with pytest.raises(UnavailableError) as caught:
            RpcNode(node.url, max_bytes=100_000).call("eth_call", [])
        assert caught.value.code == "rpc_answer_too_large"


def test_another_node_answers_when_the_first_will_not(trust: TrustStore) -> None:
    liars = [FakeNode(raw=lambda _: b"<html>"), FakeNode(status=500), says(answer(chain=1))]
    for liar in liars:
        with running(liar), running(says(answer())) as honest:
            reader = ChainReader(trust, [liar.url, honest.url], finality=FinalAtOnce())
            for _ in range(3):
                assert reader.facts(QUERY).block == 100
            assert len(liar.calls) == 1, "the one that answered is asked first from then on"
            assert len(honest.calls) == 3


def test_when_all_fail_the_first_one_asked_is_named(trust: TrustStore) -> None:
    with running(FakeNode(status=500)) as one, running(says("0x")) as other:
        with pytest.raises(UnavailableError) as caught:
            read(trust, one.url, other.url)
        assert caught.value.details["origin"] == one.url


def test_a_node_behind_the_signed_checkpoint_is_not_believed() -> None:
    world, operator = World(), SoftwareSigner.generate()
    file = replace(world.trust_file(), operators=(operator.public_key,))
    trust = TrustStore(file.sign([world.council]), world.catalogue, now=NOW)
    word = Checkpoint(CHAIN_ID, 101, bytes(32), bytes(32), 1_700_000_100).sign(operator)
    finality = FinalWhenSigned(trust, lambda: word)
    with running(says(answer())) as behind, running(says(answer(block=101))) as current:
        with pytest.raises(UnavailableError) as caught:
            ChainReader(trust, [behind.url], finality=finality).facts(QUERY)
        assert caught.value.code == "rpc_node_behind"
        facts = ChainReader(trust, [behind.url, current.url], finality=finality).facts(QUERY)
        assert (facts.block, facts.final_block, facts.time) == (101, 101, 1_700_000_100)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "node",
        "ftp://node",
        "http://",
        "http://user:secret@node",
        "http://node:port",
        "file:///x",
    ],
)
def test_refuses_addresses_that_are_none(url: str) -> None:
    for make in (lambda: RpcNode(url), lambda: RpcPool([url])):
        with pytest.raises(MalformedError) as caught:
            make()
        assert caught.value.code == "rpc_url_malformed"
        assert "secret" not in str(caught.value)


def test_asks_for_an_address_where_there_is_none() -> None:
    with pytest.raises(MalformedError) as caught:
        RpcPool([])
    assert caught.value.code == "rpc_url_missing"


def test_errors_show_no_path_of_the_address(trust: TrustStore) -> None:
    with running(FakeNode(status=403)) as node:
        with pytest.raises(UnavailableError) as caught:
            read(trust, node.url + "/v3/api-key?token=secret")
        assert node.url in caught.value.message("en")
        assert "secret" not in str(caught.value)
        assert "api-key" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"department": "不"},
        {"department": "X" * 21},
        {"kind": ""},
        {"key_id": b"short"},
        {"digest": bytes(33)},
        {"root": b""},
        {"status": StatusReference(-1, 0)},
        {"status": StatusReference(0, 2**32)},
    ],
)
def test_refuses_to_ask_what_cannot_be(trust: TrustStore, change: dict[str, Any]) -> None:
    reader = ChainReader(trust, ["http://127.0.0.1:1"], finality=FinalAtOnce())
    with pytest.raises(MalformedError) as caught:
        reader.facts(replace(QUERY, **change))
    assert caught.value.code in ("text_not_ascii_code", "abi_malformed")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    path = tmp_path / "node.pem"
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + key.private_bytes(*form))
    return path


def test_tls_needs_a_certificate_that_is_trusted(
    trust: TrustStore, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    with running(says(answer()), tls=server) as node:
        with pytest.raises(UnavailableError) as caught:
            read(trust, node.url)
        assert str(caught.value.details["reason"]).startswith("certificate refused: self-signed")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert read(trust, node.url).block == 100
        with pytest.raises(UnavailableError) as caught:
            read(trust, node.url.replace("127.0.0.1", "localhost"))
        assert str(caught.value.details["reason"]).startswith("certificate refused: Hostname")


def test_a_handshake_that_never_ends_meets_the_deadline(trust: TrustStore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(UnavailableError) as caught:
            read(trust, f"https://127.0.0.1:{silent.getsockname()[1]}", seconds=0.3)
    assert caught.value.code == "rpc_unreachable"
    assert time.monotonic() - begun < 3


def test_a_node_that_is_down_is_told(trust: TrustStore) -> None:
    with running(FakeNode()) as node:
        url = node.url
    with pytest.raises(UnavailableError) as caught:
        read(trust, url)
    assert caught.value.code == "rpc_unreachable"
