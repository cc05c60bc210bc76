"""``make bench``: prints the table. No time makes it fail, for a machine may be slow or busy."""

import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

from benchmarks import batch, cards, chain, load, pipeline, sd_jwt
from benchmarks.installed import NotInstalledError
from benchmarks.table import Row, table
from ecert.errors import UnavailableError

PARTS: dict[str, Callable[[], list[Row]]] = {
    "SD-JWTs beside two libraries": sd_jwt.rows,
    "cards": cards.rows,
    "gas, and checks against a node": chain.rows,
    f"{batch.DOCUMENTS:,} documents": batch.rows,
    f"{pipeline.DOCUMENTS:,} documents from CSV to anchored": pipeline.rows,
    "the verifier's service under load": load.rows,
}

NOTES = """\
ratio: how many times as good as the reference of the same line (above 1: ours is better).
limit: what no implementation can do better than. of limit: how much of it is reached.
Rates and seconds are of processor time on one core; times of one check, and from CSV to anchored,
are by the wall clock, the latter with its limit on all cores.
slots, head: what the chain's rules charge for the call, a new slot a root, and the changed head.
document-store keeps a root's block and asks for one role; many roots at once by its bulkIssue.
open-attestation wraps the same claims as one batch and looks for the leaf anew for each proof. It
signs no document: what is put on the chain is the batch's root.
* Quoted, not measured in this run."""


def main() -> None:
    """Measure everything and print it."""
    start = time.monotonic()
    rows: list[Row] = []
    skipped: list[str] = []
    for name, part in PARTS.items():
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        try:
            rows += part()
        except UnavailableError as error:  # such as a machine for which there is no node
            skipped.append(f"skipped: {name}: {error.message('en')}")
        except NotInstalledError as error:
            skipped.append(f"skipped: {name}: {error}")
    print(table(rows), *skipped, sep="\n")
    print(NOTES)
    print(_machine(time.monotonic() - start))


def _machine(seconds: float) -> str:
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores{busy}; Python {platform.python_version()}, "
        f"cryptography {version('cryptography')}; {seconds:.0f} s in all."
    )


if __name__ == "__main__":
    main()
