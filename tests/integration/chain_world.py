"""The real contracts on a real node, with nothing of the product between test and chain.

Calls are encoded by eth_abi from the committed artifacts, so that the reader's own decoder meets
bytes that it had no part in; accounts are impersonated, so that no test signs transactions.
"""

import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from eth_abi import decode, encode
from eth_hash.auto import keccak

from ecert.checkpoint import Checkpoint
from ecert.encoding import code_bytes
from ecert.fields import hex_text
from ecert.kinds.catalogue import Catalogue
from ecert.signing import SoftwareSigner
from ecert.trust import Contract, Engine, PinnedBlock, TrustFile, TrustStore
from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc

COUNCIL = "0x" + "c0" * 20
NO_ACTOR = bytes(20)
GAS = 30_000_000
ROLES = {"admin": 0, "anchor": 1, "status": 2, "dispense": 3}
CONTRACTS = {
    "departments": "DepartmentRegistry",
    "anchors": "AnchorRegistry",
    "statuses": "StatusRegistry",
    "view": "VerificationView",
}


def department(code: str) -> bytes:
    return code_bytes(code, 20)


def kind(code: str) -> bytes:
    return code_bytes(code, 32)


@cache
def artifact(name: str) -> dict[str, Any]:
    path = resources.files("ecert.chain") / "artifacts" / f"{name}.json"
    return dict(json.loads(path.read_text("utf-8")))


def canonical(argument: dict[str, Any]) -> str:
    found: str = argument["type"]
    if not found.startswith("tuple"):
        return found
    return f"({','.join(map(canonical, argument['components']))}){found[5:]}"


@cache
def function(contract: str, name: str) -> tuple[bytes, list[str], list[str]]:
    abi = artifact(CONTRACTS[contract])["abi"]
    (entry,) = (e for e in abi if e["type"] == "function" and e["name"] == name)
    inputs = [canonical(argument) for argument in entry["inputs"]]
    outputs = [canonical(argument) for argument in entry["outputs"]]
    return keccak(f"{name}({','.join(inputs)})".encode())[:4], inputs, outputs


@dataclass
class ChainWorld:
    """Contracts deployed on ``chain`` with a council whose acts do not wait."""

    chain: EmbeddedChain
    addresses: dict[str, str] = field(default_factory=dict)
    council: SoftwareSigner = field(default_factory=SoftwareSigner.generate)
    operator: SoftwareSigner = field(default_factory=SoftwareSigner.generate)

    def __post_init__(self) -> None:
        self.rpc = LoopbackRpc(self.chain.rpc_url)
        self.known: set[str] = set()
        self.addresses["departments"] = self.deploy(
            "departments", ["address", "uint64"], COUNCIL, 0
        )
        first = self.addresses["departments"]
        for name in ("anchors", "statuses"):
            self.addresses[name] = self.deploy(name, ["address"], first)
        self.addresses["view"] = self.deploy("view", ["address"] * 3, *self.addresses.values())

    def deploy(self, name: str, types: list[str], *arguments: Any) -> str:
        code = artifact(CONTRACTS[name])["bytecode"] + encode(types, arguments).hex()
        receipt = self.receipt(self._send({"from": COUNCIL, "data": code}))
        assert receipt["status"] == "0x1", name
        return str(receipt["contractAddress"])

    def submit(self, sender: str, contract: str, name: str, *arguments: Any, gas: int = GAS) -> str:
        """Send a call and return its transaction hash, mined or not."""
        selector, inputs, _ = function(contract, name)
        data = hex_text(selector + encode(inputs, arguments))
        call = {"from": sender, "to": self.addresses[contract], "data": data, "gas": hex(gas)}
        return self._send(call)

    def send(self, sender: str, contract: str, name: str, *arguments: Any) -> int:
        """Make a call that must succeed and return its block."""
        receipt = self.receipt(self.submit(sender, contract, name, *arguments))
        assert receipt["status"] == "0x1", name
        return int(receipt["blockNumber"], 16)

    def receipt(self, transaction: str) -> dict[str, Any]:
        for _ in range(500):
            found = self.rpc.call("eth_getTransactionReceipt", transaction)
            if found is not None:
                return dict(found)
            time.sleep(0.002)
        raise AssertionError("not mined")

    def ask(self, contract: str, name: str, *arguments: Any, block: str = "latest") -> Any:
        """Return what a view function answers; a tuple where it has several results."""
        selector, inputs, outputs = function(contract, name)
        call = {
            "to": self.addresses[contract],
            "data": hex_text(selector + encode(inputs, arguments)),
        }
        answer = self.rpc.call("eth_call", call, block)
        values = decode(outputs, bytes.fromhex(answer[2:]))
        return values[0] if len(values) == 1 else values

    def block(self, number: str = "latest") -> dict[str, Any]:
        return dict(self.rpc.call("eth_getBlockByNumber", number, False))

    def trust_file(self) -> TrustFile:
        genesis = self.block("0x0")
        pinned = bytes.fromhex(genesis["hash"][2:])
        return TrustFile(
            version=1,
            expires=int(time.time()) + 86_400,
            council=(self.council.public_key,),
            threshold=1,
            chain_id=self.chain.chain_id,
            genesis_hash=pinned,
            engine="anvil",
            operators=(self.operator.public_key,),
            checkpoint=PinnedBlock(0, pinned, bytes.fromhex(genesis["stateRoot"][2:])),
            contracts={
                name: Contract(bytes.fromhex(address[2:]), keccak(self.code(address)))
                for name, address in self.addresses.items()
            },
            catalogue_hash=Catalogue.load().hash,
        )

    def network_file(self, engine: Engine) -> TrustFile:
        """Return a file that takes the chain for one of validators, of whom it names one."""
        file = self.trust_file()
        pinned = replace(file.checkpoint, validators=(b"\x01" * 20,))
        return replace(file, engine=engine, checkpoint=pinned)

    def trust(self, file: TrustFile | None = None) -> TrustStore:
        data = (file or self.trust_file()).sign([self.council])
        return TrustStore(data, Catalogue.load(), now=datetime.now(UTC))

    def code(self, address: str) -> bytes:
        return bytes.fromhex(self.rpc.call("eth_getCode", address, "latest")[2:])

    def checkpoint(self, *, at: int | None = None) -> bytes:
        """Put the chain on disk and return the operator's word for it."""
        block = self.chain.persist()
        now = int(time.time()) if at is None else at
        word = Checkpoint(self.chain.chain_id, block.number, block.hash, block.state_root, now)
        return word.sign(self.operator)

    def _send(self, transaction: dict[str, Any]) -> str:
        if transaction["from"] not in self.known:
            self.rpc.call("anvil_impersonateAccount", transaction["from"])
            self.known.add(transaction["from"])
        wanted = {"gas": hex(GAS), "gasPrice": "0x0"} | transaction
        return str(self.rpc.call("eth_sendTransaction", wanted))
