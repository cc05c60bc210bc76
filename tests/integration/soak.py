"""``make soak``: kill -9 of worker, node and database, and chains that fail and lie, for long.

    python tests/integration/soak.py [--kills 1000] [--faults 100] [--seed N] [--on postgresql]

Things are killed at every point and at any moment. After each ``--every`` kills a worker that
nobody kills does what is left, and database, chain and a verifier are asked whether every document
is anchored once and every withdrawal holds. Half of it runs on SQLite, half on PostgreSQL, unless
told otherwise. Then come rounds in which nodes fail, lie and reorganise at random. What was wrong
ends it, with the seed that shows it.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from crashing import Crashing, Kill
from faulty_world import run_fault_mix
from test_pipeline_crashes import POINTS, UNDER

from registry.outbox.comparison import Comparison
from tests.databases import BACKENDS, Postgres, sqlite_in

VICTIMS = {"worker": 5, "chain": 2, "both": 2, "database": 1}
LONGEST_SECONDS = 4.0
"""By then a worker has started and has nothing left to do."""


def choose(random_: random.Random, *, on_server: bool) -> Kill:
    """Choose a kill: half of them at a point that is passed, half at any moment."""
    weights = {v: n for v, n in VICTIMS.items() if on_server or v != "database"}
    [victim] = random_.choices(list(weights), list(weights.values()))
    if random_.random() < 0.5:
        return Kill(victim, seconds=random_.uniform(0.3, LONGEST_SECONDS))
    points = POINTS if victim == "worker" else UNDER
    return Kill(victim, random_.choice(points), random_.choice((1, 1, 1, 2, 3)))


def soak(crashing: Crashing, kills: int, every: int, random_: random.Random) -> Comparison:
    """Kill so often; return the last comparison. Raises what is found wrong."""
    killed: Counter[str] = Counter()
    found = crashing.finish() if crashing.seed else Comparison()
    started = time.monotonic()
    while killed.total() < kills:
        crashing.fill()
        kill = choose(random_, on_server=crashing.postgres is not None)
        if crashing.run(kill):
            killed[kill.victim] += 1
        if killed.total() % every == 0 or killed.total() >= kills:
            found = crashing.finish()
            assert not found.findings, [str(finding) for finding in found.findings]
            minutes = (time.monotonic() - started) / 60
            print(f"{killed.total():5} kills {dict(killed)}: {line(found)}; {minutes:.0f} min")
            sys.stdout.flush()
    return found


def line(found: Comparison) -> str:
    """Say what was counted."""
    return (
        f"issued {found.issued}, anchored {found.anchored}, lost {found.lost}, "
        f"doubled {found.doubled}, withdrawals {found.withdrawals}"
    )


def main() -> None:
    """Run the soak as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--on", choices=BACKENDS, action="append")
    parser.add_argument("--faults", type=int, default=100)
    told = parser.parse_args()
    backends = told.on or BACKENDS
    print(f"seed {told.seed}", flush=True)
    total = Comparison()
    with tempfile.TemporaryDirectory(prefix="ecert-soak-") as folder:
        for backend in backends:
            directory = Path(folder) / backend
            directory.mkdir()
            server = Postgres() if backend == "postgresql" else None
            url = sqlite_in(directory) if server is None else server.new_database()
            print(backend, flush=True)
            crashing = Crashing(directory, url, server)
            random_ = random.Random(f"{told.seed} {backend}")
            found = soak(crashing, told.kills // len(backends), told.every, random_)
            for name in ("issued", "anchored", "lost", "doubled", "withdrawals"):
                setattr(total, name, getattr(total, name) + getattr(found, name))
            crashing.world.registry.close()
            if server is not None:
                server.close()
        print(f"in all {told.kills} kills: {line(total)}", flush=True)
        if told.faults:
            directory = Path(folder) / "faults"
            directory.mkdir()
            counts = run_fault_mix(directory, told.seed, told.faults)
            counted = ", ".join(f"{name} {count}" for name, count in counts.items())
            print(f"{told.faults} rounds of chain faults, none lost or doubled: {counted}")


if __name__ == "__main__":
    main()
