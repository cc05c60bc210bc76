"""A registry on several nodes, set up and run by its command line."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from networks.embedded import EmbeddedChain
from tests.integration.chain_faults import LIES, always
from tests.integration.faulty_node import CUT, FaultyNode
from tests.integration.office_world import Office, Running, told, wait_for

SECRET = "secret-in-an-address"


@pytest.fixture
def nodes(chain: EmbeddedChain) -> Iterator[list[FaultyNode]]:
    with FaultyNode(chain.rpc_url) as first, FaultyNode(chain.rpc_url) as second:
        yield [first, second]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return Office(tmp_path / "registry", f"http://127.0.0.1:{port}")


def init(office: Office, *urls: str) -> list[str]:
    named = [word for url in urls for word in ("--rpc", url)]
    return [
        *(
            "init",
            "--origin",
            office.origin,
            "--development",
            "--council-delay",
            "0",
            "--port",
            office.origin.rpartition(":")[2],
        ),
        *named,
    ]


def test_it_works_on_while_a_node_is_away(nodes: list[FaultyNode], office: Office) -> None:
    secret = f"{nodes[0].url}/{SECRET}"
    printed = office.done(None, *init(office, secret, nodes[1].url))
    assert SECRET not in printed
    path = office.directory / "settings.json"
    assert json.loads(path.read_bytes())["rpc_urls"] == [secret, nodes[1].url]
    assert path.stat().st_mode & 0o077 == 0
    assert office.done(None, "rpc").splitlines() == [secret, nodes[1].url]
    nodes[0].fault = always(CUT)(nodes[0])
    with Running(office), httpx.Client(base_url=office.origin, trust_env=False) as client:
        wait_for(lambda: 'node="1"} 1.0' in failures(client))
        assert client.get("/health").json()["status"] == "ok"
        numbers = client.get("/metrics").text
    for line in (
        'ecert_chain_node_up{node="1"} 0.0',
        'ecert_chain_node_up{node="2"} 1.0',
        "ecert_worker_waiting 0.0",
    ):
        assert line in numbers
    assert SECRET not in numbers + office.directory.with_suffix(".log").read_text()


def failures(client: httpx.Client) -> str:
    try:
        numbers = client.get("/metrics").text
    except httpx.TransportError:
        return ""
    return "\n".join(line for line in numbers.splitlines() if "node_failures_total{" in line)


def test_nodes_of_different_chains_are_no_network(nodes: list[FaultyNode], office: Office) -> None:
    nodes[1].fault = LIES["is of another chain"](nodes[1])
    done = office.run(None, *init(office, nodes[0].url, nodes[1].url))
    told(done, 2, "sender_chain_id_wrong")
    assert not (office.directory / "settings.json").exists()


def test_all_nodes_must_be_there_to_set_up(nodes: list[FaultyNode], office: Office) -> None:
    told(office.run(None, *init(office, nodes[0].url, "http://127.0.0.1:9")), 2, "rpc_unreachable")
    told(office.run(None, *init(office, nodes[0].url, "127.0.0.1:9")), 3, "rpc_url_malformed")


@pytest.mark.parametrize(
    ("kept", "environment", "expected"),
    [
        ({"rpc_url": "http://a"}, {}, ["http://a"]),
        ({"rpc_urls": ["http://a", "http://b"]}, {}, ["http://a", "http://b"]),
        ({"rpc_url": "http://a"}, {"RPC_URLS": "http://b, http://c,"}, ["http://b", "http://c"]),
        ({"rpc_urls": ["http://a"]}, {"RPC_URL": "http://b"}, ["http://b"]),
        ({"rpc_urls": ["http://a"]}, {"RPC_URLS": "http://b"}, ["http://b"]),
    ],
)
def test_which_nodes_it_uses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kept: dict[str, object],
    environment: dict[str, str],
    expected: list[str],
) -> None:
    """The environment goes before what is kept, whichever of the two names either uses."""
    (tmp_path / "settings.json").write_text(json.dumps({"origin": "https://r.example"} | kept))
    for name, value in environment.items():
        monkeypatch.setenv(f"REGISTRY_{name}", value)
    assert Office(tmp_path).done(None, "rpc").splitlines() == expected


def test_its_accounts_are_told_before_it_is_set_up(nodes: list[FaultyNode], office: Office) -> None:
    """Where nodes take transactions of listed accounts only, init is refused until these are."""
    told(office.run(None, "accounts"), 1, "registry_not_set_up")
    office.done(None, *init(office, nodes[0].url))
    listed = office.done(None, "accounts").splitlines()
    assert {line.split()[2] for line in listed} >= {"deployer", "council"}
    assert all(re.fullmatch(r"0x[0-9a-fA-F]{40}", line.split()[0]) for line in listed)
    (office.directory / "settings.json").unlink()  # what init keeps at its end
    assert office.done(None, "accounts").splitlines() == listed
