"""The contracts' events, and the hash that commits to all of them.

A log entry is decoded by the contract that wrote it, never by its topic alone. Every contract
chains its entries into ``head`` (contracts/lib/HashChained.sol), so whoever has replayed them can
tell that none is missing, added or altered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from eth_hash.auto import keccak

from ecert.chain.abi import Array, Type, decode, encode, signature
from ecert.chain.records import ANCHORS, CONTRACTS, DEPARTMENTS, STATUSES
from ecert.errors import MalformedError
from ecert.fields import Fields, hex_bytes, hex_text

MAX_TOPICS = 4

E = TypeVar("E", bound=type)


@dataclass(frozen=True, slots=True)
class Log:
    """One log entry as a node gives it.

    Attributes:
        address: The contract that wrote it, 20 bytes.
        block: The block's number.
        index: The entry's position in the block.
        topics: 32 bytes each.
        data: The arguments that are not indexed.
    """

    address: bytes
    block: int
    index: int
    topics: tuple[bytes, ...]
    data: bytes

    @classmethod
    def from_rpc(cls, value: object) -> "Log":
        """Read an entry of ``eth_getLogs``.

        Raises:
            MalformedError: ``field_malformed``; also for an entry that a reorganisation removed.
        """
        fields = Fields(value, "log")
        if fields.raw("removed") not in (None, False):
            raise fields.fail("removed")
        return cls(
            address=fields.hexadecimal("address", 20),
            block=quantity(fields.raw("blockNumber"), fields.fail("blockNumber")),
            index=quantity(fields.raw("logIndex"), fields.fail("logIndex")),
            topics=fields.hexadecimals("topics", 32, limit=MAX_TOPICS),
            data=byte_string(fields.raw("data"), fields.fail("data")),
        )

    def extend(self, head: bytes) -> bytes:
        """Return the contract's head after this entry."""
        return keccak(head + self.block.to_bytes(32) + b"".join(self.topics) + self.data)


def first_head(chain_id: int, address: bytes) -> bytes:
    """Return the head of a contract that has logged nothing."""
    return keccak(encode(("uint256", "address"), (chain_id, address)))


def quantity(value: object, error: MalformedError) -> int:
    """Read a quantity of JSON-RPC (``0x`` and digits) below 2^64, or raise ``error``."""
    if not isinstance(value, str) or not 3 <= len(value) <= 18 or value[:2] != "0x":
        raise error
    if set(value[2:]) - set("0123456789abcdef"):
        raise error
    return int(value, 16)


def byte_string(value: object, error: MalformedError) -> bytes:
    """Read a byte string of JSON-RPC of any length, or raise ``error``."""
    length = len(value) // 2 - 1 if isinstance(value, str) else 0
    data = hex_bytes(value, max(length, 0))
    if data is None:
        raise error
    return data


@dataclass(frozen=True, slots=True)
class _Shape:
    """How an event class is logged: the indexed arguments come first in all of them."""

    event: Callable[..., Any]
    indexed: tuple[Type, ...]
    data: tuple[Type, ...]


_SHAPES: dict[str, dict[str, _Shape]] = {name: {} for name in CONTRACTS}


def _logged(*contracts: str, indexed: tuple[Type, ...], data: tuple[Type, ...]) -> Callable[[E], E]:
    """Register an event class; its name and the order of its fields are the event's."""

    def register(event: E) -> E:
        for contract in contracts:
            _SHAPES[contract][event.__name__] = _Shape(event, indexed, data)
        return event

    return register


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes20"), data=("bytes32", "string"))
@dataclass(frozen=True, slots=True)
class Admitted:
    """A department was admitted under ``parent`` (zeros: at the top)."""

    department: bytes
    parent: bytes
    department_kind: bytes
    name: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes32"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class KindGranted:
    """A department may issue a kind from this block on."""

    department: bytes
    kind: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes32"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class KindWithdrawn:
    """That ended."""

    department: bytes
    kind: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "uint8", "address"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class RoleGranted:
    """An account has a role at a department from this block on."""

    department: bytes
    role: int
    account: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "uint8", "address"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class RoleWithdrawn:
    """That ended."""

    department: bytes
    role: int
    account: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes32"), data=("uint8", "bytes32", "bytes32"))
@dataclass(frozen=True, slots=True)
class KeyRegistered:
    """A signing key is its department's from this block on."""

    department: bytes
    key_id: bytes
    suite: int
    x: bytes
    y: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes32"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class KeyWithdrawn:
    """That ended."""

    department: bytes
    key_id: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes32"), data=("uint64", "bytes20"))
