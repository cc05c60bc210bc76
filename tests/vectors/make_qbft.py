"""Records ``qbft/goquorum*.json``: headers of real networks whose validators vote.

Five nodes, four of them validators at first; the fifth is voted in, then one is voted out. Needs
what the tests of networks need: ``python -m tests.vectors.make_qbft`` as root.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rlp

from networks.qbft.making import GENESIS, Plan, make_network
from networks.qbft.network import Network, Node
from tests.network.network_world import until

FOLDER = Path(__file__).parent / "qbft"
ABOUT = (
    "Headers of a network of GoQuorum nodes running QBFT: one validator was added by votes, one "
    "dropped. rlp is the node's own encoding, validators_after its answer to "
    "istanbul_getValidators at that block."
)
RECORDINGS = {"goquorum": 30_000, "goquorum-epoch-8": 8, "goquorum-epoch-3": 3}
"""Length of an epoch by file: with the short ones votes lapse on their way."""
WHOLE = (0, 1, 5, 13)
"""Blocks of the first recording that are kept as a node gives them over JSON-RPC."""


def vote(voters: list[Node], about: bytes, *, add: bool, done: Callable[[], bool]) -> None:
    for node in voters:
        node.owner.call("istanbul_propose", "0x" + about.hex(), add)
    until(done)
    for node in voters:
        node.owner.call("istanbul_discard", "0x" + about.hex())


def header(node: Node, block: int) -> str:
    whole = rlp.decode(bytes.fromhex(node.owner.call("debug_getBlockRlp", block)))
    return str(rlp.encode(whole[0]).hex())


def record(network: Network, epoch: int, *, whole: bool) -> dict[str, Any]:
    first, *others = network.nodes
    new, gone = others[-1].entry.validator, others[0].entry.validator
    voters = [node for node in network.nodes if node.entry.validator not in (new, gone)]
    network.wait_for_blocks([first], more=3)
    vote([*voters, others[0]], new, add=True, done=lambda: new in first.validators())
    network.wait_for_blocks([first], more=3)
    vote([*voters, others[-1]], gone, add=False, done=lambda: gone not in first.validators())
    network.wait_for_blocks([first], more=3)
    time.sleep(1)
    headers = []
    for block in range(first.height() + 1):
        own, another = header(first, block), header(others[1], block)
        after = first.owner.call("istanbul_getValidators", hex(block))
        found = first.owner.call("eth_getBlockByNumber", hex(block), False)
        entry = {
            "rlp": own,
            "hash": found["hash"][2:],
            "validators_after": [address[2:] for address in after],
        }
        headers.append(entry | ({"rlp_of_another_node": another} if another != own else {}))
    made: dict[str, Any] = {
        "_about": ABOUT,
        "client": first.owner.call("web3_clientVersion"),
        "epoch_length": epoch,
        "headers": headers,
    }
    if whole:
        made["rpc"] = {
            str(block): first.owner.call("eth_getBlockByNumber", hex(block), False)
            for block in WHOLE
        }
    return made


def make(directory: Path, epoch: int) -> Network:
    """Make a network whose last node is no validator at first, with epochs as short as these."""
    plan = Plan("quorum", "namespaces", validators=5, block_seconds=1, timeout_seconds=2)
    make_network(directory, plan)
    path = directory / GENESIS
    genesis = json.loads(path.read_text("utf-8"))
    genesis["config"]["qbft"]["epochlength"] = epoch
    extra = rlp.decode(bytes.fromhex(genesis["extraData"][2:]))
    last = Network(directory).nodes[-1].entry.validator
    extra[1] = [address for address in extra[1] if address != last]
    genesis["extraData"] = "0x" + rlp.encode(extra).hex()
    path.write_text(json.dumps(genesis), "utf-8")
    return Network(directory)


def main() -> None:
    for name, epoch in RECORDINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            network = make(Path(folder) / "network", epoch)
            try:
                network.up()
                made = record(network, epoch, whole=name == "goquorum")
            finally:
                network.down()
        (FOLDER / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
