"""The files of the import vectors, and the script that makes them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "vectors/negative/imports"


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_imports", FOLDER / "make_imports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_imports"] = module
    spec.loader.exec_module(module)
    return module


MAKER = maker()
