"""OpenAttestation wraps the same documents: its own library, on Node.js, in the same run."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.installed import FOLDER, package
from benchmarks.table import Mark

PACKAGE = "@govtechsg/open-attestation"
_SECONDS = 900.0
_ISSUER = {
    "name": "某市公安局",
    "documentStore": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "identityProof": {"type": "DNS-TXT", "location": "registry.example"},
}
"""Who issues, as its schema wants it; the claims beside it are ours."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What it took, in seconds of processor time.

    Attributes:
        wrap: Salting, checking and hashing each document, the tree, and a proof for each.
        prove: The tree and the proofs alone.
    """

    wrap: Mark
    prove: Mark


def wrap(documents: Iterable[Mapping[str, Any]]) -> Wrapped:
    """Wrap documents as one batch; some of the proofs are verified by the library itself.

    Raises:
        NotInstalledError: The package is not there.
    """
    manifest = json.loads((package(PACKAGE) / "package.json").read_text("utf-8"))
    name = f"open-attestation {manifest['version']}"
    with TemporaryDirectory(prefix="ecert-bench-") as directory:
        path = Path(directory) / "documents.json"
        batch = [{"issuers": [_ISSUER], **document} for document in documents]
        path.write_text(json.dumps(batch), "utf-8")
        done = subprocess.run(
            [Path(sys.executable).with_name("node"), str(FOLDER / "wrap.mjs"), str(path)],
            capture_output=True,
            check=True,
            timeout=_SECONDS,
        )
    found = json.loads(done.stdout)
    if not found["verified"] or found["documents"] != len(batch):
        raise RuntimeError(f"{name} does not verify what it wrapped")
    return Wrapped(*(Mark(name, found[part]["processor"]) for part in ("wrapping", "proving")))
