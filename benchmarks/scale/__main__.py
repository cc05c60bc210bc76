"""``python -m benchmarks.scale``: runs a thousandth of each step and compares it with the model.

``--measure`` measures the model's constants anew and makes the tables of docs/scale.md from them.
"""

import argparse
import sys
import time

from benchmarks.scale import constants, tables
from benchmarks.scale.simulation import RECORDS, simulate


def main() -> int:
    """Run what was asked for; return 1 where the model is further off than it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure the constants anew")
    parser.add_argument(
        "--records", type=int, default=RECORDS, help="rows in the partitioned tables"
    )
    chosen = parser.parse_args()
    start = time.monotonic()
    if chosen.measure:
        constants.save(constants.measure())
        tables.PAGE.write_text(tables.filled(tables.PAGE.read_text("utf-8")), "utf-8")
        print(f"{constants.PATH} and {tables.PAGE} are written anew")
        return 0
    print(f"{'a thousandth of each step':<46} {'model':>13} {'found':>13}")
    holds = True
    for name, checks in simulate(chosen.records):
        print(f"\n{name}", *checks, sep="\n", flush=True)
        holds &= all(check.holds for check in checks)
    print(f"\n{time.monotonic() - start:.0f} s in all")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
