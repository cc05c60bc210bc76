"""Paths from kept nodes are those of the whole tree; counting takes a bounded share of the time."""

import secrets

import pytest

from ecert.errors import ProofError
from ecert.merkle import MerkleTree, leaf_hash
from registry.batches.paths import SPAN, Paths
from registry.seldom import Seldom


def digests(size: int) -> list[bytes]:
    return [secrets.token_bytes(32) for _ in range(size)]


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 63, 64, 65, 96, 97, 160, 1000, 1023, 1024])
def test_every_path_is_that_of_the_whole_tree(size: int) -> None:
    leaves = digests(size)
    tree, paths = MerkleTree(map(leaf_hash, leaves)), Paths()
    packed = b"".join(leaves)
    for index in range(size):
        assert paths.path("a", packed, index) == tree.proof(index)


def test_no_path_beyond_the_last_leaf() -> None:
    packed = b"".join(digests(SPAN + 1))
    with pytest.raises(ProofError, match="proof_index"):
        Paths().path("a", packed, SPAN + 1)


def test_few_trees_are_kept_and_forgotten_ones_are_built_again() -> None:
    paths = Paths(max_trees=3)
    packed = {name: b"".join(digests(70)) for name in "abcdef"}
    first = {name: paths.path(name, leaves, 69) for name, leaves in packed.items()}
    assert len(paths) == 3
    assert {name: paths.path(name, leaves, 69) for name, leaves in packed.items()} == first


class Clock:
    """Time that passes when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_counting_takes_a_hundredth_of_the_time() -> None:
    clock = Clock()
    asked: list[float] = []

    def count() -> int:
        asked.append(clock.now)
        clock.now += 0.5
        return len(asked)

    leaves = Seldom[int](clock)
    assert [leaves.get(count), leaves.get(count)] == [1, 1]
    clock.now += 49.9
    assert leaves.get(count) == 1
    clock.now += 0.2
    assert leaves.get(count) == 2


def test_a_count_that_failed_is_tried_again() -> None:
    leaves = Seldom[int](Clock())

    def fail() -> int:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - whatever the database raises
        leaves.get(fail)
    assert leaves.get(lambda: 7) == 7
