"""A council of three members, two of whom must sign, and contracts that it steers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, ContractCall
from registry.chain.deploy import Deployment, deploy
from registry.chain.owners import OwnerKey
from registry.chain.safe import SafeState
from registry.chain.safe_creation import create_safe
from registry.chain.safe_reading import read_safe
from registry.chain.sender import Sender
from registry.council.chain import CouncilView
from registry.council.execution import Fate, carry_out
from registry.council.proposals import Proposal, propose

STEERED = ("DepartmentRegistry", "AnchorRegistry", "StatusRegistry")
DELAY = 2


def members(count: int = 3) -> list[OwnerKey]:
    """Return keys in the order in which a wallet wants their signatures."""
    return sorted((OwnerKey.generate() for _ in range(count)), key=lambda key: key.address.lower())


@dataclass
class Council:
    """A wallet, the keys of its members, and the contracts."""

    sender: Sender
    keys: list[OwnerKey]
    address: str
    deployed: Deployment

    @classmethod
    def make(cls, sender: Sender, *, delay: int = DELAY) -> Self:
        keys = members()
        safe = create_safe(sender, [key.address for key in keys], 2)
        deployed = deploy(sender, LocalAccount.generate(), council=safe.address, delay=delay)
        return cls(sender, keys, safe.address, deployed)

    @property
    def view(self) -> CouncilView:
        found = self.deployed.contracts
        return CouncilView(self.sender, {found[name].address.lower(): name for name in STEERED})

    @property
    def safe(self) -> SafeState:
        return read_safe(self.sender, self.address)

    def proposal(self, *calls: ContractCall, nonce: int | None = None) -> Proposal:
        now = int(time.time())
        announcements = [
            (call.to or "", data)
            for call in calls
            if (data := self.view.announcement(call.to or "", call.data, now=now)) is not None
        ]
        acts = [(call.to or "", call.data) for call in calls]
        first = self.safe.nonce if nonce is None else nonce
        return propose(
            self.sender.chain_id, self.address, self.view.contracts, [*announcements, *acts],
            nonce=first,
        )  # fmt: skip

    def signed(self, proposal: Proposal, *keys: OwnerKey) -> Proposal:
        for key in keys:
            proposal = proposal.sign(key, self.safe)
        return proposal

    def execute(self, proposal: Proposal) -> list[Fate]:
        fates: list[Fate] = []
        carry_out(
            self.sender, self.view, proposal, self.safe, lambda _, fate, __: fates.append(fate)
        )
        return fates

    def act(self, *calls: ContractCall, keys: Sequence[OwnerKey] | None = None) -> list[Fate]:
        chosen = self.keys[:2] if keys is None else keys
        return self.execute(self.signed(self.proposal(*calls), *chosen))

    def admission(self, code: str) -> ContractCall:
        return self.deployed.departments.admit(
            COUNCIL,
            code,
            department_kind="PS",
            name="示例市公安局",
            kinds=["resident-id"],
            admin=LocalAccount.generate().address,
        )

    def admitted(self, code: str) -> bool:
        """Tell whether the chain has a department."""
        admission = self.admission(code)
        try:
            self.sender.estimate(self.address, self.deployed.departments.suspend(COUNCIL, code))
        except Exception as error:
            if getattr(error, "code", "") == "chain_unknown_department":
                return False
            raise
        return admission.to is not None
