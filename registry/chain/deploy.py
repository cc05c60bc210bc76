"""Deployment of the contracts, which can be taken up again where it stopped.

The deploying account is used for nothing else, so each contract's address follows from the
account's address and the nonce of its creation (EIP-161: the first nonce is 0). What is found there
already is checked and left as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from eth_hash.auto import keccak

from ecert.chain.stored import SOLIDITY_NAMES
from ecert.errors import MalformedError
from registry.chain.abi import CONTRACTS, Artifact, artifact
from registry.chain.accounts import TransactionSigner
from registry.chain.addresses import checksum_address
from registry.chain.calls import AnchorCalls, ContractCall, DepartmentCalls, StatusCalls
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.sender import Sender
from registry.chain.transactions import contract_address


@dataclass(frozen=True)
class DeployedContract:
    """A contract on the chain.

    Attributes:
        address: Its address with checksum (EIP-55).
        code_hash: Keccak-256 of its code on the chain, immutables included.
    """

    address: str
    code_hash: bytes


@dataclass(frozen=True)
class Deployment:
    """The contracts of one registry.

    Attributes:
        chain_id: The chain's id.
        first_block: A block before the first contract: no event is older.
        block: A block at which all contracts were there.
        contracts: The contracts by name.
    """

    chain_id: int
    first_block: int
    block: int
    contracts: dict[str, DeployedContract]

    @property
    def addresses(self) -> dict[str, bytes]:
        """Addresses of the contracts that hold records, by their names in the trust file."""
        return {
            name: bytes.fromhex(self.contracts[contract].address[2:])
            for name, contract in SOLIDITY_NAMES.items()
        }

    @property
    def departments(self) -> DepartmentCalls:
        """Calls on the DepartmentRegistry."""
        return DepartmentCalls(self.contracts["DepartmentRegistry"].address)

    @property
    def anchors(self) -> AnchorCalls:
        """Calls on the AnchorRegistry."""
        return AnchorCalls(self.contracts["AnchorRegistry"].address)

    @property
    def status(self) -> StatusCalls:
        """Calls on the StatusRegistry."""
        return StatusCalls(self.contracts["StatusRegistry"].address)

    def to_json(self) -> dict[str, Any]:
        """Return a record of this as plain JSON values."""
        return {
            "chain_id": self.chain_id,
            "first_block": self.first_block,
            "block": self.block,
            "contracts": {
                name: {"address": found.address, "code_hash": "0x" + found.code_hash.hex()}
                for name, found in self.contracts.items()
            },
        }

    @classmethod
    def from_json(cls, record: Any) -> Self:
        """Read what ``to_json`` gave.

        Raises:
            MalformedError: ``deployment_malformed``.
        """
        try:
            contracts = {
                name: DeployedContract(
                    checksum_address(
                        bytes.fromhex(record["contracts"][name]["address"].removeprefix("0x"))
                    ),
                    bytes.fromhex(record["contracts"][name]["code_hash"].removeprefix("0x")),
                )
                for name in CONTRACTS
            }
            chain_id, first_block, block = (
                int(record[field]) for field in ("chain_id", "first_block", "block")
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedError("deployment_malformed", field=str(error)[:60]) from error
        return cls(chain_id, first_block, block, contracts)


def deploy(
    sender: Sender,
    account: TransactionSigner,
    *,
    council: str,
    delay: int,
    report: Callable[[str], None] = lambda _: None,
) -> Deployment:
    """Create the contracts, or find those that an interrupted run of this created.

    Args:
        sender: Who sends.
        account: Pays nothing and gets no rights; must have been used for nothing else.
        council: The council's address, in production a k-of-n Safe.
        delay: Seconds between the announcement of a council's act and the act.
        report: Told each contract's name when it is there.

    Raises:
        ChainRejectedError: ``deployment_differs`` when something else is in the way; what the
            contracts refuse.
        UnavailableError: No node answers.
    """
    nonces = MemoryNonces()
    sender.reconcile(account.address, nonces)
    begun_before = bool(nonces.peek(account.address))
    first_block = 0 if begun_before else sender.block_number()
    address = [contract_address(account.address, nonce) for nonce in range(len(CONTRACTS))]
    arguments: list[tuple[Any, ...]] = [
        (council, delay),
        (address[0],),
        (address[0],),
        tuple(address[:3]),
    ]
    contracts = {}
    for nonce, name in enumerate(CONTRACTS):
        compiled = artifact(name)
        if nonces.peek(account.address) == nonce:
            data = compiled.creation(*arguments[nonce])
            sender.execute(account, ContractCall(name, "", None, data), nonces)
        contracts[name] = found_at(sender, compiled, address[nonce])
        report(name)
    return Deployment(sender.chain_id, first_block, sender.block_number(), contracts)


def found_at(sender: Sender, compiled: Artifact, address: str) -> DeployedContract:
    """Return the contract at an address, checked against the artifact.

    Raises:
        ChainRejectedError: ``deployment_differs``.
        UnavailableError: No node answers.
    """
    code = sender.code(address)
    if not compiled.is_code(code):
        raise ChainRejectedError("deployment_differs", address=address, contract=compiled.name)
    return DeployedContract(address, keccak(code))
