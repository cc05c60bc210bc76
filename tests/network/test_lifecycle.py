"""What ``up`` makes, ``down`` takes away, and nothing else."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from networks.qbft import keeper
from networks.qbft.description import NetworkDescription
from networks.qbft.errors import NetworkError
from networks.qbft.hosts import Namespaces
from networks.qbft.making import Plan, make_network
from networks.qbft.network import Network
from networks.qbft.process import NodeProcess
from registry.cli.main import app
from tests.fakes.console import Done, run_command
from tests.network.network_world import goes_on, require_network, running_network, until


def command(name: str, directory: Path, *words: str) -> Done:
    return run_command(app, "network", name, "--dir", str(directory), *words)


def left_of(directory: Path) -> set[str]:
    """Return the links and network namespaces that are there for a network's directory."""
    mark = Namespaces(directory, NetworkDescription.read(directory)).mark
    links = {link["ifname"] for link in json.loads(ip("-j", "link", "show"))}
    spaces = {space["name"] for space in json.loads(ip("-j", "netns", "list") or "[]")}
    return {name for name in links | spaces if mark in name}


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], capture_output=True, check=True, text=True).stdout


def processes_naming(directory: Path) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                words = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(directory.resolve()) + b"/" in words:
                found.append(int(folder.name))
    return found


def test_two_networks_of_one_machine_by_their_commands(tmp_path: Path) -> None:
    require_network()
    one, two = tmp_path / "one", tmp_path / "two"
    fast = ("--engine", "quorum", "--block-seconds", "1", "--timeout-seconds", "2")
    try:
        for directory in (one, two):
            assert command("init", directory, *fast, "--validators", "1").code == 0
            done = command("up", directory)
            assert (done.code, done.err) == (0, "")
            assert done.out.startswith("http://10.")
            assert len(left_of(directory)) == 3  # a bridge, a cable, a namespace
        pid = Network(one).nodes[0].pid
        assert command("up", one).code == 0  # once more changes nothing
        assert Network(one).nodes[0].pid == pid
        found = command("status", one)
        assert found.code == 0
        assert "1/1 验证者应答 validators answer" in found.out
        assert command("down", one).code == 0
        assert left_of(one) == set()
        until(lambda: processes_naming(one) == [])
        assert command("status", one).code == 1
        assert command("status", two).code == 0
        assert command("down", one).code == 0  # once more has nothing to do
    finally:
        for directory in (one, two):
            command("down", directory)
    assert left_of(one) | left_of(two) == set()
    until(lambda: processes_naming(one) + processes_naming(two) == [])


def test_the_chain_is_there_after_down_and_up(fresh_network: Network) -> None:
    height = goes_on(fresh_network, fresh_network.nodes, more=2)
    block = fresh_network.nodes[0].rpc.call("eth_getBlockByNumber", [hex(height), False])
    fresh_network.down()
    fresh_network.up()
    after = fresh_network.nodes[3].rpc.call("eth_getBlockByNumber", [hex(height), False])
    assert after["hash"] == block["hash"]


def test_a_node_that_dies_at_once_is_named(tmp_path: Path) -> None:
    require_network()
    directory = tmp_path / "network"
    with running_network(directory, validators=1) as network:
        [node] = network.nodes
        node.stop()
        (node.folder / "config.toml").write_text("[half a table")
        done = command("up", directory)
        assert done.code == 1
        assert done.err.startswith("network_node_died")
        assert str(node.log) in done.err
        assert "exit code 1" in done.err


@pytest.mark.parametrize("damage", ["", "no key", "ab" * 32, None])
def test_a_node_without_its_key_is_not_started_as_another(
    tmp_path: Path, damage: str | None
) -> None:
    require_network()
    with running_network(tmp_path / "network", validators=1) as network:
        [node] = network.nodes
        node.stop()
        key = node.folder / "geth" / "nodekey"
        if damage is None:
            key.unlink()
        else:
            key.write_text(damage)
        with pytest.raises(NetworkError) as caught:
            network.up()
        assert caught.value.code == "network_key_differs"


