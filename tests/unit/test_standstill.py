"""A network that makes no blocks is noticed, whatever the clock says."""

import pytest

from registry.chain.standstill import Standstill

NOW = 1_800_000_000


class Seconds:
    passed = 0.0

    def __call__(self) -> float:
        return self.passed


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def standstill(seconds: Seconds) -> Standstill:
    return Standstill(60, seconds, tolerance=300)


def test_blocks_that_come_are_no_standstill(standstill: Standstill, seconds: Seconds) -> None:
    for number in range(5):
        assert standstill.see(number, NOW, NOW) is None
        seconds.passed += 59


def test_the_same_block_for_long_is_one(standstill: Standstill, seconds: Seconds) -> None:
    standstill.see(7, NOW, NOW)
    seconds.passed = 60
    assert standstill.see(7, NOW, NOW + 60) is None
    seconds.passed = 61
    assert standstill.see(7, NOW, NOW + 61) == 61
    assert standstill.see(8, NOW + 61, NOW + 61) is None


@pytest.mark.parametrize(("age", "told"), [(60, None), (360, None), (361, 61), (-3600, None)])
def test_the_first_block_seen_tells_its_age_itself(
    standstill: Standstill, age: int, told: int | None
) -> None:
    """By another machine's clock, which may differ from this one's."""
    assert standstill.see(7, NOW - age, NOW) == told


def test_a_clock_that_is_ahead_makes_no_standstill(
    standstill: Standstill, seconds: Seconds
) -> None:
    standstill.see(7, NOW, NOW + 290)
    seconds.passed = 30
    assert standstill.see(8, NOW + 30, NOW + 320) is None
    assert standstill.see(8, NOW + 30, NOW + 86_400) is None


def test_a_lower_block_is_no_news_and_what_follows_it_is(
    standstill: Standstill, seconds: Seconds
) -> None:
    standstill.see(1 << 40, NOW, NOW)  # as a node says that invents blocks
    seconds.passed = 61
    assert standstill.see(7, NOW, NOW) == 61
    assert standstill.see(8, NOW, NOW) is None
