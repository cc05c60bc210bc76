"""Thousands of damaged and forged evidence packages: none may verify with changed content.

python tests/integration/evidence_soak.py [--copies 5000] [--seed 1]
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from networks.embedded import EmbeddedChain
from tests.integration.evidence_world import evidence_world
from tests.integration.mutations import flip_and_reseal, flip_anywhere


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    changed = 0
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        with (
            EmbeddedChain(directory / "chain") as chain,
            evidence_world(directory, chain) as world,
        ):
            for name, trust in (
                ("validators", world.trust()),
                ("operator", world.operators_trust()),
            ):
                data, _ = world.made(trust)
                for how in (flip_anywhere, flip_and_reseal):
                    outcome = how(data, trust, chosen.copies, chosen.seed)
                    print(f"{name}, {how.__name__}: {outcome}", flush=True)
                    changed += len(outcome.changed)
    sys.exit(1 if changed else 0)


if __name__ == "__main__":
    main()
