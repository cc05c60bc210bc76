"""A history in which every event of the contracts occurs, made by the registry's own calls."""

import json
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import pytest
from eth_hash.auto import keccak
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from ecert.chain.events import Log
from ecert.chain.records import ANCHORS, CONTRACTS, DEPARTMENTS, STATUSES
from ecert.chain.state import ChainState
from ecert.signing import ED25519, SoftwareSigner
from ecert.status import Status
from networks.embedded import EmbeddedChain
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, ContractCall, Role
from registry.chain.council import CouncilAccount
from registry.chain.deploy import deploy
from registry.chain.nonces import MemoryNonces
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender

CITY, BUREAU, STATION = "11350000003591037R", "11350100003605390A", "350102"
KIND, OTHER_KIND = "resident-id", "drivers-licence"
SIZES = (1, 64, 1024)
NAMES = {
    DEPARTMENTS: "DepartmentRegistry",
    ANCHORS: "AnchorRegistry",
    STATUSES: "StatusRegistry",
    "view": "VerificationView",
}


@dataclass
class Judged:
    """A history on a real chain: what was sent, by whom, and web3's view of the contracts."""

    web3: Web3
    contracts: dict[str, Contract]
    council: str
    officer: str
    keys: dict[str, SoftwareSigner]
    roots: list[bytes]
    digest: bytes
    pending: bytes
    sent: list[ContractCall] = field(default_factory=list)

    def logs(self) -> list[tuple[str, Any, Log]]:
        """Each log entry: contract, as web3 has it, and as ecert reads it from the raw answer."""
        addresses = {self.contracts[name].address: name for name in CONTRACTS}
        asked = {"fromBlock": "0x0", "address": list(addresses)}
        raw = self.web3.provider.make_request("eth_getLogs", [asked])["result"]
        theirs = self.web3.eth.get_logs({"fromBlock": 0, "address": list(addresses)})
        ours = [Log.from_rpc(entry) for entry in raw]
        return [
            (addresses[entry.address], entry, log) for entry, log in zip(theirs, ours, strict=True)
        ]

    def replayed(self) -> ChainState:
        """The records that ecert makes of the events."""
        addresses = {name: address_bytes(self.contracts[name].address) for name in CONTRACTS}
        state = ChainState(self.web3.eth.chain_id, addresses)
        for _, _, log in self.logs():
            state.apply(log)
        return state

    def ask(self, contract: str, name: str, *arguments: Any) -> Any:
        return self.contracts[contract].functions[name](*arguments).call()


@pytest.fixture(scope="module")
def judged(chain: EmbeddedChain) -> Judged:
    sender = Sender(RpcPool([chain.rpc_url], chain.chain_id))
    council, successor, officer = (LocalAccount.generate() for _ in range(3))
    deployed = deploy(sender, LocalAccount.generate(), council=council.address, delay=1)
    web3 = Web3(HTTPProvider(chain.rpc_url))
    addresses = {key: deployed.contracts[name].address for key, name in NAMES.items()}
    made = Judged(
        web3=web3,
        contracts={
            key: web3.eth.contract(web3.to_checksum_address(addresses[key]), abi=abi(name))
            for key, name in NAMES.items()
        },
        council=successor.address,
        officer=officer.address,
        keys={"es": SoftwareSigner.generate(), "ed": SoftwareSigner.generate(ED25519)},
        roots=[bytes([number]) * 32 for number in range(1, 5)],
        digest=b"d" * 32,
        pending=b"",
    )
    nonces = MemoryNonces()
    sender.reconcile(officer.address, nonces)

    def by_council(*acts: ContractCall, account: LocalAccount = council) -> None:
        CouncilAccount(sender, account).carry_out(acts)
        made.sent.extend(acts)

    def by_officer(*calls: ContractCall, account: LocalAccount = officer) -> None:
        for call in calls:
            sender.execute(account, call, nonces if account is officer else MemoryNonces())
            made.sent.append(call)

    departments, anchors, status = deployed.departments, deployed.anchors, deployed.status
    admin, kinds = officer.address, [KIND, OTHER_KIND]
    by_council(
        departments.admit(COUNCIL, CITY, department_kind="GOV", name="样例市人民政府",
                          kinds=kinds, admin=admin),
        departments.propose_council(successor.address),
    )  # fmt: skip
    by_officer(departments.accept_council(), account=successor)
    city, es, ed = (CITY, CITY), made.keys["es"].public_key, made.keys["ed"].public_key
    by_officer(
        departments.admit(CITY, BUREAU, department_kind="PS", name="样例市公安局", kinds=kinds,
                          admin=admin),
        departments.admit(CITY, STATION, department_kind="PS", name="", kinds=[], admin=admin),
        departments.withdraw_kind(CITY, BUREAU, OTHER_KIND),
        departments.grant_kind(CITY, BUREAU, OTHER_KIND),
        departments.withdraw_kind(CITY, BUREAU, OTHER_KIND),
        departments.grant_role(CITY, CITY, Role.STATUS, admin),
        departments.grant_role(BUREAU, BUREAU, Role.ANCHOR, admin),
        departments.grant_role(BUREAU, BUREAU, Role.STATUS, admin),
        departments.grant_role(BUREAU, BUREAU, Role.DISPENSE, successor.address),
        departments.withdraw_role(BUREAU, BUREAU, Role.DISPENSE, successor.address),
        departments.register_key(BUREAU, es),
        departments.withdraw_key(CITY, BUREAU, es.thumbprint),
        departments.register_key(BUREAU, es),
        departments.register_key(BUREAU, ed),
        departments.compromise_key(CITY, BUREAU, ed.thumbprint, 3),
        anchors.anchor(BUREAU, made.roots[0], SIZES[0]),
        anchors.anchor_many(BUREAU, list(zip(made.roots[1:], (*SIZES[1:], 7), strict=True))),
        status.set_status(BUREAU, BUREAU, 0, [0, 1, 127, 128, 100_000], Status.SUSPENDED),
        status.set_status(CITY, BUREAU, 0, [1], Status.VALID),
        status.set_status(BUREAU, BUREAU, 0, [127], Status.REVOKED),
        status.revoke_digest(BUREAU, BUREAU, made.digest),
        status.revoke_root(CITY, BUREAU, made.roots[3]),
        departments.suspend(*city[:1], STATION),
        departments.lift(CITY, STATION),
        departments.suspend(CITY, STATION),
        departments.move(CITY, STATION, BUREAU),
        departments.merge(CITY, STATION, BUREAU),
    )  # fmt: skip
    act = departments.withdraw_kind(COUNCIL, CITY, OTHER_KIND)
    dropped = departments.suspend(COUNCIL, BUREAU)
    for calls in (departments.schedule(act), departments.schedule(dropped),
                  departments.cancel(keccak(dropped.data))):  # fmt: skip
        by_officer(calls, account=successor)
    made.pending = keccak(act.data)
    by_council(anchors.close(admin), status.close(admin), account=successor)
    return made


def abi(name: str) -> list[dict[str, Any]]:
    path = resources.files("ecert.chain") / "artifacts" / f"{name}.json"
    return list(json.loads(path.read_text("utf-8"))["abi"])


def address_bytes(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))
