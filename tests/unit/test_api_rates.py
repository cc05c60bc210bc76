"""Limits of public requests: what a client may ask at once and after a while, in bounded memory."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api.rates import MAX_CLIENTS, RateLimit, RateLimitedError, client_of


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_given_and_then_a_steady_rate():
    clock = Clock()
    limit = RateLimit(3, 0.5, clock=clock)
    for _ in range(3):
        limit.take("a")
    with pytest.raises(RateLimitedError) as refused:
        limit.take("a")
    assert refused.value.seconds == 2
    assert refused.value.code == "api_rate_limited"
    limit.take("b")
    clock.now += 2
    limit.take("a")
    with pytest.raises(RateLimitedError):
        limit.take("a")


def test_a_refusal_costs_nothing_and_a_costly_request_more():
    clock = Clock()
    limit = RateLimit(10, 1, clock=clock)
    limit.take("a", 8)
    with pytest.raises(RateLimitedError) as refused:
        limit.take("a", 8)
    assert refused.value.seconds == 6
    limit.take("a", 2)
    clock.now += 1000
    limit.take("a", 10)
    with pytest.raises(RateLimitedError):
        limit.take("a", 0.1)


def test_memory_is_bounded_and_the_longest_unseen_forgotten():
    limit = RateLimit(1, 0.001, max_clients=3, clock=Clock())
    for client in "abc":
        limit.take(client)
    limit.take("d")
    assert len(limit) == 3
    with pytest.raises(RateLimitedError):
        limit.take("c")
    limit.take("a")  # forgotten, so like new
    assert len(limit) == 3
    assert MAX_CLIENTS < 100_000


@given(
    steps=st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 5)), max_size=50),
    burst=st.floats(1, 20),
    rate=st.floats(0.1, 10),
)
def test_no_client_ever_gets_more_than_burst_and_rate_allow(steps, burst, rate):
    clock = Clock()
    limit = RateLimit(burst, rate, clock=clock)
    begun, given_out = clock.now, 0.0
    for pause, cost in steps:
        clock.now += pause
        with suppress(RateLimitedError):
            limit.take("a", cost)
            given_out += cost
        assert given_out <= burst + rate * (clock.now - begun) + 1e-6


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix", "-"),
        ("", "-"),
        (None, "-"),
    ],
)
def test_who_counts_as_one_client(host, client):
    assert client_of(host) == client
