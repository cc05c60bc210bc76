"""Random histories on the real contracts: most calls may fail, what succeeds is history.

Several calls share a block, so that withdrawals meet grants and lifted suspensions meet new ones
within one, where the rules are subtle.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from ecert.facts import Query, StatusReference
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department, kind

ADMIN = "0x" + "a1" * 20
TREE = {"CITY": "", "BUREAU-1": "CITY", "BUREAU-2": "CITY", "STATION-11": "BUREAU-1"}
CODES = (*TREE, "STATION-12", "STATION-21", "PROVINCE")
KINDS = ("resident-id", "drivers-licence")
LISTS = (0, 5)
INDICES = (0, 1, 127, 128, 1 << 17, (1 << 20) - 1)


@dataclass
class RandomHistory:
    """Makes history in ``world`` and remembers what to ask about."""

    world: ChainWorld
    seed: int
    roots: list[tuple[str, bytes]] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.keys = [self.random.randbytes(32) for _ in range(3)]
        self.digests = [self.random.randbytes(32) for _ in range(3)]
        for code, parent in TREE.items():
            self._begin(department(code), department(parent) if parent else NO_ACTOR)

    def _begin(self, code: bytes, parent: bytes) -> None:
        send, kinds = self.world.send, [kind(k) for k in KINDS]
        sender = ADMIN if any(parent) else COUNCIL
        send(sender, "departments", "admit", parent, code, kind("PS"), "局", kinds, ADMIN)
        for role in (1, 2):
            send(ADMIN, "departments", "grantRole", code, code, role, ADMIN)
        root = self.random.randbytes(32)
        send(ADMIN, "anchors", "anchor", code, root, 512)
        self.roots.append((code.rstrip(b"\0").decode(), root))

    def make(self, *, blocks: int, calls: int) -> None:
        """Add ``blocks`` of up to ``calls`` calls each."""
        rpc = self.world.rpc
        for _ in range(blocks):
            rpc.call("evm_setAutomine", False)
            try:
                for _ in range(self.random.randint(1, calls)):
                    self._call()
                rpc.call("evm_mine")
            finally:
                rpc.call("evm_setAutomine", True)

    def queries(self) -> list[Query]:
        """Return a sample of what can be asked about what was touched."""
        roots: list[tuple[str, bytes | None]] = [(code, None) for code in CODES]
        roots += self.random.sample(self.roots, min(30, len(self.roots)))
        return [
            Query(
                department=code,
                key_id=self.random.choice(self.keys),
                kind=self.random.choice(KINDS),
                digest=self.random.choice(self.digests),
                root=root,
                status=StatusReference(self.random.choice(LISTS), self.random.choice(INDICES)),
            )
            for code, root in roots
        ]

    def _call(self) -> None:
        name, contract, arguments = self.random.choice(self._acts)(self)
        sender = COUNCIL if arguments[0] == NO_ACTOR else ADMIN
        self.world.submit(sender, contract, name, *arguments, gas=2_000_000)
        self.sent += 1

    def _actor(self) -> bytes:
        """The council may do most; departments may act for themselves and those below them."""
        return self.random.choice((*[NO_ACTOR] * len(CODES), *map(department, CODES)))

    def _code(self) -> bytes:
        return department(self.random.choice(CODES))

    def _admit(self) -> tuple[str, str, tuple[Any, ...]]:
        kinds = [kind(k) for k in KINDS if self.random.random() < 0.7]
        return "admit", "departments", (self._actor(), self._code(), kind("PS"), "局", kinds, ADMIN)

    def _kind(self) -> tuple[str, str, tuple[Any, ...]]:
        name = self.random.choice(("grantKind", "withdrawKind"))
        return name, "departments", (self._actor(), self._code(), kind(self.random.choice(KINDS)))

    def _role(self) -> tuple[str, str, tuple[Any, ...]]:
        name = self.random.choice(("grantRole", "grantRole", "grantRole", "withdrawRole"))
        role = self.random.choice((1, 2))
        return name, "departments", (self._actor(), self._code(), role, ADMIN)

    def _key(self) -> tuple[str, str, tuple[Any, ...]]:
        key = self.random.choice(self.keys)
        match self.random.choice(("register", "register", "register", "withdraw", "compromise")):
            case "register":
                return "registerKey", "departments", (self._code(), key, 1, key, key)
            case "withdraw":
                return "withdrawKey", "departments", (self._actor(), self._code(), key)
            case _:
                latest = int(self.world.rpc.call("eth_blockNumber"), 16)
                since = self.random.randint(1, latest)
                return "compromiseKey", "departments", (self._actor(), self._code(), key, since)

    def _suspension(self) -> tuple[str, str, tuple[Any, ...]]:
        name = self.random.choice(("suspend", "lift", "lift", "lift", "lift"))
        return name, "departments", (self._actor(), self._code())

    def _move(self) -> tuple[str, str, tuple[Any, ...]]:
        name = "merge" if self.random.random() < 0.2 else "move"
        return name, "departments", (self._actor(), self._code(), self._code())

    def _anchor(self) -> tuple[str, str, tuple[Any, ...]]:
        code = self.random.choice(CODES)
        roots = [self.random.randbytes(32) for _ in range(self.random.randint(1, 3))]
        self.roots += [(code, root) for root in roots]
        if len(roots) == 1:
            return "anchor", "anchors", (department(code), roots[0], 64)
        return "anchorMany", "anchors", (department(code), roots, [1024] * len(roots))

    def _status(self) -> tuple[str, str, tuple[Any, ...]]:
        indices = self.random.sample(INDICES, self.random.randint(1, 4))
        status = self.random.choice((0, 0, 1, 2, 2))
        place = self._actor(), self._code(), self.random.choice(LISTS)
        return "setStatus", "statuses", (*place, indices, status)

    def _revoke(self) -> tuple[str, str, tuple[Any, ...]]:
        if self.roots and self.random.random() < 0.5:
            code, root = self.random.choice(self.roots)
            return "revokeRoot", "statuses", (self._actor(), department(code), root)
        digest = self.random.choice(self.digests)
        return "revokeDigest", "statuses", (self._actor(), self._code(), digest)

    _acts = (
        _admit, _kind, _kind, _role, _key, _key, _key, _suspension, _suspension, _suspension,
        _move, _anchor, _anchor, _anchor, _anchor, _status, _status, _revoke,
    )  # fmt: skip
