"""One run through every function that changes state, with the gas that each call took.

The registries of the run have no delay; those of a second set have one, for the calls that only
make sense there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chain_node import Node
from eth_hash.auto import keccak
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

COUNCIL = bytes(20)
KIND = b"resident-id".ljust(32, b"\0")
SORT = b"public-security".ljust(32, b"\0")
ADMIN, ANCHOR, STATUS = 0, 1, 2
TREE_SIZE = 1024
WORD = 128
DELAY = 3_600
FEW_ROOTS = 20
MANY_ROOTS = 1_024
MAX_LEVELS = 16


def code(number: int) -> bytes:
    """Return a department's code of 18 characters, as real ones are."""
    return f"11440100{number:09d}X".encode().ljust(20, b"\0")


@dataclass(frozen=True)
class Row:
    """A call's gas: in total and, for a call of many parts, how many there were."""

    contract: str
    function: str
    what: str
    gas: int
    parts: int = 1


@dataclass
class Scenario:
    """The contracts, what was called and what it cost."""

    node: Node
    rows: list[Row] = field(default_factory=list)
    contracts: dict[str, Contract] = field(default_factory=dict)
    receipts: list[TxReceipt] = field(default_factory=list)

    def run(self) -> "Scenario":
        """Make all calls."""
        self._deploy()
        self._departments()
        self._anchors()
        self._statuses()
        self._close()
        self._delayed()
        return self

    def gas(self, function: str, what: str) -> int:
        """Return the gas of a call by its labels."""
        (row,) = (row for row in self.rows if (row.function, row.what) == (function, what))
        return row.gas

    def _deploy(self) -> None:
        departments = self._deployed("DepartmentRegistry", self.node.account(0), 0)
        anchors = self._deployed("AnchorRegistry", departments.address)
        statuses = self._deployed("StatusRegistry", departments.address)
        self._deployed("VerificationView", departments.address, anchors.address, statuses.address)

    def _departments(self) -> None:
        call = self.contracts["DepartmentRegistry"].functions
        me, admin, officer = (self.node.account(index) for index in range(3))
        other_kind = b"student-record".ljust(32, b"\0")
        key, x, y = (keccak(text) for text in (b"key", b"x", b"y"))
        name = "某市公安局"
        parent = COUNCIL
        for level in range(MAX_LEVELS):
            admit = call.admit(parent, code(level), SORT, name, [KIND], me)
            self._call("one kind", admit, ancestors=level)
            self._call("", call.grantRole(code(level), code(level), ANCHOR, me), ancestors=level)
            parent = code(level)
        for number in (50, 51, 52):
            self._quietly(call.admit(code(1), code(number), SORT, name, [KIND], admin))
        self._call("to a top-level department", call.grantKind(COUNCIL, code(0), other_kind))
        self._call("from above", call.grantKind(code(0), code(1), other_kind))
        self._call("", call.withdrawKind(code(0), code(1), other_kind))
        self._call("again", call.grantKind(code(0), code(1), other_kind))
        self._call("", call.withdrawRole(code(2), code(2), ANCHOR, me))
        self._call("again", call.grantRole(code(2), code(2), ANCHOR, me))
        self._quietly(call.grantRole(code(1), code(1), STATUS, officer))
        self._call("new", call.registerKey(code(1), key, 1, x, y))
        self._call("by its department", call.withdrawKey(code(1), code(1), key))
        self._call("again", call.registerKey(code(1), key, 1, x, y))
        self._call("a key in force", call.compromiseKey(code(0), code(1), key, 9))
        self._call("earlier", call.compromiseKey(code(0), code(1), key, 8))
        self._call("by the one above", call.suspend(code(1), code(50)))
        self._call("taken over by the council", call.suspend(COUNCIL, code(50)))
        self._call("by the council", call.lift(COUNCIL, code(50)))
        self._call("beside", call.move(code(1), code(50), code(51)))
        self._call("beside", call.merge(code(1), code(51), code(52)))
        self._call("", call.proposeCouncil(me))
        self._call("", call.acceptCouncil())

    def _anchors(self) -> None:
        call = self.contracts["AnchorRegistry"].functions
        roots = _roots()
        # A head that is still what the constructor wrote costs the same: it is not 0.
        for level in range(MAX_LEVELS):
            anchor = call.anchor(code(level), next(roots), TREE_SIZE)
            self._call("", anchor, ancestors=level)
        for level in range(MAX_LEVELS):
            self._many(level, FEW_ROOTS, roots)
        self._many(4, MANY_ROOTS, roots)

    def _many(self, level: int, count: int, roots: Iterator[bytes]) -> None:
        call = self.contracts["AnchorRegistry"].functions
        chosen = [next(roots) for _ in range(count)]
        many = call.anchorMany(code(level), chosen, [TREE_SIZE] * count)
        self._call(f"{count} roots", many, ancestors=level, parts=count)

    def _statuses(self) -> None:
        call = self.contracts["StatusRegistry"].functions
        officer = self.node.account(2)

        def change(what: str, indices: Sequence[int], status: int, *, below: int = 1) -> None:
            function = call.setStatus(code(1), code(below), 1, indices, status)
            self._call(what, function, sender=officer, parts=len(indices))

        change("one, new word", [5], 1)
        change("one, word in use", [6], 2)
        change("reinstate one", [6], 0)
        change("one, for a department below", [7], 1, below=2)
        change("a word of 128", range(10 * WORD, 11 * WORD), 1)
        change("1,000 in 1,000 words", range(20 * WORD, 1_020 * WORD, WORD), 1)
        self._call("", call.revokeDigest(code(1), code(1), keccak(b"d")), sender=officer)
        self._call("again", call.revokeDigest(code(1), code(1), keccak(b"d")), sender=officer)
        self._call("", call.revokeRoot(code(1), code(1), keccak(b"r")), sender=officer)
        self._call("by the council", call.revokeRoot(COUNCIL, code(2), keccak(b"r")))

    def _close(self) -> None:
        for name in ("DepartmentRegistry", "AnchorRegistry", "StatusRegistry"):
            contract = self.contracts[name]
            self._call("", contract.functions.close(self.node.account(9)), contract=name)

    def _delayed(self) -> None:
        me = self.node.account(0)
        delayed, _ = self.node.deploy("DepartmentRegistry", me, DELAY)
        admit = delayed.functions.admit(COUNCIL, code(0), SORT, "某市公安局", [KIND], me)
        data = bytes.fromhex(delayed.encode_abi("admit", admit.arguments)[2:])
        self._call("an admission", delayed.functions.schedule(data))
        self._call("", delayed.functions.cancel(keccak(data)))
        self._quietly(delayed.functions.schedule(data))
        self.node.advance(DELAY)
        self._call("one kind, announced", admit, ancestors=0)

    def _deployed(self, name: str, *arguments: Any) -> Contract:
        contract, receipt = self.node.deploy(name, *arguments)
        self.contracts[name] = contract
        self.receipts.append(receipt)
        self.rows.append(Row(name, "(deployment)", "", receipt["gasUsed"]))
        return contract

    def _quietly(self, call: ContractFunction, sender: str | None = None) -> TxReceipt:
        receipt = self.node.send(sender or self.node.account(0), call)
        self.receipts.append(receipt)
        return receipt

    def _call(
        self,
        what: str,
        call: ContractFunction,
        *,
        ancestors: int | None = None,
        parts: int = 1,
        sender: str | None = None,
        contract: str | None = None,
    ) -> None:
        receipt = self._quietly(call, sender)
        names = {item.address: name for name, item in self.contracts.items()}
        named = contract or names.get(receipt["to"], "DepartmentRegistry")
        labels = [what] if what else []
        if ancestors is not None:
            labels.append(f"{ancestors} ancestors")
        row = Row(named, call.fn_name, ", ".join(labels), receipt["gasUsed"], parts)
        self.rows.append(row)


def _roots() -> Iterator[bytes]:
    """Yield roots; like real ones, their bytes are rarely zero, which would make them cheaper."""
    number = 0
    while True:
        root = keccak(number.to_bytes(4, "big"))
        if 0 not in root:
            yield root
        number += 1
