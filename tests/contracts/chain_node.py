"""An anvil node for one test module, and calls to contracts on it."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "ecert" / "chain" / "artifacts"
HARDFORK = "berlin"
"""The rules that the contracts are compiled for, and by which gas is counted."""

GAS = 250_000_000
START_SECONDS = 20.0


def artifact(name: str) -> dict[str, Any]:
    """Return a committed artifact."""
    return json.loads((ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))


class Node:
    """A running node. Its accounts are unlocked; gas is free but counted."""

    def __init__(self, binary: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ["--port", str(port), "--hardfork", HARDFORK, "--accounts", "10"]
        free = ["--gas-price", "0", "--gas-limit", str(GAS), "--quiet"]
        self._process = subprocess.Popen([binary, *options, *free], stdout=subprocess.DEVNULL)
        self._provider = HTTPProvider(f"http://127.0.0.1:{port}")
        self.web3 = Web3(self._provider)

    @staticmethod
    def binary() -> Path | None:
        """Return the native program of the platform's package, or None where it is missing.

        The package's ``.bin/anvil`` is a wrapper whose child outlives it.
        """
        found = sorted((ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil*"))
        return next((path for path in found if os.access(path, os.X_OK)), None)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_SECONDS
        while not self.web3.is_connected():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError("anvil did not start")
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(10)

    def account(self, index: int) -> str:
        """Return one of the unlocked accounts."""
        return self.web3.eth.accounts[index]

    def deploy(self, name: str, *arguments: Any) -> tuple[Contract, TxReceipt]:
        """Deploy a contract from its artifact."""
        made = artifact(name)
        factory = self.web3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
        sent = factory.constructor(*arguments).transact(self._transaction(self.account(0)))
        receipt = self.web3.eth.wait_for_transaction_receipt(sent)
        return self.web3.eth.contract(receipt["contractAddress"], abi=made["abi"]), receipt

    def send(self, sender: str, call: ContractFunction) -> TxReceipt:
        """Carry out a call; it must succeed."""
        receipt = self.web3.eth.wait_for_transaction_receipt(
            call.transact(self._transaction(sender))
        )
        assert receipt["status"] == 1, f"{call.fn_name} reverted"
        return receipt

    def advance(self, seconds: int) -> None:
        """Let time pass, and a block."""
        self.web3.provider.make_request("evm_increaseTime", [seconds])
        self.web3.provider.make_request("evm_mine", [])

    def _transaction(self, sender: str) -> dict[str, Any]:
        return {"from": sender, "gasPrice": 0, "gas": GAS}
