"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of external test vectors that ECERT_VECTORS names."""
    folder = os.environ.get("ECERT_VECTORS")
    if not folder:
        pytest.skip("ECERT_VECTORS is unset: no external vectors")
    return Path(folder)
