"""The committed artifacts are what the sources make, by whoever compiles them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import solcx
from chain_node import ARTIFACTS, ROOT, artifact

CONTRACTS = ["AnchorRegistry", "DepartmentRegistry", "StatusRegistry", "VerificationView"]
COMPILER = json.loads((ROOT / "contracts" / "compiler.json").read_text(encoding="utf-8"))
MAX_CODE_BYTES = 24_576
"""EIP-170."""


def test_every_artifact_is_known() -> None:
    assert sorted(path.stem for path in ARTIFACTS.glob("*.json")) == CONTRACTS


@pytest.mark.parametrize("name", CONTRACTS)
def test_artifacts_say_how_they_were_made(name: str) -> None:
    made = artifact(name)
    assert made["contractName"] == name
    assert made["compiler"].startswith(f"{COMPILER['version']}+commit.")
    assert made["evmVersion"] == COMPILER["settings"]["evmVersion"]
    assert made["optimizer"] == COMPILER["settings"]["optimizer"]
    assert 0 < len(bytes.fromhex(made["deployedBytecode"][2:])) <= MAX_CODE_BYTES


def test_the_build_tool_finds_nothing_stale(toolchain: dict[str, str]) -> None:
    command = ["node", "contracts/tools/build.mjs", "--check"]
    done = subprocess.run(
        command, cwd=ROOT, env=toolchain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_stale_artifact_is_found(toolchain: dict[str, str], tmp_path: Path) -> None:
    for name in CONTRACTS:
        (tmp_path / f"{name}.json").write_text(
            (ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"), encoding="utf-8"
        )
    with (tmp_path / "StatusRegistry.json").open("a", encoding="utf-8") as stale:
        stale.write("\n")
    command = ["node", "contracts/tools/build.mjs", "--check", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env=toolchain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "StatusRegistry.json" in done.stderr


def test_hardhat_makes_the_same(toolchain: dict[str, str]) -> None:
    command = ["node", "node_modules/hardhat/dist/src/cli.js", "build", "--no-tests"]
    done = subprocess.run(
        command, cwd=ROOT, env=toolchain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in CONTRACTS:
        built = ROOT / "build" / "hardhat" / "artifacts" / "contracts" / f"{name}.sol"
        made = json.loads((built / f"{name}.json").read_text(encoding="utf-8"))
        _assert_same(name, made["abi"], made["bytecode"], made["deployedBytecode"])


def test_py_solc_x_makes_the_same(
    toolchain: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", toolchain["PATH"])
    compiler = ROOT / "contracts" / "tools" / "solc.mjs"
    assert str(solcx.wrapper.get_solc_version(compiler)) == COMPILER["version"]
    compiled = solcx.compile_standard(_input(), solc_binary=compiler)
    assert [entry for entry in compiled.get("errors", []) if entry["severity"] != "info"] == []
    for name in CONTRACTS:
        made = compiled["contracts"][f"contracts/{name}.sol"][name]
        code = made["evm"]["bytecode"]["object"], made["evm"]["deployedBytecode"]["object"]
        _assert_same(name, made["abi"], *(f"0x{text}" for text in code))


def test_the_compilers_wrapper_refuses_other_flags(toolchain: dict[str, str]) -> None:
    command = ["node", "contracts/tools/solc.mjs", "--bin"]
    done = subprocess.run(
        command, cwd=ROOT, env=toolchain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--standard-json" in done.stderr


def _assert_same(name: str, abi: object, bytecode: str, deployed: str) -> None:
    committed = artifact(name)
    assert bytecode == committed["bytecode"], f"{name}: run make contracts"
    assert deployed == committed["deployedBytecode"]
    assert abi == committed["abi"]


def _input() -> dict[str, Any]:
    """The compiler's input, put together without the project's build tool."""
    packages = ROOT / "node_modules"
    paths = [*(ROOT / "contracts").rglob("*.sol")]
    library = packages / "@openzeppelin" / "contracts" / "utils" / "math" / "SafeCast.sol"
    sources = {path.relative_to(ROOT).as_posix(): path for path in paths}
    sources[library.relative_to(packages).as_posix()] = library
    return {
        "language": "Solidity",
        "sources": {
            name: {"content": path.read_text(encoding="utf-8")} for name, path in sources.items()
        },
        "settings": COMPILER["settings"]
        | {"outputSelection": {"*": {"*": ["abi", "evm.bytecode", "evm.deployedBytecode"]}}},
    }
