"""Who is not on the lists: nodes that nobody let in, and accounts to which nobody gave a role."""

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_keys.datatypes import PrivateKey

from networks.qbft import goquorum
from networks.qbft.description import P2P_PORT, RPC_PORT, NodeEntry
from networks.qbft.ipc import NodeSocket
from networks.qbft.network import Network, Node
from registry.chain.abi import artifact
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, ContractCall, Role
from registry.chain.council import CouncilAccount
from registry.chain.deploy import deploy
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from tests.network.network_world import PATIENCE_SECONDS, goes_on, until

INFO, DEBUG = 3, 4
DEPARTMENT = "11110000000000111A"


@pytest.fixture
def stranger(network: Network, tmp_path: Path) -> Iterator[Node]:
    """A node with a key of its own on a host of its own that knows chain and nodes of the network.

    It would let everybody in, and it dials everybody.
    """
    key = PrivateKey(secrets.token_bytes(32))
    entry = NodeEntry(
        "stranger",
        network.description.address(200),
        P2P_PORT,
        RPC_PORT,
        key.public_key.to_bytes(),
    )
    (tmp_path / "genesis.json").write_bytes((network.directory / "genesis.json").read_bytes())
    node = Node(tmp_path, network.description, entry, network.hosts)
    (node.folder / "geth").mkdir(parents=True)
    (node.folder / "geth" / "nodekey").write_text(key.to_bytes().hex())
    enodes = json.dumps([other.enode for other in network.description.nodes])
    (node.folder / "geth" / "static-nodes.json").write_text(enodes)
    (node.folder / "permissioned-nodes.json").write_text(enodes)
    (node.folder / goquorum.CONFIG).write_bytes(goquorum.config(entry))
    network.hosts.add(entry.name, entry.address)
    node.launch()
    try:
        yield node
    finally:
        node.stop()


def test_a_node_that_is_not_listed_does_not_get_in(network: Network, stranger: Node) -> None:
    until(lambda: stranger.running and answers(stranger))
    for node in network.nodes:
        node.owner.call("debug_verbosity", DEBUG)
        assert node.owner.call("admin_addPeer", stranger.entry.enode) is True
    for node in network.nodes:  # from both sides
        until(lambda node=node: refusals(node, "INCOMING") and refusals(node, "OUTGOING"))
        node.owner.call("debug_verbosity", INFO)
    goes_on(network, network.nodes, more=3)
    assert stranger.peers() == 0
    assert stranger.height() == 0
    for node in network.nodes:
        names = [peer["enode"] for peer in node.owner.call("admin_peers")]
        assert not any(stranger.entry.public_key.hex() in name for name in names)
        assert len(names) == 3
        node.owner.call("admin_removePeer", stranger.entry.enode)
    let_in(network, stranger)  # it was the list alone that kept it out


def answers(node: Node) -> bool:
    return (node.folder / goquorum.SOCKET).exists()


def refusals(node: Node, direction: str) -> int:
    """Count the strangers that a node has seen off; its log tells at its present level."""
    lines = node.log.read_text("utf-8", "replace").splitlines()
    return sum("DENIED-BY" in line and f"connection={direction}" in line for line in lines)


def let_in(network: Network, stranger: Node) -> None:
    path = network.nodes[0].folder / "permissioned-nodes.json"
    before = path.read_text()
    path.write_text(json.dumps([*json.loads(before), stranger.entry.enode]))
    try:
        stranger.stop()
        stranger.launch()
        until(lambda: answers(stranger) and peers(stranger) == 1)
        until(lambda: stranger.height() > 0)
    finally:
        path.write_text(before)


def peers(node: Node) -> int:
    return int(NodeSocket(node.folder, goquorum.SOCKET).call("net_peerCount"), 16)


def test_others_reach_nothing_that_steers_a_node(network: Network) -> None:
    node = network.nodes[0]
    for method, params in (
        ("istanbul_propose", [f"0x{'ab' * 20}", True]),
        ("admin_addPeer", [node.entry.enode]),
        ("personal_newAccount", ["x"]),
        ("miner_stop", []),
        ("debug_setHead", ["0x1"]),
        ("quorumPermission_nodeList", []),
    ):
        answer = node.rpc.answer(method, params)
        assert answer["error"]["code"] == -32601, method  # no such method
    assert node.owner.call("istanbul_candidates") == {}
    assert (node.folder / goquorum.SOCKET).stat().st_mode & 0o077 == 0


def test_an_account_without_a_role_changes_nothing(network: Network) -> None:
    sender = Sender(RpcPool(network.urls, network.description.chain_id))
    council, officer, stranger = (LocalAccount.generate() for _ in range(3))
    deployed = deploy(sender, LocalAccount.generate(), council=council.address, delay=0)
    CouncilAccount(sender, council).carry_out(
        [
            deployed.departments.admit(
                COUNCIL,
                DEPARTMENT,
                department_kind="PS",
                name="示例市公安局",
                kinds=["resident-id"],
                admin=officer.address,
            )
        ]
    )
    nonces = MemoryNonces()
    sender.execute(
        officer,
        deployed.departments.grant_role(DEPARTMENT, DEPARTMENT, Role.ANCHOR, officer.address),
        nonces,
    )
    call = deployed.anchors.anchor(DEPARTMENT, os.urandom(32), 64)
    with pytest.raises(ChainRejectedError):
        sender.execute(stranger, call, nonces)
    sender.reconcile(stranger.address, nonces)
    forced = sender.prepare(stranger, call, nonces, gas=500_000)  # without asking whether it may
    sender.broadcast(forced)
    mined = sender.wait(forced, seconds=PATIENCE_SECONDS)
    assert isinstance(mined.error, ChainRejectedError)
    assert anchored(sender, deployed.anchors.address, call) == 0
    sender.execute(officer, call, nonces)
    assert anchored(sender, deployed.anchors.address, call) > 0


def anchored(sender: Sender, address: str, call: ContractCall) -> int:
    """Return the time at which a call's root was anchored; 0 for never."""
    function = artifact("AnchorRegistry").functions["anchorOf"]
    data = function.encode([call.arguments()[name] for name in ("department", "root")])
    answer = sender.read(ContractCall("AnchorRegistry", "anchorOf", address, data))
    return int.from_bytes(answer[:32])
