"""Measuring side by side, so that a busy machine slows ours and the references alike.

Actions take turns in many short rounds, and each one's median round counts. Work without input and
output is measured in processor time of this process, which leaves out the moments that other
processes had the core; what waits for a node is measured by the wall clock.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

Action = Callable[[], object]
Clock = Callable[[], float]

CPU: Clock = time.process_time
WALL: Clock = time.perf_counter

ROUNDS = 15
ROUND_SECONDS = 0.08


def rates(actions: Mapping[str, Action], *, clock: Clock = CPU) -> dict[str, float]:
    """Measure short actions in turns.

    Args:
        actions: What to call, by name.
        clock: What counts as time.

    Returns:
        Calls a second of each, in its median round.
    """
    found: dict[str, list[float]] = {name: [] for name in actions}
    with _own_garbage_only():
        counts = {name: _calls_in_a_round(action, clock) for name, action in actions.items()}
        for _ in range(ROUNDS):
            for name, action in actions.items():
                found[name].append(counts[name] / _seconds(action, counts[name], clock))
    return {name: statistics.median(values) for name, values in found.items()}


def durations(
    actions: Mapping[str, Action], *, rounds: int, clock: Clock = CPU
) -> dict[str, float]:
    """Measure actions that take seconds, one call a round, in turns.

    Args:
        actions: What to call, by name.
        rounds: How often.
        clock: What counts as time.

    Returns:
        Seconds of each, in its median round.
    """
    found: dict[str, list[float]] = {name: [] for name in actions}
    with _own_garbage_only():
        for _ in range(rounds):
            for name, action in actions.items():
                found[name].append(_seconds(action, 1, clock))
    return {name: statistics.median(values) for name, values in found.items()}


def sign_bare(count: int) -> None:
    """Sign some bytes so many times, as a task for a process."""
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    for _ in range(count):
        key.sign(b"\0" * 1000, algorithm)


@contextmanager
def _own_garbage_only() -> Iterator[None]:
    """Let collections look at what the actions make, not at what else was imported or made."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _calls_in_a_round(action: Action, clock: Clock) -> int:
    count = 1
    while (taken := _seconds(action, count, clock)) < ROUND_SECONDS / 8:
        count *= 2
    return max(1, round(count * ROUND_SECONDS / taken))


def _seconds(action: Action, count: int, clock: Clock) -> float:
    start = clock()
    for _ in range(count):
        action()
    return clock() - start
