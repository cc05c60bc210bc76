"""What several nodes say together: more than half of those that can be heard decide."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from ecert.errors import UnavailableError
from registry.chain import rpc
from registry.chain.rpc import DISAGREED, RpcError, RpcPool, quantity
from tests.integration.faulty_node import CUT, FaultyNode

CHAIN = 7
Said = Any
"""A result, ``CUT``, or an object with an ``error``."""

Make = Callable[..., RpcPool]


@pytest.fixture
def pool_of() -> Iterator[Make]:
    """Make pools of nodes that each give one answer to everything but their chain's id."""
    with ExitStack() as stack:

        def make(said: Sequence[Said]) -> RpcPool:
            nodes = [stack.enter_context(FaultyNode("http://127.0.0.1:9")) for _ in said]
            for node, answer in zip(nodes, said, strict=True):
                node.fault = saying(answer)
            return RpcPool([node.url for node in nodes], CHAIN)

        yield make


def saying(answer: Said) -> Callable[[str, list], Any]:
    def fault(method: str, _: list) -> Any:
        if method == "eth_chainId":
            return {"result": hex(CHAIN)}
        if method == "eth_syncing":
            return {"result": False}
        if answer is CUT or (isinstance(answer, dict) and "error" in answer):
            return answer
        return {"result": answer}

    return fault


REVERT = {"error": {"code": 3, "message": "execution reverted", "data": "0x1234"}}


def asked(pool: RpcPool) -> str:
    return pool.agreed(lambda ask: str(ask("eth_any")), "it")


@pytest.mark.parametrize(
    "said", [["a"], ["a", "a"], ["a", "a", "b"], ["b", "a", "a"], ["a", CUT], [CUT, CUT, "a"],
             ["a", "a", "a", "b", "b"], ["a", "a", REVERT]]
)  # fmt: skip
def test_more_than_half_decide(pool_of: Make, said: list[Said]) -> None:
    pool = pool_of(said)
    assert asked(pool) == "a"
    outvoted = [index for index, answer in enumerate(said) if answer in ("b", REVERT)]
    assert [n for n, found in enumerate(pool.failures) if DISAGREED in found] == outvoted


@pytest.mark.parametrize(
    "said", [["a", "b"], ["a", "b", "c"], ["a", "a", "b", "b"], ["a", "b", CUT], ["a", REVERT],
             ["a", "a", "b", "c"]]
)  # fmt: skip
def test_half_decide_nothing(pool_of: Make, said: list[Said]) -> None:
    with pytest.raises(UnavailableError, match="chain_nodes_disagree"):
        asked(pool_of(said))


def test_most_may_also_say_that_the_request_is_wrong(pool_of: Make) -> None:
    with pytest.raises(RpcError) as caught:
        asked(pool_of([REVERT, "a", REVERT]))
    assert caught.value.data == bytes.fromhex("1234")


def test_only_what_matters_must_be_the_same(pool_of: Make) -> None:
    pool = pool_of(["0x10", "0x11"])
    found = pool.agreed(lambda ask: int(ask("eth_any"), 16), "it", key=lambda number: number // 16)
    assert found == 16


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([100], 100),
        ([100, 90], 90),
        ([100, 100, 90], 100),
        ([1000, 100, 100], 100),
        ([1000, 100, 90], 100),
        ([4, 3, 2, 1], 2),
        ([5, 4, 3, 2, 1], 3),
        ([100, CUT], 100),
    ],
)
def test_the_height_is_what_more_than_half_have_reached(
    pool_of: Make, heights: list[Said], expected: int
) -> None:
    said = [height if height is CUT else hex(height) for height in heights]
    assert pool_of(said).height() == expected


@pytest.mark.parametrize(
    ("heights", "lagging"),
    [
        ([100], []),
        ([100, 100], []),
        ([100, 90], [1]),
        ([90, 100, 100], [0]),
        ([1000, 100, 100], []),  # whoever invents blocks would else be left alone with its word
        ([1000, 100, 90], [2]),
        ([1000, 100, 100, 99], [3]),
    ],
)
def test_who_stands_still_behind_most_has_no_say(
    pool_of: Make, monkeypatch: pytest.MonkeyPatch, heights: list[int], lagging: list[int]
) -> None:
    pool = pool_of([hex(height) for height in heights])
    pool.height()
    assert not any(node.lagging for node in pool._nodes)
    monkeypatch.setattr(rpc, "LAG_SECONDS", -1.0)  # from now on it has stood still for long enough
    pool.height()
    assert [n for n, node in enumerate(pool._nodes) if node.lagging] == lagging


def test_who_moves_does_not_lag(pool_of: Make) -> None:
    node = pool_of(["0x64"])._nodes[0]
    node.stands_at(100, 1000, syncing=False)
    since = node.behind_since
    node.stands_at(101, 1000, syncing=False)
    assert node.behind_since != since
    node.stands_at(1000, 1000, syncing=False)
    assert node.behind_since is None
    node.stands_at(1000, 1000, syncing=True)
    assert node.lagging


def test_each_is_asked_whose_chain_it_is(pool_of: Make) -> None:
    pool = pool_of(["a", "a"])
    pool.chain_id = CHAIN + 1
    with pytest.raises(UnavailableError, match="sender_chain_id_wrong"):
        asked(pool)
    assert [set(found) for found in pool.failures] == [{"sender_chain_id_wrong"}] * 2


@pytest.mark.parametrize("value", [None, 1, "1", "0x", "0xg", "0x" + "f" * 16, "0x" + "f" * 70])
def test_no_number_that_a_database_cannot_hold(value: object) -> None:
    with pytest.raises(UnavailableError, match="sender_answer_malformed"):
        quantity(value)
