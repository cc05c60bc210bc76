"""How often a client may ask."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.rates import MAX_CLIENTS, RateLimit, RateLimitedError, client_of


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_refills() -> None:
    clock = Clock()
    limit = RateLimit(2, 0.5, clock=clock)
    limit.take("a")
    limit.take("a")
    with pytest.raises(RateLimitedError) as refused:
        limit.take("a")
    assert (refused.value.code, refused.value.seconds) == ("asked_too_often", 2)
    limit.take("b")  # another's is another's
    clock.now = 1.9
    with pytest.raises(RateLimitedError):
        limit.take("a")
    clock.now = 2.0
    limit.take("a")
    clock.now = 1000
    for _ in range(2):  # no more than the burst, however long it was away
        limit.take("a")
    with pytest.raises(RateLimitedError):
        limit.take("a")


def test_a_dear_request_costs_more() -> None:
    limit = RateLimit(5, 1, clock=Clock())
    limit.take("a", 4)
    with pytest.raises(RateLimitedError) as refused:
        limit.take("a", 4)
    assert refused.value.seconds == 3
    limit.take("a")  # what was refused was not charged


def test_memory_is_bounded_and_the_longest_unseen_is_forgotten() -> None:
    limit = RateLimit(1, 0.001, max_clients=2, clock=Clock())
    limit.take("a")
    limit.take("b")
    with pytest.raises(RateLimitedError):
        limit.take("a")
    limit.take("c")
    assert len(limit) == 2
    with pytest.raises(RateLimitedError):
        limit.take("a")
    limit.take("b")
    assert MAX_CLIENTS < 100_000


@given(
    steps=st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 5)), max_size=50),
    burst=st.floats(1, 20),
    rate=st.floats(0.1, 10),
)
def test_no_client_ever_gets_more_than_burst_and_rate_allow(
    steps: list[tuple[float, float]], burst: float, rate: float
) -> None:
    clock = Clock()
    limit = RateLimit(burst, rate, clock=clock)
    given_out = 0.0
    for pause, cost in steps:
        clock.now += pause
        with suppress(RateLimitedError):
            limit.take("a", cost)
            given_out += cost
        assert given_out <= burst + rate * clock.now + 1e-6


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix", "-"),
        ("", "-"),
        (None, "-"),
    ],
)
def test_who_counts_as_one_client(host: str | None, client: str) -> None:
    assert client_of(host) == client