@dataclass(frozen=True, slots=True)
class KeyCompromised:
    """A key is not to be trusted from ``since_block`` on; where it was in force, that ended."""

    department: bytes
    key_id: bytes
    since_block: int
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes20"), data=())
@dataclass(frozen=True, slots=True)
class DepartmentSuspended:
    """A department was suspended, or a higher actor took its suspension over."""

    department: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes20"), data=())
@dataclass(frozen=True, slots=True)
class SuspensionLifted:
    """A suspension ended."""

    department: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes20", "bytes20"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class Moved:
    """A department, with all below it, has another parent (zeros: none)."""

    department: bytes
    origin: bytes
    to: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("bytes20", "bytes20"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class Merged:
    """A department was dissolved in another."""

    department: bytes
    into: bytes
    actor: bytes


@_logged(DEPARTMENTS, indexed=("address",), data=())
@dataclass(frozen=True, slots=True)
class CouncilProposed:
    """The council named its successor."""

    council: bytes


@_logged(DEPARTMENTS, indexed=("address", "address"), data=())
@dataclass(frozen=True, slots=True)
class CouncilChanged:
    """The council is another account."""

    previous: bytes
    council: bytes


@_logged(*CONTRACTS, indexed=("bytes32",), data=("bytes", "uint64"))
@dataclass(frozen=True, slots=True)
class Scheduled:
    """The council announced a call."""

    act: bytes
    call_data: bytes
    eta: int


@_logged(*CONTRACTS, indexed=("bytes32",), data=())
@dataclass(frozen=True, slots=True)
class Cancelled:
    """The council dropped an announced call."""

    act: bytes


@_logged(*CONTRACTS, indexed=("address",), data=())
@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing changes in this contract any more; ``successor`` took over."""

    successor: bytes


@_logged(ANCHORS, indexed=("bytes20", "bytes32"), data=("uint32", "uint64"))
@dataclass(frozen=True, slots=True)
class Anchored:
    """A department anchored a root."""

    department: bytes
    root: bytes
    size: int
    time: int


@_logged(STATUSES, indexed=("bytes20", "uint32"), data=(Array("uint32"), "uint8", "bytes20"))
@dataclass(frozen=True, slots=True)
class StatusChanged:
    """Entries of a status list were set."""

    department: bytes
    list: int
    indices: tuple[int, ...]
    status: int
    actor: bytes


@_logged(STATUSES, indexed=("bytes20", "bytes32"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class DigestRevoked:
    """One signed artefact was revoked by its digest."""

    department: bytes
    digest: bytes
    actor: bytes


@_logged(STATUSES, indexed=("bytes20", "bytes32"), data=("bytes20",))
@dataclass(frozen=True, slots=True)
class RootRevoked:
    """All that a root covers was revoked."""

    department: bytes
    root: bytes
    actor: bytes


def decode_log(log: Log, contract: str) -> Any:
    """Return the event that ``contract``, one of ``CONTRACTS``, logged.

    Raises:
        MalformedError: ``event_unknown`` for a topic that the contract never logs,
            ``event_malformed`` for missing topics or data that are not the event's.
    """
    shape = _by_topic()[contract].get(log.topics[0] if log.topics else b"")
    if shape is None:
        topic = hex_text(log.topics[0]) if log.topics else "-"
        raise MalformedError("event_unknown", contract=contract, topic=topic, block=log.block)
    try:
        if len(log.topics) != 1 + len(shape.indexed):
            raise MalformedError("abi_malformed", reason="topics")
        indexed = decode(shape.indexed, b"".join(log.topics[1:]))
        return shape.event(*indexed, *decode(shape.data, log.data))
    except MalformedError as error:
        raise MalformedError(
            "event_malformed",
            event=shape.event.__name__,
            block=log.block,
            reason=error.details.get("reason"),
        ) from error


@cache
def topic_of(contract: str, event: type) -> bytes:
    """Return the first topic of an event's log entries."""
    return next(topic for topic, shape in _by_topic()[contract].items() if shape.event is event)


@cache
def signatures() -> Mapping[str, frozenset[str]]:
    """Return what each contract logs, as ``Name(type,…)``."""
    return {
        contract: frozenset(_signature(name, shape) for name, shape in shapes.items())
        for contract, shapes in _SHAPES.items()
    }


@cache
def _by_topic() -> Mapping[str, Mapping[bytes, _Shape]]:
    return {
        contract: {
            keccak(_signature(name, shape).encode("ascii")): shape for name, shape in shapes.items()
        }
        for contract, shapes in _SHAPES.items()
    }


def _signature(name: str, shape: _Shape) -> str:
    return signature(name, shape.indexed + shape.data)
