"""The sample tables' rows, for tests that need claims of every kind."""

import datetime as dt
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ecert.kinds import Catalogue

TODAY = dt.date(2026, 11, 22)
ISSUER = "11430000006122244L"


def script() -> ModuleType:
    path = Path(__file__).parents[2] / "samples" / "make_samples.py"
    spec = importlib.util.spec_from_file_location("make_samples", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_samples"] = module
    spec.loader.exec_module(module)
    return module


SCRIPT = script()


def claims_of(code: str, position: int = 0) -> dict[str, Any]:
    """Complete claims of a kind, as they would be issued."""
    kind = Catalogue.load().kind(code)
    claims: dict[str, Any] = dict(SCRIPT.Samples(SCRIPT.DEFAULT_SEED, TODAY).kinds[code](position))
    for name, value in list(claims.items()):
        if kind.properties[name]["type"] == "integer":
            claims[name] = int(value)
        if value in kind.properties[name].get("x-absent", ()):
            del claims[name]
    return kind.with_identifier(claims, issuer=ISSUER, serial=f"{position + 1:09d}")
