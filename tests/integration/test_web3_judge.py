"""web3 as a judge that shares no code with ours: what it reads and writes, we read and write.

A registry's own calls make a history in which every event occurs. web3, with the committed ABI
alone, then encodes each of the calls, decodes each of the events and asks every view; all of it
must agree with ``registry.chain.calls``, ``ecert.chain.events``, the records that ``ecert.chain``
replays from the events, and ``ecert.chain.view``.
"""

from collections.abc import Callable, Iterator
from dataclasses import astuple
from typing import Any

import pytest
from eth_hash.auto import keccak
from web3.exceptions import ContractCustomError

from ecert import limits
from ecert.authority import Interval, KeyRecord
from ecert.chain import view
from ecert.chain.events import decode_log, signatures
from ecert.chain.records import ANCHORS, CONTRACTS, DEPARTMENTS, STATUSES, TOP
from ecert.chain.state import ChainState
from ecert.encoding import code_bytes
from ecert.facts import Basis, Query, StatusReference
from ecert.signing import ED25519, ES256
from registry.chain.accounts import LocalAccount
from tests.integration.judged_world import (  # noqa: F401  # a fixture
    BUREAU,
    CITY,
    KIND,
    NAMES,
    OTHER_KIND,
    STATION,
    Judged,
    abi,
    address_bytes,
    judged,
)


@pytest.fixture(scope="module")
def state(judged: Judged) -> ChainState:
    return judged.replayed()


