"""The files that a new network of validators is made of, for both engines."""

import ipaddress
import json
import tomllib
from pathlib import Path

import pytest
import rlp
import yaml
from eth_keys.datatypes import PrivateKey

from ecert.errors import EcertError, MalformedError
from networks.qbft import besu, goquorum
from networks.qbft.description import NetworkDescription, NodeEntry
from networks.qbft.errors import NetworkError
from networks.qbft.genesis import extra_data
from networks.qbft.making import Plan, key_file, make_network
from registry.cli.main import app
from tests.fakes.console import Done, run_command

ENGINES = pytest.mark.parametrize("engine", ["quorum", "besu"])


def init(directory: Path, *words: str) -> Done:
    return run_command(app, "network", "init", "--dir", str(directory), *words)


def made(directory: Path, engine: str, **plan: object) -> NetworkDescription:
    hosts = "containers" if engine == "besu" else "loopback"
    return make_network(directory, Plan(engine=engine, hosts=hosts, **plan))  # type: ignore[arg-type]


def key_of(directory: Path, network: NetworkDescription, node: NodeEntry) -> PrivateKey:
    return PrivateKey(
        bytes.fromhex(key_file(directory, network.engine, node.name).read_text("ascii"))
    )


@ENGINES
def test_each_node_has_a_key_that_its_owner_alone_can_read(tmp_path: Path, engine: str) -> None:
    network = made(tmp_path, engine)
    keys = [key_of(tmp_path, network, node) for node in network.nodes]
    assert len({key.to_bytes() for key in keys}) == len(keys) == 4
    for node, key in zip(network.nodes, keys, strict=True):
        path = key_file(tmp_path, network.engine, node.name)
        assert path.stat().st_mode & 0o777 == 0o600
        assert key.public_key.to_bytes() == node.public_key
        assert key.public_key.to_canonical_address() == node.validator


@ENGINES
def test_no_key_is_told(tmp_path: Path, engine: str) -> None:
    done = init(tmp_path / "net", "--engine", engine)
    assert (done.code, done.err) == (0, "")
    network = NetworkDescription.read(tmp_path / "net")
    files = [path for path in (tmp_path / "net").rglob("*") if path.is_file()]
    for node in network.nodes:
        secret = key_of(tmp_path / "net", network, node).to_bytes().hex()
        assert secret not in done.out
        assert [path.name for path in files if secret in path.read_text()] in (["nodekey"], ["key"])


@ENGINES
def test_the_first_block_names_its_validators(tmp_path: Path, engine: str) -> None:
    network = made(tmp_path, engine, block_seconds=3, timeout_seconds=7, epoch_length=100)
    genesis = json.loads((tmp_path / "genesis.json").read_bytes())
    vanity, validators, vote, number, seals = rlp.decode(bytes.fromhex(genesis["extraData"][2:]))
    assert validators == sorted(node.validator for node in network.nodes)
    assert (vanity, vote, number, seals) == (bytes(32), [], b"", [])
    assert genesis["config"]["chainId"] == network.chain_id
    assert genesis["config"]["berlinBlock"] == 0
    assert not any(name.startswith(("london", "shanghai")) for name in genesis["config"])
    qbft = genesis["config"]["qbft"]
    assert (qbft["blockperiodseconds"], qbft["requesttimeoutseconds"]) == (3, 7)
    assert qbft["epochlength"] == 100
    assert bytes.fromhex(genesis["mixHash"][2:]) == b"ctical byzantine fault tolerance"
    assert genesis["alloc"] == {}


def test_extra_data_is_the_known_encoding() -> None:
    """Two validators, as in Besu's tests of its codec, without vote, round and seals."""
    extra = extra_data([(2).to_bytes(20, "big"), (1).to_bytes(20, "big")])
    one, two = (1).to_bytes(20, "big").hex(), (2).to_bytes(20, "big").hex()
    assert extra.hex() == f"f84fa0{'00' * 32}ea94{one}94{two}c080c0"


@ENGINES
def test_networks_are_never_alike(tmp_path: Path, engine: str) -> None:
    first, second = made(tmp_path / "1", engine), made(tmp_path / "2", engine)
    assert first.chain_id != second.chain_id
    assert not {node.public_key for node in first.nodes} & {n.public_key for n in second.nodes}


