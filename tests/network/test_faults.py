"""A network with nodes that die, stand still, or are cut off."""

import shutil

from networks.qbft import goquorum
from networks.qbft.network import Network
from networks.qbft.status import status
from tests.network.network_world import goes_on, settle, stands_still, until


def test_it_makes_blocks_that_all_nodes_have(network: Network) -> None:
    height = goes_on(network, network.nodes, more=2)
    assert height >= 2
    found = status(network)
    assert (found.validators, found.present, found.going) == (4, 4, True)
    assert [node.peers for node in found.nodes] == [3, 3, 3, 3]
    hashes = {
        node.rpc.call("eth_getBlockByNumber", [hex(height), False])["hash"]
        for node in network.nodes
    }
    assert len(hashes) == 1


def test_one_may_die_and_two_may_not(network: Network) -> None:
    one, two, three, four = network.nodes
    four.kill()
    assert not four.running
    goes_on(network, [one, two, three], more=3)
    assert status(network).going
    three.kill()
    assert stands_still(network, "node1", "node2")
    for node in (three, four):
        node.launch()
    settle(network)


def test_a_cut_in_the_middle_halts_both_halves(network: Network) -> None:
    network.namespaces.part(["node1", "node2"], ["node3", "node4"])
    try:
        assert stands_still(network, "node1", "node2", "node3", "node4")
        assert network.node("node1").rpc.call("web3_clientVersion", []).startswith("Geth")
    finally:
        network.namespaces.heal()
    settle(network)


def test_the_greater_part_goes_on(network: Network) -> None:
    network.namespaces.part(["node1", "node2", "node3"], ["node4"])
    try:
        others = [network.node(name) for name in ("node1", "node2", "node3")]
        height = goes_on(network, others, more=5)
        assert network.node("node4").height() < height
    finally:
        network.namespaces.heal()
    until(lambda: network.node("node4").height() > height)
    settle(network)


def test_a_paused_node_catches_up(network: Network) -> None:
    one, *others = network.nodes
    one.pause()
    try:
        height = goes_on(network, others, more=3)
        assert one.running
    finally:
        one.resume()
    until(lambda: one.height() > height)
    settle(network)


def test_a_node_that_lost_its_disk_fetches_the_chain(fresh_network: Network) -> None:
    network = fresh_network
    block = goes_on(network, network.nodes, more=2)
    node, *others = network.nodes
    genesis = node.rpc.call("eth_getBlockByNumber", ["0x0", False])["hash"]
    node.kill()
    shutil.rmtree(node.folder / goquorum.DATABASE)
    goes_on(network, others, more=1)
    node.launch()
    goes_on(network, network.nodes, more=2)
    assert node.rpc.call("eth_getBlockByNumber", ["0x0", False])["hash"] == genesis
    assert node.rpc.call("eth_getBlockByNumber", [hex(block), False]) is not None