def test_a_subnet_that_is_taken_is_refused(network: Network, tmp_path: Path) -> None:
    directory = tmp_path / "second"
    subnet = network.description.subnet
    assert command("init", directory, "--engine", "quorum", "--subnet", subnet).code == 0
    done = command("up", directory)
    assert (done.code, done.err.splitlines()[0]) == (1, "network_subnet_taken")
    assert left_of(directory) == set()
    assert command("down", directory).code == 0
    network.wait_for_blocks(network.nodes)


def test_what_was_stopped_halfway_is_made_whole(fresh_network: Network) -> None:
    network = fresh_network
    network.node("node2").kill()
    ip("netns", "del", network.namespaces.namespace("node2"))
    network.up()
    until(lambda: network.node("node2").peers() == 3)


def test_two_commands_do_not_meet(network: Network) -> None:
    with network.held(), pytest.raises(NetworkError) as caught:
        network.up()
    assert caught.value.code == "network_busy"


def test_on_loopback_without_namespaces(tmp_path: Path) -> None:
    require_network()
    directory = tmp_path / ("a folder whose name is longer than a socket's may be " * 3)
    plan = Plan("quorum", "loopback", validators=2, block_seconds=1, timeout_seconds=2)
    make_network(directory, plan)
    network = Network(directory)
    try:
        network.up()
        assert all(url.startswith("http://127.") for url in network.urls)
        assert [node.peers() for node in network.nodes] == [1, 1]
        assert left_of(directory) == set()
        with pytest.raises(NetworkError) as caught:
            network.namespaces.cut("node1")
        assert caught.value.code == "network_hosts_uncut"
    finally:
        network.down()
    until(lambda: processes_naming(directory) == [])


def test_a_service_may_have_a_side_of_its_own(network: Network) -> None:
    """A host that is no node's, as for a registry, cut off together with a minority."""
    spaces = network.namespaces
    spaces.add("registry", network.description.address(210))
    assert reaches(network, "registry", "node1")
    spaces.part([], ["registry", "node4"])
    try:
        assert reaches(network, "registry", "node4")
        assert not reaches(network, "registry", "node1")
    finally:
        spaces.heal()
    assert reaches(network, "registry", "node1")
    spaces.cut("registry")
    assert not reaches(network, "registry", "node1")
    spaces.mend("registry")
    until(lambda: reaches(network, "registry", "node1"))


def reaches(network: Network, host: str, node: str) -> bool:
    entry = network.node(node).entry
    line = f"exec 3<>/dev/tcp/{entry.address}/{entry.rpc_port}"
    words = network.hosts.command(host, ["timeout", "2", "bash", "-c", line])
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_a_log_stays_bounded_and_tells_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "keeper.py"
    text = Path(keeper.__file__).read_text("utf-8")
    script.write_text(
        text.replace("MAX_LOG_BYTES = 8 << 20", "MAX_LOG_BYTES = 1000").replace(
            "LOOK_SECONDS = 5.0", "LOOK_SECONDS = 0.05"
        )
    )
    monkeypatch.setattr("networks.qbft.process._KEEPER", script)
    process = NodeProcess(tmp_path)
    line = 'while true; do echo "$0 said something at some length"; sleep 0.005; done'
    process.start(["bash", "-c", line, str(tmp_path)])
    try:
        until((tmp_path / "node.log.1").exists)
        first = (tmp_path / "node.log.1").read_bytes()
        until(lambda: (tmp_path / "node.log.1").read_bytes() != first)
        assert process.running
    finally:
        process.kill()
    until(lambda: "the node ended with signal 9" in process.last_words())
    assert not process.running


def test_a_number_that_passed_to_another_process_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "node.pid").write_text(str(other.pid))
        process = NodeProcess(tmp_path)
        assert not process.running
        assert not process.send(signal.SIGKILL)
        process.stop()
        time.sleep(0.2)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NetworkError) as caught:
        NodeProcess(tmp_path).start([str(tmp_path / "nothing")])
    assert caught.value.code == "network_node_not_started"
    assert "No such file" in caught.value.message("en")


def test_without_its_program_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_network()
    with running_network(tmp_path / "network", validators=1) as network:
        network.down()
        monkeypatch.setenv("ECERT_GETH", str(tmp_path / "none"))
        done = command("up", network.directory)
        assert (done.code, done.err.splitlines()[0]) == (2, "geth_missing")
        assert "make goquorum" in done.err
        assert left_of(network.directory) == set()