@ENGINES
def test_a_network_is_not_overwritten(tmp_path: Path, engine: str) -> None:
    assert init(tmp_path, "--engine", engine).code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    done = init(tmp_path, "--engine", engine)
    assert done.code == 1
    assert "network_exists" in done.err
    (tmp_path / "network.json").unlink()  # as if it had been stopped halfway: keys are there
    assert init(tmp_path, "--engine", engine).code == 1
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == {path: data for path, data in before.items() if path.name != "network.json"}


def test_a_folder_of_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("kept")
    done = init(tmp_path, "--engine", "quorum")
    assert done.code == 1
    assert "network_directory_used" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@ENGINES
def test_no_commit_takes_the_keys_along(tmp_path: Path, engine: str) -> None:
    made(tmp_path / "network", engine)
    assert (tmp_path / "network" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["--validators", "0"], "network_number_bad", 1),
        (["--validators", "33"], "network_number_bad", 1),
        (["--chain-id", "0"], "network_number_bad", 1),
        (["--block-seconds", "61"], "network_number_bad", 1),
        (["--epoch-length", "9"], "network_number_bad", 1),
        (["--block-seconds", "5", "--timeout-seconds", "5"], "network_timeout_short", 1),
        (["--subnet", "10.0.0.0/25"], "network_subnet_malformed", 3),
        (["--subnet", "8.8.8.0/24"], "network_subnet_malformed", 3),
        (["--subnet", "here"], "network_subnet_malformed", 3),
        (["--hosts", "containers"], "network_hosts_unsupported", 1),
        (["--account", f"0x{'ab' * 20}"], "network_accounts_unsupported", 1),
        (["--account", "0xab"], "usage_wrong", 64),
        (["--engine", "clique"], "usage_wrong", 64),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, words: list[str], code: str, exit_code: int
) -> None:
    hosts = [] if "--hosts" in words else ["--hosts", "loopback"]
    done = init(tmp_path / "net", "--engine", "quorum", *hosts, *words)
    assert (done.code, done.err.splitlines()[0]) == (exit_code, code)
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize(("validators", "warned"), [(1, True), (3, True), (4, False), (32, False)])
def test_too_few_to_lose_any_is_said(tmp_path: Path, validators: int, warned: bool) -> None:
    done = init(tmp_path, "--validators", str(validators))
    assert done.code == 0
    assert ("fewer than four" in done.out) is warned
    assert len(NetworkDescription.read(tmp_path).nodes) == validators


def test_goquorum_offers_others_nothing_that_steers_it(tmp_path: Path) -> None:
    network = made(tmp_path, "quorum")
    enodes = [node.enode for node in network.nodes]
    for node in network.nodes:
        folder = tmp_path / "nodes" / node.name
        assert json.loads((folder / "permissioned-nodes.json").read_bytes()) == enodes
        assert json.loads((folder / "geth" / "static-nodes.json").read_bytes()) == enodes
        words = goquorum.run_command(Path("/geth"), folder, network, node)
        assert words[words.index("--http.api") + 1] == "eth,net,web3"
        assert words[words.index("--http.addr") + 1] == node.address
        assert {"--permissioned", "--nodiscover"} <= set(words)
        assert words[words.index("--gcmode") + 1] == "archive"
        assert not {"--ws", "--unlock", "--http.corsdomain", "--http.vhosts"} & set(words)


@ENGINES
def test_addresses_are_each_node_s_own(tmp_path: Path, engine: str) -> None:
    network = made(tmp_path, engine)
    subnet = ipaddress.ip_network(network.subnet)
    assert len({node.address for node in network.nodes}) == 4
    assert all(ipaddress.ip_address(node.address) in subnet for node in network.nodes)
    assert subnet.is_private


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "ecert-network-9"),
        ("engine", "clique"),
        ("hosts", "ssh"),
        ("chain_id", 0),
        ("subnet", "8.8.8.0/24"),
        ("accounts", ["0x00"]),
        ("nodes", 1),
        ("nodes", [{"name": "../.."}]),
    ],
)
def test_a_damaged_description_is_refused(tmp_path: Path, name: str, value: object) -> None:
    made(tmp_path, "quorum")
    path = tmp_path / "network.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {name: value}))
    with pytest.raises(MalformedError):
        NetworkDescription.read(tmp_path)


