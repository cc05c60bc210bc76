"""The gas of every function that changes state, and its bounds.

Gas is counted by the rules of the fork that the contracts are compiled for (berlin, EIP-2929), on a
real node, intrinsic gas and call data included. It is deterministic.
"""

from pathlib import Path

import pytest
from chain_node import HARDFORK, ROOT, artifact
from scenario import FEW_ROOTS, MANY_ROOTS, MAX_LEVELS, Row, Scenario

ANCHOR_GAS = 62_000
"""One root, the head included, for a top-level department."""
ANCESTOR_GAS = 2_400
"""For each department above."""
MANY_GAS = 30_000
"""A root, of many in one call."""
PRACTICAL_LEVELS = 12
"""Levels below which twenty roots are many; the walk up the tree is paid once a call."""
BLOCK_GAS = 30_000_000
"""What a block holds on a network that is left at its engine's usual setting."""

STATE_CHANGING = {"nonpayable", "payable"}


def test_every_function_is_in_the_table(scenario: Scenario, report_section: dict[str, str]) -> None:
    text = _table(scenario.rows)
    report_section[f"gas of the contracts ({HARDFORK} rules)"] = text
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    Path(folder / "gas.txt").write_text(text + "\n", encoding="utf-8")
    called = {row.function for row in scenario.rows}
    for name in scenario.contracts:
        changing = {
            entry["name"]
            for entry in artifact(name)["abi"]
            if entry["type"] == "function" and entry["stateMutability"] in STATE_CHANGING
        }
        assert changing <= called, f"{name}: {changing - called} are missing"


@pytest.mark.parametrize("ancestors", range(MAX_LEVELS))
def test_anchoring_a_root_is_within_bounds(scenario: Scenario, ancestors: int) -> None:
    gas = scenario.gas("anchor", f"{ancestors} ancestors")
    assert gas <= ANCHOR_GAS + ANCESTOR_GAS * ancestors


@pytest.mark.parametrize("ancestors", range(PRACTICAL_LEVELS))
def test_anchoring_many_roots_is_within_bounds(scenario: Scenario, ancestors: int) -> None:
    gas = scenario.gas("anchorMany", f"{FEW_ROOTS} roots, {ancestors} ancestors")
    assert gas <= MANY_GAS * FEW_ROOTS


def test_the_largest_batch_is_within_bounds(scenario: Scenario) -> None:
    gas = scenario.gas("anchorMany", f"{MANY_ROOTS} roots, 4 ancestors")
    assert gas <= MANY_GAS * MANY_ROOTS
    assert gas <= BLOCK_GAS


def _table(rows: list[Row]) -> str:
    """Lay the rows out; of the calls that differ only in ancestors, those of a few levels."""
    lines = [f"{'contract':20}{'function':16}{'case':38}{'gas':>12}{'each':>9}"]
    for row in rows:
        deep = any(row.what.endswith(f" {level} ancestors") for level in range(5, MAX_LEVELS - 1))
        if deep or any(row.what == f"{level} ancestors" for level in range(5, MAX_LEVELS - 1)):
            continue
        each = f"{row.gas // row.parts:,}" if row.parts > 1 else ""
        line = f"{row.contract:20}{row.function:16}{row.what:38}{row.gas:>12,}{each:>9}"
        lines.append(line.rstrip())
    return "\n".join(lines)
