"""Heads: the shared vectors, and a replay of a real node's logs."""

import make_heads
import pytest
from chain_node import artifact
from eth_hash.auto import keccak
from make_heads import extend, start
from scenario import Scenario
from web3.contract import Contract
from web3.types import LogReceipt

REGISTRIES = ["DepartmentRegistry", "AnchorRegistry", "StatusRegistry"]


def test_the_vectors_are_what_their_script_writes() -> None:
    assert make_heads.VECTORS.read_text(encoding="utf-8") == make_heads.text()


@pytest.mark.parametrize("name", REGISTRIES)
def test_a_replay_of_the_log_gives_the_head(scenario: Scenario, name: str) -> None:
    contract = scenario.contracts[name]
    web3 = scenario.node.web3
    head = start(web3.eth.chain_id, bytes.fromhex(contract.address[2:]))
    logs = _logs(scenario, contract)
    assert logs
    for log in logs:
        topics = [bytes(topic) for topic in log["topics"]]
        head = extend(head, log["blockNumber"], topics, bytes(log["data"]))
    assert contract.functions.head().call() == head


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_omission_shows(scenario: Scenario, name: str) -> None:
    contract = scenario.contracts[name]
    head = contract.functions.head().call()
    logs = _logs(scenario, contract)
    for omitted in {0, len(logs) // 2, len(logs) - 1}:
        replayed = start(scenario.node.web3.eth.chain_id, bytes.fromhex(contract.address[2:]))
        for log in logs[:omitted] + logs[omitted + 1 :]:
            topics = [bytes(topic) for topic in log["topics"]]
            replayed = extend(replayed, log["blockNumber"], topics, bytes(log["data"]))
        assert replayed != head


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_log_entry_is_an_event_of_the_abi(scenario: Scenario, name: str) -> None:
    contract = scenario.contracts[name]
    events = [entry for entry in artifact(name)["abi"] if entry["type"] == "event"]
    names = {keccak(_signature(entry)): entry["name"] for entry in events}
    seen = set()
    for receipt in scenario.receipts:
        for log in receipt["logs"]:
            if log["address"] == contract.address:
                name_of_topic = names[bytes(log["topics"][0])]
                seen.add(contract.events[name_of_topic]().process_log(log)["event"])
    # Announcements are made on registries with a delay; the Solidity tests cover them.
    assert seen == set(names.values()) - {"Scheduled", "Cancelled"}


def test_the_head_lies_where_storage_proofs_look(scenario: Scenario) -> None:
    for name in REGISTRIES:
        layout = {
            entry["label"]: int(entry["slot"])
            for entry in artifact(name)["storageLayout"]["storage"]
        }
        contract = scenario.contracts[name]
        head = contract.functions.head().call()
        get = scenario.node.web3.eth.get_storage_at
        # The scenario closes all registries at its end, which puts the head away.
        assert bytes(get(contract.address, layout["_finalHead"])) == head
        assert bytes(get(contract.address, layout["_head"])) == bytes(32)


def _logs(scenario: Scenario, contract: Contract) -> list[LogReceipt]:
    """Return a contract's log entries in their order on the chain."""
    return scenario.node.web3.eth.get_logs(
        {"address": contract.address, "fromBlock": 0, "toBlock": "latest"}
    )


def _signature(event: dict) -> bytes:
    return f"{event['name']}({','.join(item['type'] for item in event['inputs'])})".encode()