@pytest.mark.parametrize("name", ["validator", "public_key", "address", "name", "rpc_port"])
def test_a_damaged_node_is_refused(tmp_path: Path, name: str) -> None:
    made(tmp_path, "quorum")
    path = tmp_path / "network.json"
    value = json.loads(path.read_bytes())
    other = {"rpc_port": 0, "address": "here", "name": "a/b"}.get(name, f"0x{'00' * 20}")
    value["nodes"][1][name] = other
    path.write_text(json.dumps(value))
    with pytest.raises(MalformedError):
        NetworkDescription.read(tmp_path)


def test_there_must_be_a_network(tmp_path: Path) -> None:
    for command in ("up", "down", "status"):
        done = run_command(app, "network", command, "--dir", str(tmp_path))
        assert (done.code, done.err.splitlines()[0]) == (1, "network_missing")


def test_besu_is_run_by_its_compose_file(tmp_path: Path) -> None:
    made(tmp_path, "besu")
    for command in ("up", "down", "status"):
        done = run_command(app, "network", command, "--dir", str(tmp_path))
        assert (done.code, done.err.splitlines()[0]) == (1, "network_engine_elsewhere")
        assert "docker compose up -d" in done.err


KINDS = {str: "text", bool: "truth", int: "number", list: "list"}


def test_besu_knows_every_option(tmp_path: Path, besu_options: dict[str, str]) -> None:
    network = made(tmp_path, "besu")
    for node in network.nodes:
        text = (tmp_path / "nodes" / node.name / "config.toml").read_text()
        found = tomllib.loads(text)
        assert {name: KINDS[type(value)] for name, value in found.items()} == {
            name: besu_options.get(name) for name in found
        }
        assert found["rpc-http-host"] == found["p2p-host"] == node.address
        assert found["rpc-http-apis"] == ["ETH", "NET", "WEB3"]
        assert (found["rpc-ws-host"], found["discovery-enabled"]) == ("127.0.0.1", False)
        assert found["permissions-nodes-config-file-enabled"] is True
        assert found["permissions-accounts-config-file-enabled"] is True
        assert found["min-gas-price"] == 0
        for name in ("key", "static-nodes.json", "permissions_config.toml"):
            assert f"{besu.DATA}/{name}" in found.values()
            assert (tmp_path / "nodes" / node.name / "data" / name).is_file()
        static = json.loads(
            (tmp_path / "nodes" / node.name / "data" / "static-nodes.json").read_bytes()
        )
        assert static == [other.enode for other in network.nodes if other != node]


@pytest.fixture
def besu_options() -> dict[str, str]:
    path = Path(__file__).parents[1] / "vectors" / "besu" / "options.json"
    return dict(json.loads(path.read_bytes())["options"])


def test_a_validator_joins_a_besu_network(tmp_path: Path) -> None:
    before = made(tmp_path, "besu")
    done = run_command(app, "network", "add-validator", "--dir", str(tmp_path))
    assert (done.code, done.err) == (0, "")
    after = NetworkDescription.read(tmp_path)
    assert after.nodes[:4] == before.nodes
    new = after.nodes[4]
    request = json.loads(done.out.splitlines()[-1].partition(": ")[2])
    assert request["method"] == "qbft_proposeValidatorVote"
    assert request["params"] == [f"0x{new.validator.hex()}", True]
    for node in after.nodes:
        data = tmp_path / "nodes" / node.name / "data"
        lists = tomllib.loads((data / "permissions_config.toml").read_text())
        assert lists["nodes-allowlist"] == [other.enode for other in after.nodes]
    assert key_of(tmp_path, after, new).public_key.to_bytes() == new.public_key
    assert new.name in yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]


def test_a_validator_leaves_a_besu_network(tmp_path: Path) -> None:
    before = made(tmp_path, "besu")
    done = run_command(app, "network", "remove-validator", "--dir", str(tmp_path), "node2")
    request = json.loads(done.out.splitlines()[0].partition("): ")[2])
    assert request["params"] == [f"0x{before.node('node2').validator.hex()}", False]
    assert NetworkDescription.read(tmp_path) == before  # until the vote is over
    words = ("remove-validator", "--dir", str(tmp_path), "node2", "--voted")
    assert run_command(app, "network", *words).code == 0
    after = NetworkDescription.read(tmp_path)
    assert [node.name for node in after.nodes] == ["node1", "node3", "node4"]
    again = run_command(app, "network", *words)
    assert (again.code, again.err.splitlines()[0]) == (1, "network_node_unknown")
    assert run_command(app, "network", "add-validator", "--dir", str(tmp_path)).code == 0
    assert NetworkDescription.read(tmp_path).nodes[-1].name == "node5"  # no name twice


