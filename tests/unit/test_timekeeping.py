"""What shows that a clock is wrong, and what does not."""

import pytest

from registry.timekeeping import (
    FRESH_SECONDS,
    TOLERANCE_SECONDS,
    ClockError,
    ClockWatch,
)

NOON = 1_800_000_000
DAY = 86_400


class Passing:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def passing() -> Passing:
    return Passing()


@pytest.fixture
def watch(passing: Passing) -> ClockWatch:
    return ClockWatch(passing)


def refused(watch: ClockWatch, now: int, signed: int | None = None) -> str:
    with pytest.raises(ClockError) as caught:
        watch.check(now, signed=signed)
    assert caught.value.message("zh") != caught.value.message("en")
    return caught.value.code


def test_a_start_after_any_time_is_believed(watch: ClockWatch) -> None:
    assert watch.check(NOON, signed=NOON - 7 * DAY) == NOON
    assert watch.check(NOON, signed=None) == NOON


@pytest.mark.parametrize("jump", [DAY, -DAY, TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1])
def test_a_jump_is_refused_until_it_is_undone(
    watch: ClockWatch, passing: Passing, jump: int
) -> None:
    watch.check(NOON, signed=None)
    passing.seconds += 10
    for _ in range(3):
        assert refused(watch, NOON + 10 + jump) == "clock_jumped"
    passing.seconds += DAY
    assert watch.check(NOON + 10 + DAY, signed=None)


def test_a_clock_that_is_corrected_little_by_little_is_followed(
    watch: ClockWatch, passing: Passing
) -> None:
    for step in range(100):
        watch.check(NOON + step * (60 + TOLERANCE_SECONDS // 2), signed=None)
        passing.seconds += 60


def test_the_present_is_not_before_the_newest_checkpoint(watch: ClockWatch) -> None:
    assert watch.check(NOON, signed=NOON + TOLERANCE_SECONDS)
    assert refused(watch, NOON, NOON + TOLERANCE_SECONDS + 1) == "clock_behind_checkpoint"


def test_a_checkpoint_signed_since_the_jump_shows_that_the_clock_is_right(
    watch: ClockWatch,
) -> None:
    before = NOON - 30
    watch.check(NOON, signed=before)
    assert refused(watch, NOON + DAY, before) == "clock_jumped"
    # Another machine, whose clock has not jumped, signs: that is no word for this one.
    assert refused(watch, NOON + DAY, NOON + 5) == "clock_jumped"
    assert watch.check(NOON + DAY, signed=NOON + DAY - 5)


def test_blocks_of_others_show_that_the_clock_is_behind(watch: ClockWatch) -> None:
    watch.see_block(7, NOON)
    assert refused(watch, NOON - TOLERANCE_SECONDS - 1) == "clock_behind_chain"
    assert watch.check(NOON - TOLERANCE_SECONDS, signed=None)


def test_only_a_fresh_block_shows_that_the_clock_is_ahead(
    watch: ClockWatch, passing: Passing
) -> None:
    watch.see_block(7, NOON)
    watch.check(NOON + DAY, signed=None)  # a chain where nothing happened for a day
    passing.seconds += FRESH_SECONDS + 1
    watch.see_block(8, NOON + 10)  # it may be as old as the last look
    now = NOON + DAY + FRESH_SECONDS + 1
    watch.check(now, signed=None)
    passing.seconds += 5
    watch.see_block(8, NOON + 10)
    watch.check(now + 5, signed=None)
    passing.seconds += 5
    watch.see_block(9, NOON + 20)
    assert refused(watch, now + 10) == "clock_apart_from_chain"
    # Where it was set right it had jumped, and the chain tells that it did so rightly.
    assert watch.check(NOON + 21, signed=None)


def test_a_node_that_lags_behind_another_shows_nothing(watch: ClockWatch) -> None:
    for number, time in ((100, NOON), (40, NOON - DAY), (41, NOON - DAY + 5)):
        watch.see_block(number, time)
    assert watch.check(NOON, signed=None)


def test_a_machine_that_was_stopped_is_told_the_time_by_the_chain(
    watch: ClockWatch, passing: Passing
) -> None:
    watch.see_block(7, NOON)
    watch.check(NOON, signed=None)
    passing.seconds += 5  # and an hour that it did not count
    watch.see_block(8, NOON + 3600)
    assert watch.check(NOON + 3605, signed=None)
