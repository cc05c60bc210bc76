"""Events as the contracts log them, folded into records; and logs that no contract wrote."""

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import eth_abi
import pytest
from eth_hash.auto import keccak

from ecert.authority import Interval
from ecert.chain import events, node, view
from ecert.chain.abi import signature
from ecert.chain.events import Log, decode_log, first_head, signatures
from ecert.chain.records import CONTRACTS
from ecert.chain.state import ChainState
from ecert.errors import MalformedError
from ecert.facts import Anchor

ARTIFACTS = {
    "departments": "DepartmentRegistry",
    "anchors": "AnchorRegistry",
    "statuses": "StatusRegistry",
}
ADDRESSES = {name: bytes([number]) * 20 for number, name in enumerate(CONTRACTS, 1)}
TOP, CITY, BUREAU = bytes(20), b"CITY".ljust(20, b"\0"), b"BUREAU".ljust(20, b"\0")
KIND, KEY, OTHER = b"resident-id".ljust(32, b"\0"), b"k" * 32, b"o" * 32


def abi(contract: str) -> list[dict[str, Any]]:
    path = resources.files("ecert.chain") / "artifacts" / f"{contract}.json"
    return list(json.loads(path.read_text("utf-8"))["abi"])


def type_of(argument: dict[str, Any]) -> str:
    kind: str = argument["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(type_of, argument['components']))}){kind[5:]}"


def event_abi(contract: str, name: str) -> dict[str, Any]:
    (found,) = (
        entry
        for entry in abi(ARTIFACTS[contract])
        if (entry["type"], entry["name" if "name" in entry else "type"]) == ("event", name)
    )
    return found


class Writer:
    """Encodes logs from the committed ABI, one block after another."""

    def __init__(self) -> None:
        self.block, self.index = 10, 0

    def __call__(self, contract: str, name: str, *arguments: Any) -> Log:
        entry = event_abi(contract, name)
        types = [type_of(argument) for argument in entry["inputs"]]
        indexed = [argument["indexed"] for argument in entry["inputs"]]
        topics = [keccak(f"{name}({','.join(types)})".encode())]
        topics += [
            eth_abi.encode([t], [v]) for t, v, i in zip(types, arguments, indexed, strict=True) if i
        ]
        rest = [(t, v) for t, v, i in zip(types, arguments, indexed, strict=True) if not i]
        data = eth_abi.encode([t for t, _ in rest], [v for _, v in rest])
        self.index += 1
        return Log(ADDRESSES[contract], self.block, self.index, tuple(topics), data)

    def next_block(self) -> int:
        self.block, self.index = self.block + 1, 0
        return self.block


@pytest.fixture
def log() -> Writer:
    return Writer()


@pytest.fixture
def state(log: Writer) -> ChainState:
    """A city with one bureau under it, admitted in block 10."""
    state = ChainState(7, ADDRESSES)
    state.apply(log("departments", "CouncilChanged", TOP, b"c" * 20))
    state.apply(log("departments", "Admitted", CITY, TOP, KIND, "市"))
    state.apply(log("departments", "Admitted", BUREAU, CITY, KIND, "局"))
    return state


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_event_of_the_contract_is_known(contract: str) -> None:
    found = {
        f"{entry['name']}({','.join(map(type_of, entry['inputs']))})"
        for entry in abi(ARTIFACTS[contract])
        if entry["type"] == "event"
    }
    assert signatures()[contract] == found
    for entry in abi(ARTIFACTS[contract]):
        if entry["type"] == "event":
            indexed = [argument["indexed"] for argument in entry["inputs"]]
            assert indexed == sorted(indexed, reverse=True), "indexed arguments come first"


def test_the_view_is_asked_as_its_abi_says() -> None:
    (entry,) = (e for e in abi("VerificationView") if e.get("name") == "inspect")
    (query,), (facts,) = entry["inputs"], entry["outputs"]
    assert signature("", (view.QUERY,))[1:-1] == type_of(query)
    assert signature("", (view.FACTS,))[1:-1] == type_of(facts)
    assert keccak(f"inspect({type_of(query)})".encode())[:4] == view.SELECTOR


def test_the_head_is_asked_as_its_abi_says() -> None:
    assert "0x" + keccak(b"head()")[:4].hex() == node._HEAD


def test_heads_follow_the_shared_vectors() -> None:
    path = Path(__file__).parents[1] / "vectors" / "heads.json"
    vectors = json.loads(path.read_text("utf-8"))
    address = bytes.fromhex(vectors["contract"][2:])
    head = first_head(vectors["chainId"], address)
    assert "0x" + head.hex() == vectors["start"]
    assert len(vectors["events"]) == vectors["count"] > 0
    for entry in vectors["events"]:
        topics = tuple(bytes.fromhex(topic[2:]) for topic in entry["topics"])
        data = bytes.fromhex(entry["data"][2:])
        head = Log(address, int(entry["block"]), 0, topics, data).extend(head)
        assert "0x" + head.hex() == entry["head"]


def test_decodes_an_event(log: Writer) -> None:
    found = decode_log(log("statuses", "StatusChanged", CITY, 3, [5, 200], 1, TOP), "statuses")
    assert found == events.StatusChanged(CITY, 3, (5, 200), 1, TOP)


def test_a_right_has_a_history(state: ChainState, log: Writer) -> None:
    blocks = []
    for name in ("KindGranted", "KindWithdrawn", "KindGranted"):
        blocks.append(log.next_block())
        state.apply(log("departments", name, CITY, KIND, TOP))
    first, second, third = blocks
    assert state.tables.kinds.get((CITY, KIND)) == (Interval(first, second), Interval(third))


def test_a_suspension_goes_on_when_lifted_and_placed_in_one_block(
    state: ChainState, log: Writer
) -> None:
    start = log.next_block()
    state.apply(log("departments", "DepartmentSuspended", BUREAU, CITY))
    log.next_block()
    state.apply(log("departments", "DepartmentSuspended", BUREAU, TOP))  # taken over
    log.next_block()
    state.apply(log("departments", "SuspensionLifted", BUREAU, TOP))
    state.apply(log("departments", "DepartmentSuspended", BUREAU, TOP))
    record = state.tables.departments.get(BUREAU)
    assert record is not None
    assert record.suspensions == (Interval(start),)
    end = log.next_block()
    state.apply(log("departments", "SuspensionLifted", BUREAU, TOP))
    record = state.tables.departments.get(BUREAU)
    assert record is not None
    assert record.suspensions == (Interval(start, end),)


def test_moves_and_mergers(state: ChainState, log: Writer) -> None:
    admitted, moved = log.block, log.next_block()
    state.apply(log("departments", "Moved", BUREAU, CITY, TOP, TOP))
    state.apply(log("departments", "Moved", BUREAU, TOP, CITY, TOP))
    merged = log.next_block()
    state.apply(log("departments", "DepartmentSuspended", BUREAU, CITY))
    state.apply(log("departments", "Merged", BUREAU, CITY, TOP))
    record = state.tables.departments.get(BUREAU)
    assert record is not None
    assert record.parents == ((CITY, admitted), (TOP, moved), (CITY, moved))
    assert record.parent_at(admitted) == record.parent_at(moved) == CITY
    assert (record.merged_into, record.suspensions) == (CITY, (Interval(merged),))


def test_a_compromised_key(state: ChainState, log: Writer) -> None:
    start = log.next_block()
    state.apply(log("departments", "KeyRegistered", CITY, KEY, 1, b"x" * 32, b"y" * 32))
    end = log.next_block()
    state.apply(log("departments", "KeyCompromised", CITY, KEY, start + 1, TOP))
    log.next_block()
    state.apply(log("departments", "KeyCompromised", CITY, KEY, start, TOP))  # earlier still
    record = state.tables.keys.get((CITY, KEY))
    assert record is not None
    assert (record.suite, record.x, record.y) == (1, b"x" * 32, b"y" * 32)
    assert (record.intervals, record.compromised_since) == ((Interval(start, end),), start)


def test_anchors_statuses_and_revocations(state: ChainState, log: Writer) -> None:
    block = log.next_block()
    state.apply(log("anchors", "Anchored", CITY, KEY, 64, 1_700_000_000))
    state.apply(log("statuses", "StatusChanged", CITY, 3, [0, 127, 128], 2, TOP))
    state.apply(log("statuses", "StatusChanged", CITY, 3, [0], 0, TOP))
    state.apply(log("statuses", "StatusChanged", CITY, 3, [127, 127], 1, TOP))
    state.apply(log("statuses", "DigestRevoked", CITY, KEY, TOP))
    state.apply(log("statuses", "RootRevoked", CITY, OTHER, TOP))
    tables = state.tables
    assert tables.anchors.get((CITY, KEY)) == Anchor(1_700_000_000, block, 64)
    assert tables.words.get((CITY, 3, 0)) == 1 << 254
    assert tables.words.get((CITY, 3, 1)) == 2
    assert tables.digests.get((CITY, KEY)) == tables.roots.get((CITY, OTHER)) == block
    assert tables.digests.get((CITY, OTHER)) is tables.roots.get((CITY, KEY)) is None


def test_a_closed_contract_names_its_successor(state: ChainState, log: Writer) -> None:
    state.apply(log("anchors", "Closed", b"s" * 20))
    assert state.successors == {"anchors": b"s" * 20}


def test_only_the_writing_contracts_head_moves(state: ChainState, log: Writer) -> None:
    before = dict(state.heads)
    entry = log("anchors", "Anchored", CITY, KEY, 64, 1)
    state.apply(entry)
    assert state.heads == before | {"anchors": entry.extend(before["anchors"])}


def test_a_name_that_is_no_text_stops_nobody(log: Writer) -> None:
    """The contract takes any bytes for a name, and any but zeros for a code."""
    state = ChainState(7, ADDRESSES)
    entry = log("departments", "Admitted", b"\xff" * 20, TOP, KIND, "x")
    raw = eth_abi.encode(["bytes32", "bytes"], [KIND, b"\xff\xfe"])
    state.apply(replace(entry, data=raw))
    record = state.tables.departments.get(b"\xff" * 20)
    assert record is not None
    assert record.name == b"\xff\xfe"


def refused(state: ChainState, entry: Log) -> str:
    with pytest.raises(MalformedError) as caught:
        state.apply(entry)
    assert caught.value.message("zh")
    assert "<" not in caught.value.message("en")
    return caught.value.code


def test_refuses_entries_out_of_order(state: ChainState, log: Writer) -> None:
    entry = log("anchors", "Anchored", CITY, KEY, 64, 1)
    state.apply(entry)
    for other in (entry, replace(entry, index=0), replace(entry, block=9, index=99)):
        assert refused(state, other) == "event_out_of_order"


def test_refuses_a_foreign_contract(state: ChainState, log: Writer) -> None:
    entry = replace(log("anchors", "Anchored", CITY, KEY, 64, 1), address=b"f" * 20)
    assert refused(state, entry) == "event_foreign"


def test_refuses_one_contracts_event_from_another(state: ChainState, log: Writer) -> None:
    entry = log("anchors", "Anchored", CITY, KEY, 64, 1)
    assert refused(state, replace(entry, address=ADDRESSES["statuses"])) == "event_unknown"
    assert refused(state, replace(entry, topics=(OTHER, *entry.topics[1:]))) == "event_unknown"
    assert refused(state, replace(entry, topics=())) == "event_unknown"


def test_refuses_what_is_not_the_events_form(state: ChainState, log: Writer) -> None:
    entry = log("statuses", "StatusChanged", CITY, 3, [5], 1, TOP)
    broken = [
        replace(entry, topics=entry.topics[:2]),
        replace(entry, topics=(*entry.topics, OTHER)),
        replace(entry, topics=(*entry.topics[:2], b"\xff" * 32)),
        replace(entry, data=entry.data[:-1]),
        replace(entry, data=entry.data + bytes(32)),
        replace(entry, data=b""),
    ]
    for other in broken:
        assert refused(state, other) == "event_malformed"


@pytest.mark.parametrize(
    ("contract", "name", "arguments"),
    [
        ("departments", "Admitted", (CITY, TOP, KIND, "again")),
        ("departments", "KindWithdrawn", (CITY, KIND, TOP)),
        ("departments", "KeyWithdrawn", (CITY, KEY, TOP)),
        ("departments", "KeyCompromised", (CITY, KEY, 1, TOP)),
        ("departments", "SuspensionLifted", (CITY, TOP)),
        ("departments", "Moved", (b"NOBODY".ljust(20, b"\0"), TOP, CITY, TOP)),
        ("departments", "Merged", (b"NOBODY".ljust(20, b"\0"), CITY, TOP)),
        ("anchors", "Anchored", (CITY, KEY, 64, 1 << 63)),  # more than SQLite can keep
        ("statuses", "StatusChanged", (CITY, 1, [1], 3, TOP)),
        ("statuses", "StatusChanged", (CITY, 1, [1 << 20], 1, TOP)),
    ],
)
def test_refuses_what_cannot_follow(
    state: ChainState, log: Writer, contract: str, name: str, arguments: tuple[Any, ...]
) -> None:
    assert refused(state, log(contract, name, *arguments)) == "event_impossible"


@pytest.mark.parametrize(
    ("contract", "name", "arguments"),
    [
        ("departments", "KindGranted", (CITY, KIND, TOP)),
        ("departments", "KeyRegistered", (CITY, KEY, 1, KEY, KEY)),
        ("anchors", "Anchored", (CITY, KEY, 64, 1)),
        ("statuses", "DigestRevoked", (CITY, KEY, TOP)),
        ("statuses", "RootRevoked", (CITY, KEY, TOP)),
    ],
)
def test_refuses_what_happens_only_once(
    state: ChainState, log: Writer, contract: str, name: str, arguments: tuple[Any, ...]
) -> None:
    state.apply(log(contract, name, *arguments))
    log.next_block()
    assert refused(state, log(contract, name, *arguments)) == "event_impossible"


def test_refuses_to_reinstate_what_is_revoked(state: ChainState, log: Writer) -> None:
    state.apply(log("statuses", "StatusChanged", CITY, 1, [9], 1, TOP))
    for status in (0, 2):
        again = log("statuses", "StatusChanged", CITY, 1, [9], status, TOP)
        assert refused(state, again) == "event_impossible"


GOOD = {
    "address": "0x" + "11" * 20,
    "blockNumber": "0x10",
    "logIndex": "0x0",
    "topics": ["0x" + "22" * 32],
    "data": "0x",
    "removed": False,
}


def test_reads_a_log_as_json_rpc_gives_it() -> None:
    assert Log.from_rpc(GOOD) == Log(b"\x11" * 20, 16, 0, (b"\x22" * 32,), b"")


@pytest.mark.parametrize(
    "change",
    [
        {"address": "0x11"},
        {"address": None},
        {"blockNumber": None},
        {"blockNumber": 16},
        {"blockNumber": "0x"},
        {"blockNumber": "0x" + "f" * 17},
        {"blockNumber": "0x1_0"},
        {"logIndex": "0xzz"},
        {"topics": "0x"},
        {"topics": ["0x22"]},
        {"topics": ["0x" + "22" * 32] * 5},
        {"data": "0x1"},
        {"data": "11"},
        {"data": None},
        {"data": "0xé"},
        {"removed": True},
    ],
)
def test_refuses_a_log_of_another_form(change: dict[str, object]) -> None:
    with pytest.raises(MalformedError) as caught:
        Log.from_rpc(GOOD | change)
    assert caught.value.code == "field_malformed"
    for other in (None, [], "0x"):
        with pytest.raises(MalformedError):
            Log.from_rpc(other)