def test_accounts_are_added_to_the_lists(tmp_path: Path) -> None:
    made(tmp_path, "besu")
    one, two = f"0x{'Ab' * 20}", f"0x{'cd' * 20}"
    for _ in range(2):  # twice is once
        done = run_command(app, "network", "allow", "--dir", str(tmp_path), one, two)
        assert (done.code, done.err) == (0, "")
        assert "perm_reloadPermissionsFromFile" in done.out
    path = tmp_path / "nodes" / "node3" / "data" / "permissions_config.toml"
    assert tomllib.loads(path.read_text())["accounts-allowlist"] == [one.lower(), two]
    many = [f"0x{number:040x}" for number in range(1024)]
    done = run_command(app, "network", "allow", "--dir", str(tmp_path), *many)
    assert (done.code, done.err.splitlines()[0]) == (1, "network_accounts_many")
    done = run_command(app, "network", "allow", "--dir", str(tmp_path), "0xab")
    assert done.code == 64


@pytest.mark.parametrize("name", ["static-nodes.json", "permissions_config.toml", "data"])
def test_no_container_has_the_host_write_elsewhere(tmp_path: Path, name: str) -> None:
    """What is in a node's ``data`` is its container's to choose, and it chooses a link."""
    made(tmp_path / "net", "besu")
    data = tmp_path / "net" / "nodes" / "node1" / "data"
    (tmp_path / "host").mkdir()
    victim = tmp_path / "host" / "static-nodes.json"
    victim.write_text("the host's")
    words = ("network", "add-validator", "--dir", str(tmp_path / "net"))
    if name == "data":
        data.rename(data.with_name("moved"))
        data.symlink_to(victim.parent)
        done = run_command(app, *words)
        assert (done.code, done.err.splitlines()[0]) == (3, "file_unwritable")
    else:
        (data / name).unlink()
        (data / name).symlink_to(victim)
        assert run_command(app, *words).code == 0
        assert not (data / name).is_symlink()
        assert (data / name).stat().st_mode & 0o777 == 0o644
        assert sorted(path.name for path in data.iterdir()) == [
            *("key", "permissions_config.toml", "static-nodes.json"),
        ]
    assert [path.read_text() for path in victim.parent.iterdir()] == ["the host's"]


def test_goquorum_has_no_list_of_accounts(tmp_path: Path) -> None:
    made(tmp_path, "quorum")
    done = run_command(app, "network", "allow", "--dir", str(tmp_path), f"0x{'ab' * 20}")
    assert (done.code, done.err.splitlines()[0]) == (1, "network_accounts_unsupported")


def test_besu_lists_accounts(tmp_path: Path) -> None:
    account = bytes(range(20))
    network = made(tmp_path, "besu", accounts=(account,))
    for node in network.nodes:
        data = tmp_path / "nodes" / node.name / "data"
        lists = tomllib.loads((data / "permissions_config.toml").read_text())
        assert lists["accounts-allowlist"] == [f"0x{account.hex()}"]
        assert lists["nodes-allowlist"] == [other.enode for other in network.nodes]


def test_besu_s_compose_file(tmp_path: Path) -> None:
    network = made(tmp_path, "besu")
    value = yaml.safe_load((tmp_path / "compose.yaml").read_text())
    assert set(value["services"]) == {node.name for node in network.nodes}
    assert value["networks"]["validators"]["ipam"]["config"][0]["subnet"] == network.subnet
    for node in network.nodes:
        service = value["services"][node.name]
        assert service["image"] == besu.IMAGE
        assert not besu.IMAGE.endswith(":latest")
        assert service["networks"]["validators"]["ipv4_address"] == node.address
        assert service["healthcheck"]["test"][0] == "CMD"
        assert "ports" not in service  # nothing is offered to other machines
        for mount in service["volumes"]:
            source, _, _ = mount.partition(":")
            assert (tmp_path / source).exists(), source


def test_errors_are_of_one_tree() -> None:
    assert issubclass(NetworkError, EcertError)
