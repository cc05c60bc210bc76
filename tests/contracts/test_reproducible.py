"""The committed artifacts are what the sources make, by whoever compiles them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import solcx
from chain_node import ARTIFACTS, ROOT

CONTRACTS = ["AnchorRegistry", "DepartmentRegistry", "StatusRegistry", "VerificationView"]
WALLET_ARTIFACTS = ROOT / "registry" / "chain" / "artifacts"
WALLET = {
    name: f"@safe-global/safe-smart-account/contracts/{folder}{name}.sol"
    for name, folder in (("Safe", ""), ("SafeProxy", "proxies/"), ("SafeProxyFactory", "proxies/"))
}
"""The council's wallet, compiled from its npm package."""
SOURCES = {name: f"contracts/{name}.sol" for name in CONTRACTS} | WALLET
STALE = {"StatusRegistry", "SafeProxy"}
COMPILER = json.loads((ROOT / "contracts" / "compiler.json").read_text(encoding="utf-8"))
MAX_CODE_BYTES = 24_576
"""EIP-170."""


def committed(name: str) -> Path:
    return (WALLET_ARTIFACTS if name in WALLET else ARTIFACTS) / f"{name}.json"


def artifact(name: str) -> dict[str, Any]:
    return json.loads(committed(name).read_text(encoding="utf-8"))


def test_every_artifact_is_known() -> None:
    assert sorted(path.stem for path in ARTIFACTS.glob("*.json")) == CONTRACTS
    assert sorted(path.stem for path in WALLET_ARTIFACTS.glob("*.json")) == sorted(WALLET)


@pytest.mark.parametrize("name", SOURCES)
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
    for name in SOURCES:
        (tmp_path / f"{name}.json").write_bytes(committed(name).read_bytes())
    for name in STALE:
        with (tmp_path / f"{name}.json").open("a", encoding="utf-8") as stale:
            stale.write("\n")
    command = ["node", "contracts/tools/build.mjs", "--check", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env=toolchain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    named = {name for name in SOURCES if f"{name}.json" in done.stderr}
    assert named == STALE


def test_hardhat_makes_the_same(toolchain: dict[str, str]) -> None:
    command = ["node", "node_modules/hardhat/dist/src/cli.js", "build", "--no-tests"]
    done = subprocess.run(
        command, cwd=ROOT, env=toolchain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name, source in SOURCES.items():
        built = ROOT / "build" / "hardhat" / "artifacts" / source
        made = json.loads((built / f"{name}.json").read_text(encoding="utf-8"))
        _assert_same(name, made["abi"], made["bytecode"], made["deployedBytecode"])


def test_py_solc_x_makes_the_same(
    toolchain: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", toolchain["PATH"])
    compiler = ROOT / "contracts" / "tools" / "solc.mjs"
    assert str(solcx.wrapper.get_solc_version(compiler)) == COMPILER["version"]
    compiled = solcx.compile_standard(_input(), solc_binary=compiler)
    problems = [entry for entry in compiled.get("errors", []) if entry["severity"] != "info"]
    # What the package's sources say is not ours to mend.
    assert [
        p for p in problems if not p["sourceLocation"]["file"].startswith("@safe-global/")
    ] == []
    for name, source in SOURCES.items():
        made = compiled["contracts"][source][name]
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
    kept = artifact(name)
    assert bytecode == kept["bytecode"], f"{name}: run make contracts"
    assert deployed == kept["deployedBytecode"]
    assert abi == kept["abi"]


def _input() -> dict[str, Any]:
    """The compiler's input, put together without the project's build tool."""
    packages = ROOT / "node_modules"
    paths = [*(ROOT / "contracts").rglob("*.sol")]
    library = packages / "@openzeppelin" / "contracts" / "utils" / "math" / "SafeCast.sol"
    wallet = packages / "@safe-global" / "safe-smart-account" / "contracts"
    folders = ("base", "common", "external", "interfaces", "libraries", "proxies")
    sources = {path.relative_to(ROOT).as_posix(): path for path in paths}
    packaged = [library, wallet / "Safe.sol"]
    packaged += [path for folder in folders for path in (wallet / folder).glob("*.sol")]
    sources |= {path.relative_to(packages).as_posix(): path for path in packaged}
    return {
        "language": "Solidity",
        "sources": {
            name: {"content": path.read_text(encoding="utf-8")} for name, path in sources.items()
        },
        "settings": COMPILER["settings"]
        | {"outputSelection": {"*": {"*": ["abi", "evm.bytecode", "evm.deployedBytecode"]}}},
    }
