"""The contracts' interfaces, read from the committed artifacts.

eth_abi takes a third of a second to load; it is loaded by the first call that is encoded.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from eth_hash.auto import keccak

from ecert.errors import MalformedError

CONTRACTS = ("DepartmentRegistry", "AnchorRegistry", "StatusRegistry", "VerificationView")
WALLET = ("Safe", "SafeProxy", "SafeProxyFactory")
"""The council's wallet: a k-of-n Safe."""


@dataclass(frozen=True)
class Signature:
    """A function or custom error of a contract.

    Attributes:
        name: Its name.
        inputs: Names of its arguments.
        types: Their types in canonical form.
    """

    name: str
    inputs: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def selector(self) -> bytes:
        """The four bytes that call data or revert data begin with."""
        return keccak(f"{self.name}({','.join(self.types)})".encode("ascii"))[:4]

    def encode(self, values: Sequence[Any]) -> bytes:
        """Return selector and arguments as call data.

        Raises:
            MalformedError: ``call_argument_malformed`` when a value does not fit its type.
        """
        return self.selector + _encode(self.name, self.types, values)

    def decode(self, data: bytes) -> dict[str, Any]:
        """Return the arguments in ``data`` by name.

        Raises:
            MalformedError: ``call_argument_malformed``.
        """
        from eth_abi.abi import decode  # noqa: PLC0415  # see above
        from eth_abi.exceptions import DecodingError  # noqa: PLC0415

        try:
            values = decode(self.types, data[4:])
        except (DecodingError, OverflowError, UnicodeDecodeError) as error:
            raise MalformedError("call_argument_malformed", name=self.name) from error
        return dict(zip(self.inputs, values, strict=True))


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    Attributes:
        name: The contract's name.
        functions: Its functions by name; of overloaded ones, which only Safe has, the last.
        errors: Its custom errors by name.
        constructor: The types of the constructor's arguments.
        bytecode: What creates it, without constructor arguments.
        deployed: Its code, with zeros where immutables go.
        immutables: Where immutables go: (start, length), in bytes.
    """

    name: str
    functions: Mapping[str, Signature]
    errors: Mapping[str, Signature]
    constructor: tuple[str, ...]
    bytecode: bytes
    deployed: bytes
    immutables: tuple[tuple[int, int], ...]

    def creation(self, *arguments: Any) -> bytes:
        """Return the data of the transaction that creates the contract."""
        return self.bytecode + _encode(self.name, self.constructor, arguments)

    def is_code(self, code: bytes) -> bool:
        """Tell whether ``code`` is this contract's, whatever its immutables hold."""
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(length)
        return bytes(masked) == self.deployed


@cache
def artifact(name: str) -> Artifact:
    """Return the compiled contract ``name``, one of ``CONTRACTS`` or ``WALLET``."""
    package = "registry.chain" if name in WALLET else "ecert.chain"
    path = resources.files(package) / "artifacts" / f"{name}.json"
    content = json.loads(path.read_text("utf-8"))
    abi = content["abi"]
    places = [place for immutable in content["immutableReferences"] for place in immutable]
    constructors = (entry["inputs"] for entry in abi if entry["type"] == "constructor")
    return Artifact(
        name=name,
        functions=_signatures(abi, "function"),
        errors=_signatures(abi, "error"),
        constructor=tuple(_type(argument) for argument in next(constructors, ())),
        bytecode=bytes.fromhex(content["bytecode"].removeprefix("0x")),
        deployed=bytes.fromhex(content["deployedBytecode"].removeprefix("0x")),
        immutables=tuple((place["start"], place["length"]) for place in places),
    )


def function_of(name: str, data: bytes) -> Signature | None:
    """Return the function of contract ``name`` that call data are for; None for none of its."""
    found = artifact(name).functions.values()
    return next((function for function in found if function.selector == data[:4]), None)


@cache
def errors_by_selector() -> Mapping[bytes, Signature]:
    """Return the custom errors of all contracts; one contract hands another's errors through."""
    return {error.selector: error for name in CONTRACTS for error in artifact(name).errors.values()}


def _encode(name: str, types: Sequence[str], values: Sequence[Any]) -> bytes:
    from eth_abi.abi import encode  # noqa: PLC0415  # see above
    from eth_abi.exceptions import EncodingError  # noqa: PLC0415

    try:
        return encode(types, values)
    except (EncodingError, TypeError, ValueError) as error:
        raise MalformedError("call_argument_malformed", name=name) from error


def _signatures(abi: list[dict[str, Any]], kind: str) -> dict[str, Signature]:
    return {
        entry["name"]: Signature(
            entry["name"],
            tuple(argument["name"] for argument in entry["inputs"]),
            tuple(_type(argument) for argument in entry["inputs"]),
        )
        for entry in abi
        if entry["type"] == kind
    }


def _type(argument: dict[str, Any]) -> str:
    """Return an argument's canonical type, tuples spelled out."""
    kind: str = argument["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_type(component) for component in argument["components"])
    return f"({inner}){kind.removeprefix('tuple')}"
