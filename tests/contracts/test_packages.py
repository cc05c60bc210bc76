"""The npm packages: pinned, and those that running needs apart from the contract toolchain."""

import json
import re
from pathlib import Path

import pytest
from chain_node import ROOT

EXACT = re.compile(r"\d+\.\d+\.\d+")
PRODUCT = {"@foundry-rs/anvil", "@expo-google-fonts/noto-sans-sc"}


each_folder = pytest.mark.parametrize("folder", [ROOT, ROOT / "benchmarks/peers"], ids=str)


@each_folder
def test_every_dependency_is_exact(folder: Path) -> None:
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    assert folder != ROOT or set(package["dependencies"]) == PRODUCT
    for version in (package["dependencies"] | package.get("devDependencies", {})).values():
        assert EXACT.fullmatch(version)


@each_folder
def test_the_lock_file_has_hashes_and_no_addresses(folder: Path) -> None:
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    for name, entry in lock["packages"].items():
        if name:
            assert "resolved" not in entry, name
            assert entry.get("integrity", "").startswith("sha512-") or _is_foreign(entry), name


def test_the_lock_file_names_the_programs_of_all_systems() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name, entry in lock.items():
        for optional in entry.get("optionalDependencies", {}):
            # npm ci refuses a lock file that leaves out what another system would install.
            assert f"node_modules/{optional}" in lock, name


def test_running_needs_no_toolchain() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    needed = {
        name.removeprefix("node_modules/")
        for name, entry in lock["packages"].items()
        if name and not entry.get("dev")
    }
    others = {name for name in needed if not name.startswith("@foundry-rs/anvil-")}
    assert others == PRODUCT


@each_folder
def test_install_scripts_do_not_run(folder: Path) -> None:
    settings = (folder / ".npmrc").read_text(encoding="utf-8").split()
    assert settings == ["ignore-scripts=true", "omit-lockfile-registry-resolved=true"]


def _is_foreign(entry: dict) -> bool:
    """Whether this is a program for a system that the lock file was not made on.

    Not every registry has those, and then their hashes are not known; they are pinned by version.
    """
    on_main = ("os" not in entry or "linux" in entry["os"]) and "x64" in entry.get("cpu", ["x64"])
    return entry.get("optional", False) and not on_main
