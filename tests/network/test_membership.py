"""Validators that join and leave while the network goes on."""

import json

import pytest

from networks.qbft.description import NetworkDescription
from networks.qbft.errors import NetworkError
from networks.qbft.membership import add_node, add_validator, remove_validator
from networks.qbft.network import Network
from networks.qbft.status import status
from tests.network.network_world import goes_on, stands_still


def test_a_validator_joins_and_another_leaves(fresh_network: Network) -> None:
    network = fresh_network
    first = {node.entry.validator for node in network.nodes}
    node = add_node(network)
    assert node.name == "node5"
    assert set(node.validators()) == first  # it has the chain, and no say
    add_validator(network, "node5")
    assert set(network.nodes[0].validators()) == first | {node.entry.validator}
    assert status(network).needed == 4
    listed = [other.enode for other in network.description.nodes]
    assert len(listed) == 5
    for other in network.nodes:
        assert json.loads((other.folder / "permissioned-nodes.json").read_bytes()) == listed
        assert other.owner.call("istanbul_candidates") == {}  # no vote goes on

    network.node("node1").kill()  # four of five are needed, and the new one is one of them
    goes_on(network, network.nodes[1:], more=2)
    network.node("node1").launch()
    goes_on(network, network.nodes, more=2)

    gone = network.node("node2")
    remove_validator(network, "node2")
    assert not gone.running
    assert [other.name for other in network.nodes] == ["node1", "node3", "node4", "node5"]
    found = set(network.nodes[0].validators())
    assert found == (first | {node.entry.validator}) - {gone.entry.validator}
    assert NetworkDescription.read(network.directory) == network.description
    network.hosts.add(gone.name, gone.entry.address)
    gone.launch()  # its old lists name all the others, theirs no longer name it
    height = goes_on(network, network.nodes, more=3)
    assert gone.height() < height
    gone.kill()
    assert add_node(network).name == "node6"  # no name is used twice


def test_a_node_without_its_key_keeps_no_other_from_going_on(fresh_network: Network) -> None:
    network = fresh_network
    network.down()
    (network.node("node2").folder / "geth/nodekey").unlink()
    with pytest.raises(NetworkError) as caught:
        network.up()
    assert (caught.value.code, caught.value.details["name"]) == ("network_key_differs", "node2")
    assert [node.name for node in network.nodes if node.running] == ["node1", "node3", "node4"]
    assert status(network).going
    remove_validator(network, "node2")  # as the error says
    assert len(network.nodes[0].validators()) == 3
    network.up()


def test_without_a_majority_nobody_joins(network: Network) -> None:
    one, two, three, four = network.nodes
    for node in (three, four):
        node.kill()
    try:
        assert stands_still(network, "node1", "node2", seconds=2)
        two.kill()
        with pytest.raises(NetworkError) as caught:
            add_node(network)
        assert caught.value.code == "network_not_going"
        assert len(network.nodes) == 4
        assert one.running
    finally:
        for node in network.nodes:
            node.launch()
        goes_on(network, network.nodes, more=1)


def test_only_nodes_of_the_network_are_voted_on(network: Network) -> None:
    for change in (add_validator, remove_validator):
        with pytest.raises(NetworkError) as caught:
            change(network, "node77")
        assert caught.value.code == "network_node_unknown"
