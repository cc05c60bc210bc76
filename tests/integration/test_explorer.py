"""The chain API for pages: what it says is what the contracts hold, whoever asks in which pages."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise

import httpx
import pytest
from api_world import OTHER, ApiWorld, problem
from registry_world import DEPARTMENT

from ecert.chain.blocks import Header
from ecert.chain.node import Nodes
from ecert.errors import UnavailableError
from networks.embedded import EmbeddedChain
from registry.api.edge import PAGES_AT_ONCE
from registry.explorer import index as index_module
from registry.explorer.index import ChainIndex, Contracts
from registry.explorer.service import Explorer
from tests.fakes.raw_server import raw_server
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department
from tests.integration.proven_world import ADMIN, BUREAU, CITY, KIND, STATION, proven_world

ROOTS = 25


@pytest.fixture(scope="module")
def public(api: ApiWorld) -> Iterator[httpx.Client]:
    api.issue(3, seed=81)
    with api.client() as client:
        yield client


def test_what_chain_it_is(api: ApiWorld, public: httpx.Client) -> None:
    said = public.get("/v1/chain").json()
    context = api.registry.context
    assert said["chain_id"] == context.contracts.chain_id
    assert said["engine"] == "anvil"
    assert set(said["contracts"]) == set(context.contracts.deployment.contracts)
    assert (said["nodes"], said["nodes_up"]) == (1, 1)
    assert said["roots"] >= 1
    assert said["leaves"] >= 64
    assert said["age"] < 600


def test_blocks_are_listed_without_gap(public: httpx.Client) -> None:
    seen: list[int] = []
    times: list[int] = []
    gaps: list[int | None] = []
    before = None
    for _ in range(50):
        page = public.get("/v1/chain/blocks", params=_given(before=before, limit=15)).json()
        seen += [block["number"] for block in page["blocks"]]
        times += [block["time"] for block in page["blocks"]]
        gaps += [block["seconds"] for block in page["blocks"]]
        assert all(block["sealers"] == [] for block in page["blocks"])
        before = page["next"]
        if before is None:
            break
    assert seen == list(range(seen[0], -1, -1))
    assert gaps == [*(newer - older for newer, older in pairwise(times)), None]


def test_an_embedded_chain_has_no_validators(public: httpx.Client) -> None:
    said = public.get("/v1/chain/validators").json()
    assert (said["validators"], said["quorum"], said["blocks"]) == ([], None, 0)
    earlier = public.get("/v1/chain/validators", params={"block": said["block"] - 1})
    assert earlier.json() == said | {"block": said["block"] - 1}


def test_a_block_that_is_not_final_has_no_validators_yet(public: httpx.Client) -> None:
    newest = public.get("/v1/chain/validators").json()["block"]
    answer = public.get("/v1/chain/validators", params={"block": newest + 1000})
    assert (answer.status_code, problem(answer)) == (404, "block_not_final")


def test_departments_and_their_histories(public: httpx.Client) -> None:
    listed = public.get("/v1/chain/departments", params={"limit": 1}).json()
    rest = public.get("/v1/chain/departments", params={"after": listed["next"]}).json()
    codes = [row["code"] for row in listed["departments"] + rest["departments"]]
    assert codes == sorted({DEPARTMENT, OTHER})
    assert rest["next"] is None
    one = public.get(f"/v1/chain/departments/{DEPARTMENT}").json()
    assert (one["kind"], one["parent"], one["suspended"]) == ("PS", None, False)
    assert "resident-id" in one["kinds"]
    assert [key["suite"] for key in one["keys"]] == ["ES256"]
    assert problem(public.get("/v1/chain/departments/NOBODY")) == "department_unknown_on_chain"


def test_anchors_and_days(public: httpx.Client) -> None:
    page = public.get("/v1/chain/anchors", params={"department": DEPARTMENT}).json()
    newest = page["anchors"][0]
    every = {"department": DEPARTMENT, "limit": len(page["anchors"])}
    assert public.get("/v1/chain/anchors", params=every).json()["next"] is None
    again = public.get(f"/v1/chain/anchors/{DEPARTMENT}/{newest['root']}").json()
    assert again == newest
    assert public.get("/v1/chain/anchors", params={"department": OTHER}).json()["anchors"] == []
    days = public.get("/v1/chain/days", params={"department": DEPARTMENT}).json()["days"]
    assert sum(day["roots"] for day in days) == len(page["anchors"])
    unknown = public.get(f"/v1/chain/anchors/{OTHER}/{newest['root']}")
    assert problem(unknown) == "anchor_unknown"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chain/blocks?limit=0", "/v1/chain/blocks?limit=101", "/v1/chain/blocks?before=0",
        "/v1/chain/anchors?department=%C3%BC", "/v1/chain/anchors?limit=201",
        "/v1/chain/anchors?before=x", "/v1/chain/days?limit=0", "/v1/chain/departments?after=%00",
        f"/v1/chain/anchors/{DEPARTMENT}/0x00", "/v1/chain/departments/" + "x" * 21,
        "/v1/chain/validators?blocks=1000", "/v1/chain/validators?block=0",
        "/v1/chain/validators?block=99999999999999999999",
    ],
)  # fmt: skip
def test_bad_input(public: httpx.Client, path: str) -> None:
    answer = public.get(path)
    assert (answer.status_code, problem(answer)) == (422, "api_request_invalid")


def test_the_chain_may_be_away(api: ApiWorld) -> None:
    gone = Explorer(api.registry)
    gone.nodes = lambda: Nodes(["http://127.0.0.1:9"])  # type: ignore[method-assign]
    gone.index._nodes = gone.nodes
    with pytest.raises(UnavailableError) as caught, gone.index.current():
        pass
    assert caught.value.code == "rpc_unreachable"


def test_pages_leave_threads_to_others_while_nodes_hang(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough, over = threading.Semaphore(0), threading.Event()

    def hang(_: bytes) -> Iterator[bytes]:
        enough.release()
        over.wait(60)
        yield b""

    def ask(_: int) -> str:
        with api.client() as client:
            return problem(client.get("/v1/chain/blocks"))

    time.sleep(ALLOWANCE_SECONDS)
    with raw_server(hang) as node, ThreadPoolExecutor(3 * PAGES_AT_ONCE) as pages:
        monkeypatch.setattr(Explorer, "nodes", lambda _: Nodes([node.url]))
        try:
            asked = pages.map(ask, range(3 * PAGES_AT_ONCE))
            for _ in range(PAGES_AT_ONCE):
                assert enough.acquire(timeout=60)
            with api.client() as other:
                assert other.get("/v1/kinds").status_code == 200
            assert len(node.requests) == PAGES_AT_ONCE
        finally:
            over.set()
        assert set(asked) <= {"rpc_unreachable", "asked_too_often"}


ALLOWANCE_SECONDS = 10
"""After these a client may ask as often as at first, whatever the tests before have asked."""


class Followed:
    """An index over a chain of its own, which tests drive."""

    def __init__(self, world: ChainWorld) -> None:
        self.world = world
        self.now = 0.0
        addresses = {
            name: bytes.fromhex(world.addresses[name][2:])
            for name in ("departments", "anchors", "statuses")
        }
        self.index = ChainIndex(
            Contracts(world.chain.chain_id, addresses, 0),
            lambda: Nodes([world.chain.rpc_url]),
            self.final,
            clock=lambda: self.now,
        )

    def final(self) -> tuple[int, bytes]:
        block = self.world.block()
        return int(block["number"], 16), bytes.fromhex(block["hash"][2:])

    def look(self) -> Header:
        self.now += 10
        with self.index.current() as index:
            return index.block


@pytest.fixture(scope="module")
def followed(chain: EmbeddedChain) -> Followed:
    return Followed(proven_world(chain).world)


def test_the_index_is_what_the_contracts_hold(followed: Followed) -> None:
    block = followed.look()
    index, world = followed.index, followed.world
    assert set(index.departments) == {department(code) for code in (CITY, BUREAU, STATION)}
    station = index.departments[department(STATION)]
    assert station.parent_at(block.number) == department(BUREAU)
    record = world.ask("departments", "departmentOf", department(STATION))
    assert record[0] == department(BUREAU)
    assert len(index.kinds_of(department(STATION))[KIND]) == 4
    ((_, key),) = index.keys_of(department(STATION)).items()
    assert len(key.intervals) == 3
    for found in index.anchors(limit=100):
        said = world.ask("anchors", "anchorOf", found.department, found.root)
        assert said == (found.anchor.time, found.anchor.block, found.anchor.size)
    assert index.totals() == (21, 21 * 64)


def test_pages_have_no_gap_while_new_ones_arrive(followed: Followed) -> None:
    followed.look()
    whole = [row.sequence for row in followed.index.anchors(limit=1000)]
    seen: list[int] = []
    before = None
    number = 0
    while rows := followed.index.anchors(before=before, limit=4):
        seen += [row.sequence for row in rows]
        before = rows[-1].sequence
        number += 1
        root = b"new" + number.to_bytes(29)
        followed.world.send(ADMIN, "anchors", "anchor", department(STATION), root, 7)
        followed.look()
    assert seen == whole
    assert len(followed.index.anchors(limit=1000)) == len(whole) + number


def test_another_chain_is_noticed_and_followed(followed: Followed) -> None:
    followed.look()
    world = followed.world
    world.rpc.call("anvil_reorg", 2, [])
    world.rpc.call("evm_mine")
    with pytest.raises(UnavailableError) as caught:
        followed.look()
    assert caught.value.code == "chain_index_replaced"
    followed.look()
    assert followed.index.totals()[0] == len(followed.index.anchors(limit=1000))


def test_work_is_done_in_pieces(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = followed.index
    followed.look()
    pieces = Followed(followed.world)
    ticks = iter(range(0, 100_000, 4))
    monkeypatch.setattr(pieces.index, "_clock", lambda: float(next(ticks)))
    behind = 0
    for _ in range(500):
        with suppress(UnavailableError), pieces.index.current() as index:
            assert index.totals() == whole.totals()
            break
        behind += 1
    assert behind > 2
    assert pieces.index.departments == whole.departments


def test_nobody_waits_long_for_another_ones_look(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "WAIT_SECONDS", 0.01)
    followed.look()
    with followed.index.current(), pytest.raises(UnavailableError) as caught:
        followed.look()
    assert caught.value.code == "chain_index_behind"
    followed.look()


def test_nodes_that_failed_are_left_alone_for_a_moment(followed: Followed) -> None:
    asked = []

    def nodes() -> Nodes:
        asked.append(1)
        return Nodes(["http://127.0.0.1:9"])

    followed.look()
    followed.now += 10
    right, followed.index._nodes = followed.index._nodes, nodes
    for _ in range(3):
        with pytest.raises(UnavailableError) as caught, followed.index.current():
            pass
        assert caught.value.code == "rpc_unreachable"
    assert len(asked) == 1
    followed.index._nodes = right
    followed.look()


def test_a_suspension_shows(followed: Followed) -> None:
    world, city = followed.world, department(CITY)
    world.send(COUNCIL, "departments", "suspend", NO_ACTOR, city)
    followed.look()
    assert followed.index.departments[city].suspensions[-1].end is None
    world.send(COUNCIL, "departments", "lift", NO_ACTOR, city)


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
