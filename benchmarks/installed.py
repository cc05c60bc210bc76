"""Peers of another platform: npm packages in a folder of their own, which ``make bench`` fills."""

from pathlib import Path

FOLDER = Path(__file__).parent / "peers"


class NotInstalledError(Exception):
    """A peer is not there."""


def package(name: str) -> Path:
    """Return the folder of an installed npm package.

    Raises:
        NotInstalledError: It is not there.
    """
    path = FOLDER / "node_modules" / name
    if not path.is_dir():
        raise NotInstalledError(f"{name} is not installed; run: make bench")
    return path
