"""What the chain says about the council: who it is, and what it has announced."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from eth_hash.auto import keccak

from registry.chain.abi import artifact
from registry.chain.addresses import checksum_address
from registry.chain.calls import ContractCall
from registry.chain.safe import NOBODY
from registry.chain.sender import Sender
from registry.council.wording import Book

T = TypeVar("T")

GRACE_SECONDS = 30 * 24 * 3600
"""How long an announced act may be made once its delay is over (``CouncilDelayed.GRACE``)."""

_UNDELAYED = frozenset({"suspend", "acceptCouncil", "schedule", "cancel"})


@dataclass(frozen=True, slots=True)
class CouncilView:
    """The council's part of the contracts.

    Args:
        sender: Asks the chain.
        contracts: Names of the contracts by their addresses in lower case.
    """

    sender: Sender
    contracts: Book

    @property
    def departments(self) -> str:
        """The address of DepartmentRegistry."""
        return self.address("DepartmentRegistry")

    def address(self, contract: str) -> str:
        """Return a contract's address."""
        return next(
            checksum_address(bytes.fromhex(address[2:]))
            for address, name in self.contracts.items()
            if name == contract
        )

    def council(self) -> str:
        """Return who may act for the council.

        Raises:
            UnavailableError: No node answers, or they do not agree; so for all methods.
        """
        return self._ask("council", _address)

    def proposed(self) -> str | None:
        """Return who was named as the next council and has not accepted yet."""
        found = self._ask("proposedCouncil", _address)
        return None if found == NOBODY else found

    def delay(self) -> int:
        """Return the seconds that the council's acts wait."""
        return self._ask("delay", int.from_bytes)

    def eta(self, to: str, data: bytes) -> int:
        """Return the time from which an announced call may be made; 0 when it is not announced."""
        return self._ask("etaOf", int.from_bytes, keccak(data), to=to)

    def announcement(self, to: str, data: bytes, *, now: int) -> bytes | None:
        """Return the call that must announce a call before, if one must.

        Args:
            to: The contract.
            data: The call.
            now: The time; an announcement that has expired is made again.
        """
        function = next(
            name
            for name, found in artifact(self.contracts[to.lower()]).functions.items()
            if found.selector == data[:4]
        )
        if function in _UNDELAYED or not self.delay():
            return None
        eta = self.eta(to, data)
        if eta and now <= eta + GRACE_SECONDS:
            return None
        return artifact("DepartmentRegistry").functions["schedule"].encode((data,))

    def _ask(
        self, function: str, read: Callable[[bytes], T], *arguments: object, to: str | None = None
    ) -> T:
        data = artifact("DepartmentRegistry").functions[function].encode(arguments)
        address = to or self.departments
        return read(self.sender.read(ContractCall("DepartmentRegistry", function, address, data)))


def _address(word: bytes) -> str:
    return checksum_address(word[-20:])