def entries(kind: str, *contracts: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for contract in contracts or NAMES:
        for entry in abi(NAMES[contract]):
            if entry["type"] == kind:
                yield contract, entry


def plain(value: Any) -> Any:
    """A value as our decoders give it: addresses and text as bytes, sequences as tuples."""
    if isinstance(value, str):
        is_address = len(value) == 42 and value.startswith("0x")
        return address_bytes(value) if is_address else value.encode()
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    return value


# -- what we write


def test_web3_reads_our_calls_as_what_they_say(judged: Judged) -> None:
    by_address = {contract.address: contract for contract in judged.contracts.values()}
    for call in judged.sent:
        contract = by_address[judged.web3.to_checksum_address(call.to or "")]
        function, arguments = contract.decode_function_input(call.data)
        assert function.fn_name == call.function
        assert {name: plain(value) for name, value in arguments.items()} == {
            name: plain(value) for name, value in call.arguments().items()
        }
        assert contract.encode_abi(call.function, kwargs=arguments) == "0x" + call.data.hex()


def test_every_call_that_the_registry_makes_was_judged(judged: Judged) -> None:
    """All that change something in the contracts."""
    changing = {
        (contract, entry["name"])
        for contract, entry in entries("function", *CONTRACTS)
        if entry["stateMutability"] == "nonpayable"
    }
    names = {name: contract for contract, name in NAMES.items()}
    sent = {(names[call.contract], call.function) for call in judged.sent}
    alike = {"schedule", "cancel", "close"}  # one library's, in each of the contracts
    assert {name for _, name in changing - sent} <= alike
    assert alike <= {name for _, name in sent}


# -- what we read


def test_web3_decodes_every_event_as_we_do(judged: Judged) -> None:
    seen = set()
    for contract, theirs, log in judged.logs():
        event = decode_log(log, contract)
        name = type(event).__name__
        decoded = judged.contracts[contract].events[name]().process_log(theirs)
        assert decoded["event"] == name
        (entry,) = (e for c, e in entries("event", contract) if e["name"] == name)
        arguments = [plain(decoded["args"][i["name"]]) for i in entry["inputs"]]
        assert tuple(arguments) == astuple(event)
        seen.add(name)
    assert seen == {entry["name"] for _, entry in entries("event")}


def test_our_events_are_those_of_the_abi(judged: Judged) -> None:
    for contract in CONTRACTS:
        theirs = {
            f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
            for _, entry in entries("event", contract)
        }
        assert signatures()[contract] == theirs
    assert judged.sent


def intervals(history: tuple[Interval, ...]) -> list[tuple[int, int]]:
    return [(each.start, each.end or 0) for each in history]


def key_of(record: KeyRecord | None) -> tuple[Any, ...]:
    if record is None:
        return (0, bytes(32), bytes(32), 0, [])
    history = intervals(record.intervals)
    return (record.suite, record.x, record.y, record.compromised_since or 0, history)


Views = dict[tuple[str, str], list[tuple[tuple[Any, ...], Any]]]


def expected_views(judged: Judged, state: ChainState) -> Views:
    """What each view must answer: from the replayed records, and from what was sent."""
    views: Views = {}

    def say(contract: str, name: str, *arguments: Any, answer: Any) -> None:
        views.setdefault((contract, name), []).append((arguments, answer))

    _council_views(judged, state, say)
    _department_views(judged, state, say)
    tables, bureau = state.tables, code_bytes(BUREAU, 20)
    for root in (*judged.roots, b"x" * 32):
        anchor = tables.anchors.get((bureau, root))
        answer = [anchor.time, anchor.block, anchor.size] if anchor else [0, 0, 0]
        say(ANCHORS, "anchorOf", bureau, root, answer=answer)
        revoked = tables.roots.get((bureau, root)) or 0
        say(STATUSES, "rootRevokedAt", bureau, root, answer=revoked)
    for digest in (judged.digest, b"x" * 32):
        revoked = tables.digests.get((bureau, digest)) or 0
        say(STATUSES, "digestRevokedAt", bureau, digest, answer=revoked)
    for word in (0, 1, 781, 8191):
        found = tables.words.get((bureau, 0, word)) or 0
        say(STATUSES, "wordOf", bureau, 0, word, answer=found)
    for index, status in ((0, 2), (1, 0), (2, 0), (127, 1), (128, 2), (100_000, 2)):
        say(STATUSES, "statusOf", bureau, 0, index, answer=status)
    for contract, name, answer in (
        (ANCHORS, "MAX_ROOTS", 1024), (ANCHORS, "MAX_SIZE", limits.MAX_TREE_SIZE),
        (STATUSES, "MAX_ENTRIES", limits.MAX_STATUS_INDEX + 1), (STATUSES, "MAX_INDICES", 4096),
        (DEPARTMENTS, "MAX_DEPTH", limits.MAX_LINEAGE), (DEPARTMENTS, "MAX_NAME_BYTES", 256),
    ):  # fmt: skip
        say(contract, name, answer=answer)
    for contract in (ANCHORS, STATUSES, "view"):
        say(contract, "departments", answer=judged.contracts[DEPARTMENTS].address)
    say("view", "anchors", answer=judged.contracts[ANCHORS].address)
    say("view", "status", answer=judged.contracts[STATUSES].address)
    return views


def _council_views(judged: Judged, state: ChainState, say: Callable[..., None]) -> None:
    for contract in CONTRACTS:
        closed = contract in state.successors
        logs = [log for name, _, log in judged.logs() if name == contract]
        say(contract, "council", answer=judged.council)
        say(contract, "delay", answer=1)
        say(contract, "GRACE", answer=30 * 86400)
        say(contract, "MAX_DELAY", answer=30 * 86400)
        say(contract, "head", answer=state.heads[contract])
        nobody = "0x" + "00" * 20
        say(contract, "successor", answer=judged.officer if closed else nobody)
        say(contract, "closedAt", answer=logs[-1].block if closed else 0)
        say(contract, "etaOf", b"n" * 32, answer=0)
    ((eta,),) = {
        (decode_log(log, contract).eta,)
        for contract, _, log in judged.logs()
        if type(decode_log(log, contract)).__name__ == "Scheduled"
        and decode_log(log, contract).act == judged.pending
    }
    say(DEPARTMENTS, "etaOf", judged.pending, answer=eta)
    say(DEPARTMENTS, "proposedCouncil", answer="0x" + "00" * 20)


def _department_views(judged: Judged, state: ChainState, say: Callable[..., None]) -> None:
    tables = state.tables
    for text in (CITY, BUREAU, STATION):
        code = code_bytes(text, 20)
        found = tables.departments.get(code)
        assert found is not None
        suspended = bool(found.suspensions) and found.suspensions[-1].end is None
        record = (
            found.parents[-1][0],
            found.admitted_at,
            found.suspensions[-1].start if suspended else 0,
            code_bytes(CITY, 20) if suspended else TOP,
            found.merged_into or TOP,
            found.kind,
        )
        say(DEPARTMENTS, "departmentOf", code, answer=record)
        say(DEPARTMENTS, "parentHistory", code, answer=[tuple(p) for p in found.parents])
        say(DEPARTMENTS, "suspensionHistory", code, answer=intervals(found.suspensions))
        for kind in (KIND, OTHER_KIND, "none"):
            raw = code_bytes(kind, 32)
            history = intervals(tables.kinds.get((code, raw)) or ())
            say(DEPARTMENTS, "kindHistory", code, raw, answer=history)
        for key in judged.keys.values():
            thumbprint = key.public_key.thumbprint
            answer = key_of(tables.keys.get((code, thumbprint)))
            say(DEPARTMENTS, "keyOf", code, thumbprint, answer=answer)
        say(DEPARTMENTS, "requireKnown", code, answer=[])
    bureau, city, mine = code_bytes(BUREAU, 20), code_bytes(CITY, 20), judged.officer
    for role, account, granted in ((0, mine, True), (1, mine, True), (3, judged.council, False)):
        say(DEPARTMENTS, "authorised", bureau, role, account, answer=granted)
        say(DEPARTMENTS, "actsFor", bureau, bureau, role, account, answer=granted)
    say(DEPARTMENTS, "actsFor", city, bureau, 0, mine, answer=True)
    say(DEPARTMENTS, "requireAuthorised", bureau, 1, mine, answer=[])
    say(DEPARTMENTS, "requireActsFor", city, bureau, 0, mine, answer=[])
    granted_at = {
        (event.role, event.account): log.block
        for contract, _, log in judged.logs()
        for event in (decode_log(log, contract),)
        if type(event).__name__ == "RoleGranted" and event.department == bureau
    }
    role_log = granted_at[1, address_bytes(mine)]
    say(DEPARTMENTS, "roleHistory", bureau, 1, mine, answer=[(role_log, 0)])


def test_every_view_answers_what_the_events_say(judged: Judged, state: ChainState) -> None:
    views = expected_views(judged, state)
    for (contract, name), cases in views.items():
        for arguments, answer in cases:
            assert judged.ask(contract, name, *arguments) == answer, (contract, name, arguments)
    reading = {
        (contract, entry["name"])
        for contract, entry in entries("function")
        if entry["stateMutability"] in ("view", "pure")
    }
    assert set(views) == reading - {("view", "inspect")}  # the next test's


@pytest.mark.parametrize("department", [CITY, BUREAU, STATION, "NOBODY"])
@pytest.mark.parametrize("key", ["es", "ed"])
@pytest.mark.parametrize("index", [0, 127, 128, 5])
@pytest.mark.parametrize("number", [0, 3])
def test_the_one_call_of_a_verification_agrees_with_all_others(
    judged: Judged, state: ChainState, department: str, key: str, index: int, number: int
) -> None:
    query = Query(
        department=department,
        key_id=judged.keys[key].public_key.thumbprint,
        kind=KIND,
        digest=judged.digest,
        root=judged.roots[number],
        status=StatusReference(0, index),
    )
    inspect = judged.contracts["view"].functions.inspect
    asked = (
        code_bytes(department, 20), query.root, query.key_id, code_bytes(KIND, 32),
        query.digest, 0, index,
    )  # fmt: skip
    data = judged.contracts["view"].encode_abi("inspect", [asked])
    assert data == "0x" + view.call_data(query).hex()

    latest = judged.web3.eth.get_block("latest")
    raw = judged.web3.eth.call({"to": judged.contracts["view"].address, "data": data})
    ours = view.read(bytes(raw), query)
    theirs = inspect(asked).call()
    assert (ours.chain_id, ours.block, ours.time) == tuple(theirs[0:3])
    assert (ours.block, ours.time) == (latest["number"], latest["timestamp"])
    anchor = (ours.anchor.time, ours.anchor.block, ours.anchor.size) if ours.anchor else (0, 0, 0)
    assert anchor == tuple(theirs[3:6])
    assert key_of(ours.key) == theirs[6]
    assert [_record(record) for record in ours.lineage.values()] == theirs[7]
    assert (ours.status, ours.digest_revoked, ours.root_revoked) == (
        theirs[8],
        theirs[9] > 0,
        theirs[10] > 0,
    )
    assert ours.successors == {
        name: address_bytes(address)
        for name, address in zip(CONTRACTS, theirs[11:14], strict=True)
        if address_bytes(address) != TOP
    }

    replayed = state.tables.answer(
        query, chain_id=ours.chain_id, block=ours.block, time=ours.time, basis=Basis.NODE
    )
    for name in ("anchor", "key", "lineage", "status", "digest_revoked", "root_revoked"):
        assert getattr(replayed, name) == getattr(ours, name), name


def _record(record: Any) -> tuple[Any, ...]:
    parents = [
        (TOP if each.code is None else code_bytes(each.code, 20), each.since)
        for each in record.parents
    ]
    return (
        code_bytes(record.code, 20),
        record.admitted_at,
        intervals(record.suspensions),
        intervals(record.kind),
        parents,
    )


def test_what_the_contracts_refuse_is_refused_in_the_abis_words(judged: Judged) -> None:
    """A custom error that web3 names by the ABI has its name among our codes, too."""
    stranger = LocalAccount.generate().address
    bureau = code_bytes(BUREAU, 20)
    for name, arguments, error in (
        ("requireAuthorised", (bureau, 1, stranger), "NotAuthorised"),
        ("requireActsFor", (bureau, bureau, 1, stranger), "NotAuthorised"),
        ("requireKnown", (b"N" * 20,), "UnknownDepartment"),
    ):
        with pytest.raises(ContractCustomError) as caught:
            judged.ask(DEPARTMENTS, name, *arguments)
        selectors = {
            "0x" + keccak(_signature(entry).encode())[:4].hex(): entry["name"]
            for _, entry in entries("error", DEPARTMENTS)
        }
        assert selectors[str(caught.value.data)[:10]] == error
    assert ES256.chain != ED25519.chain


def _signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
