"""Status entries: random, never twice, many at once, in lists that are never full."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from ecert.limits import STATUS_LIST_SIZE
from registry.database import Database
from registry.departments.models import Department
from registry.status.lists import USABLE, StatusAllocator, permutation
from registry.status.models import StatusList
from registry.tables import METADATA
from tests.databases import NewDatabase


@pytest.fixture
def database(new_database: NewDatabase, tmp_path: Path) -> Iterator[Database]:
    made = Database(new_database(tmp_path))
    METADATA.create_all(made.engine)
    with made.transaction() as session:
        for code in ("A", "B"):
            session.add(Department(code=code, name=code, kind="PS"))
    yield made
    made.dispose()


def take(database: Database, department: str, count: int) -> list[tuple[int, int]]:
    with database.transaction() as session:
        return StatusAllocator(session).take(department, count)


def test_entries_are_never_given_twice(database: Database) -> None:
    given = [entry for count in (1, 2, 997, 1) for entry in take(database, "A", count)]
    assert len(given) == len(set(given)) == 1001
    assert {number for number, _ in given} == {0}
    assert all(0 <= index < STATUS_LIST_SIZE for _, index in given)


def test_the_order_tells_nothing(database: Database) -> None:
    indices = [index for _, index in take(database, "A", 5000)]
    assert sum(a < b for a, b in pairwise(indices)) in range(2300, 2700)
    assert min(indices) < STATUS_LIST_SIZE // 100 < STATUS_LIST_SIZE * 99 // 100 < max(indices)


def test_departments_have_lists_and_orders_of_their_own(database: Database) -> None:
    assert take(database, "A", 10) != take(database, "B", 10)


def test_a_new_list_opens_when_three_quarters_are_used(database: Database) -> None:
    entries = take(database, "A", USABLE - 1)
    over = take(database, "A", 3)
    assert [number for number, _ in over] == [0, 1, 1]
    assert len({*entries, *over}) == USABLE + 2
    with database.reading() as session:
        first, second = session.get(StatusList, ("A", 0)), session.get(StatusList, ("A", 1))
    assert first is not None
    assert second is not None
    assert (first.next, second.next) == (USABLE, 2)
    assert first.seed != second.seed


def test_more_than_a_list_is_given_at_once(database: Database) -> None:
    entries = take(database, "A", 2 * USABLE + 5)
    assert len(set(entries)) == len(entries)
    assert {number for number, _ in entries} == {0, 1, 2}


def test_what_is_undone_is_given_again(database: Database) -> None:
    class UndoneError(Exception):
        pass

    def take_and_fail() -> None:
        with database.transaction() as session:
            lost.extend(StatusAllocator(session).take("A", 3))
            raise UndoneError

    take(database, "A", 1)
    lost: list[tuple[int, int]] = []
    with pytest.raises(UndoneError):
        take_and_fail()
    assert take(database, "A", 3) == lost


def test_an_order_is_a_permutation_and_depends_on_its_seed_alone() -> None:
    first = permutation(bytes(32))
    assert sorted(first) == list(range(STATUS_LIST_SIZE))
    permutation.cache_clear()
    assert permutation(bytes(32)) == first
    assert permutation(b"\1" * 32) != first


@pytest.mark.parametrize("apart", [False, True])
def test_many_take_at_once(database: Database, apart: bool) -> None:
    """None twice, and none of those who take apart waits for one who has not ended."""

    def take_some(_: int) -> list[tuple[int, int]]:
        with database.transaction() as session:
            allocator = StatusAllocator(session)
            return (allocator.take_apart if apart else allocator.take)("A", 50)

    take(database, "A", 1)  # the list is there
    with ThreadPoolExecutor(4) as pool:
        if apart and database.is_server:
            with database.transaction() as session:
                first = StatusAllocator(session).take_apart("A", 50)
                others = list(pool.map(take_some, range(4)))
            taken = [first, *others]
        else:
            taken = list(pool.map(take_some, range(5)))
    given = [entry for entries in taken for entry in entries]
    assert len(given) == len(set(given)) == 250
