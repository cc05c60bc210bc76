"""What replaying a chain asks of its nodes, each answer decoded strictly."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from eth_hash.auto import keccak

from ecert import limits
from ecert.chain.blocks import Block, Header
from ecert.chain.events import Log, byte_string, quantity
from ecert.chain.header import BlockHeader
from ecert.chain.layout import DEPARTMENT_REGISTRY, Layout
from ecert.chain.proof import prove_account, prove_slot
from ecert.chain.qbft import block_hash, is_qbft
from ecert.chain.rpc import CALL_SECONDS, RpcNode, RpcPool
from ecert.errors import EcertError, MalformedError, ProofError, UnavailableError
from ecert.fields import MAX_TIME, Fields, hex_text

__all__ = ["Header", "Nodes", "read_header"]

T = TypeVar("T")

LOGS_SECONDS = 60.0
"""How long one range of the log may take: a node reads it from its disk."""
FIRST_SPAN = 2_000
"""Blocks asked for at first in one range."""
MAX_SPAN = 100_000
"""Blocks asked for at most in one range."""
_MAX_TRANSACTIONS = 1 << 20
_SHRINKS = frozenset({"rpc_refused", "rpc_answer_too_large", "rpc_unreachable"})
_HEAD = "0x8f7dcfa3"
"""First bytes of keccak-256 of ``head()``."""


_HEADS = ("_head", "_finalHead")
"""Where HashChained keeps the head: in the first while the contract is open, then in the second.
Every contract that logs has them in the same words."""
_MAX_PROOF_DEPTH = 65
"""A path of 64 nibbles, each with a node, and the value's."""


@dataclass(frozen=True, slots=True)
class ProvenHead:
    """What a storage proof shows of a contract.

    Attributes:
        head: The hash over its events.
        code_hash: Keccak-256 of its code.
    """

    head: bytes
    code_hash: bytes


class Nodes:
    """The nodes of one chain.

    Args:
        urls: Their JSON-RPC addresses, the preferred one first.
        seconds: Bound on the time of a call to one of them.
        keep: Keep connections for further calls.

    Raises:
        MalformedError: ``rpc_url_malformed``.
    """

    def __init__(
        self, urls: Sequence[str], *, seconds: float = CALL_SECONDS, keep: bool = False
    ) -> None:
        self._pool = RpcPool(urls, seconds=seconds, keep=keep)
        self._logs = RpcPool(urls, seconds=LOGS_SECONDS, max_bytes=limits.MAX_LOGS_BYTES)

    def any(
        self,
        method: str,
        use: Callable[[RpcNode], T],
        *,
        rank: Callable[[T], float] = lambda _: 0.0,
        enough: float = 0.0,
    ) -> T:
        """Return what ``use`` makes of one node alone, as ``RpcPool.any`` does.

        Args:
            method: The RPC method whose answer is at fault where it cannot be read.
            use: Asks a node; ``MalformedError`` and ``ProofError`` are this node's fault.
            rank: How good an answer is.
            enough: The first answer that is as good as this is taken, or else the best one.

        Raises:
            UnavailableError: No node gave a usable answer, as for all methods;
                ``rpc_proof_invalid`` for what proves nothing.
        """

        def use_or_fail(node: RpcNode) -> T:
            return _reading(method, lambda _: use(node))(None, node)

        return self._pool.any(use_or_fail, rank=rank, enough=enough)

    def chain_id(self) -> int:
        """Return the chain's id (EIP-155).

        Raises:
            UnavailableError: No node gives a usable answer; so for all methods.
        """
        return self._ask("eth_chainId", [], lambda value: quantity(value, _malformed("chain id")))

    def header(self, block: int | Literal["latest"]) -> Header:
        """Return a block's header.

        Raises:
            UnavailableError: ``rpc_block_absent`` when no node has the block.
        """

        def read(value: Any) -> Header:
            if value is None:
                raise UnavailableError("rpc_block_absent", block=block)
            found = read_header(value)
            if block not in ("latest", found.number):
                raise _malformed("number")
            return found

        tag = block if block == "latest" else hex(block)
        return self._ask("eth_getBlockByNumber", [tag, False], read)

    def block_header(self, block: int | Literal["latest"]) -> BlockHeader:
        """Return a QBFT block's whole header, whose hash is the one that the node gives.

        Raises:
            UnavailableError: As ``header``; ``rpc_answer_malformed`` also where the chain's fork
                has fields in its headers that are not known here.
        """
        tag = block if block == "latest" else hex(block)
        return self._ask("eth_getBlockByNumber", [tag, False], sealed_header(block))

    def block_headers(self, blocks: Sequence[int]) -> list[BlockHeader]:
        """Return several such headers, in the order of ``blocks``, asked for at once."""

        def read(values: list[Any]) -> list[BlockHeader]:
            return [read_one(value) for read_one, value in zip(readers, values, strict=True)]

        method, readers = "eth_getBlockByNumber", [sealed_header(block) for block in blocks]
        calls = [[hex(block), False] for block in blocks]
        return self._pool.ask_batch(method, calls, _reading(method, read))

    def blocks(self, numbers: Sequence[int], *, sealed: bool) -> list[Block]:
        """Return several blocks, in the order of ``numbers``, asked for at once.

        Args:
            numbers: Which.
            sealed: Whether they are of a QBFT network.

        Raises:
            UnavailableError: As ``block_header``.
        """

        def read_one(number: int, value: Any) -> Block:
            whole = sealed_header(number)(value).encoded if sealed else None
            if value is None:
                raise UnavailableError("rpc_block_absent", block=number)
            header = read_header(value)
            if header.number != number:
                raise _malformed("number")
            transactions = Fields(value, "block").items("transactions", limit=_MAX_TRANSACTIONS)
            return Block(header, len(transactions), whole)

        def read(values: list[Any]) -> list[Block]:
            return [read_one(number, value) for number, value in zip(numbers, values, strict=True)]

        method = "eth_getBlockByNumber"
        calls = [[hex(number), False] for number in numbers]
        return self._pool.ask_batch(method, calls, _reading(method, read))

    def is_qbft(self) -> bool:
        """Whether the newest block is one that validators of a QBFT network sealed.

        Raises:
            UnavailableError: No node gives a usable answer.
        """

        def read(value: Any) -> bool:
            read_header(value)  # what is no block at all says nothing about the chain
            try:
                return is_qbft(BlockHeader.from_rpc(value))
            except (MalformedError, ProofError):
                return False

        return self._ask("eth_getBlockByNumber", ["latest", False], read)

    def client_version(self) -> str:
        """Return what a node calls itself.

        Raises:
            UnavailableError: No node gives a usable answer.
        """

        def read(value: Any) -> str:
            if not isinstance(value, str):
                raise _malformed("client version")
            return value

        return self._ask("web3_clientVersion", [], read)

    def code_hash(self, address: bytes, block: int) -> bytes:
        """Return the keccak-256 of a contract's code."""
        code = self._ask("eth_getCode", [hex_text(address), hex(block)], _bytes_of("code"))
        return keccak(code)

    def head(self, address: bytes, block: int) -> bytes:
        """Return the hash that a contract keeps over its events."""

        def read(value: Any) -> bytes:
            head = _bytes_of("head")(value)
            if len(head) != 32:
                raise _malformed("head")
            return head

        return self._ask("eth_call", [{"to": hex_text(address), "data": _HEAD}, hex(block)], read)

    def proven_head(self, address: bytes, block: int, state_root: bytes) -> ProvenHead:
        """Return the same from a storage proof that leads to ``state_root``, with the code's hash.

        Raises:
            UnavailableError: ``rpc_refused`` by a node that makes no proofs of this block.
        """
        layout = Layout.of(DEPARTMENT_REGISTRY)
        wanted = [layout.path(name).slot for name in _HEADS]

        def read(value: Any) -> ProvenHead:
            fields = Fields(value, "proof")
            slots = fields.items("storageProof", limit=len(wanted))
            if len(slots) != len(wanted):
                raise fields.fail("storageProof")
            account = prove_account(state_root, address, proof_nodes(fields, "accountProof"))
            for number, slot in zip(wanted, slots, strict=True):
                nodes = proof_nodes(Fields(slot, "proof"), "proof")
                head = prove_slot(account.storage_root, number, nodes)
                if any(head):
                    return ProvenHead(head, account.code_hash)
            raise fields.fail("head")

        keys = [hex_text(slot.to_bytes(32)) for slot in wanted]
        return self._ask("eth_getProof", [hex_text(address), keys, hex(block)], read)

    def logs(self, addresses: Sequence[bytes], first: int, last: int) -> Iterator[Log]:
        """Yield the contracts' log entries from block ``first`` to ``last``, both included.

        The range of one request grows while the node copes and shrinks when it does not.
        """
        span = FIRST_SPAN
        while first <= last:
            end = min(first + span - 1, last)
            try:
                found = self._range(addresses, first, end)
            except UnavailableError as error:
                if end == first or error.code not in _SHRINKS:
                    raise
                span = max((end - first + 1) // 4, 1)
                continue
            yield from found
            first, span = end + 1, min(span * 2, MAX_SPAN)

    def _range(self, addresses: Sequence[bytes], first: int, last: int) -> list[Log]:
        def read(value: Any) -> list[Log]:
            if not isinstance(value, list):
                raise _malformed("logs")
            logs = [Log.from_rpc(entry) for entry in value]
            if not all(first <= log.block <= last for log in logs):
                raise _malformed("range")
            return logs

        wanted = {
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "address": [hex_text(address) for address in addresses],
        }
        return self._ask("eth_getLogs", [wanted], read, self._logs)

    def _ask(
        self,
        method: str,
        params: Sequence[object],
        read: Callable[[Any], T],
        pool: RpcPool | None = None,
    ) -> T:
        return (pool or self._pool).ask(method, params, _reading(method, read))


def _reading(method: str, read: Callable[[Any], T]) -> Callable[[Any, RpcNode], T]:
    """Let what cannot be read be this node's fault, so that another one is asked."""

    def read_or_fail(value: Any, node: RpcNode) -> T:
        try:
            return read(value)
        except MalformedError as error:
            raise node.malformed(method, _reason(error)) from error
        except ProofError as error:
            if error.code == "header_malformed":
                raise node.malformed(method, _reason(error)) from error
            raise UnavailableError(
                "rpc_proof_invalid", origin=node.origin, reason=_reason(error)
            ) from error

    return read_or_fail


def _reason(error: EcertError) -> str:
    known = (error.details.get(name) for name in ("field", "reason", "record"))
    return str(next((reason for reason in known if reason is not None), error.code))


def sealed_header(block: int | Literal["latest"]) -> Callable[[Any], BlockHeader]:
    """Return what reads a block, as ``eth_getBlockByNumber`` gives it, as a QBFT header.

    It raises ``MalformedError``, ``ProofError`` (``header_malformed``) or ``UnavailableError``
    (``rpc_block_absent``).
    """

    def read(value: Any) -> BlockHeader:
        if value is None:
            raise UnavailableError("rpc_block_absent", block=block)
        header = BlockHeader.from_rpc(value)
        if block not in ("latest", header.number):
            raise _malformed("number")
        if block_hash(header) != Fields(value, "block").hexadecimal("hash", 32):
            raise _malformed("hash")
        return header

    return read


def proof_nodes(fields: Fields, name: str) -> list[bytes]:
    """Read the nodes of one path of a proof, as ``eth_getProof`` gives them.

    Raises:
        MalformedError: ``field_malformed``.
    """
    nodes = fields.items(name, limit=_MAX_PROOF_DEPTH)
    return [byte_string(node, fields.fail(name)) for node in nodes]


def read_header(value: Any) -> Header:
    """Read a block as ``eth_getBlockByNumber`` gives it.

    Raises:
        MalformedError: ``field_malformed``.
    """
    fields = Fields(value, "block")
    time = quantity(fields.raw("timestamp"), fields.fail("timestamp"))
    if time > MAX_TIME:
        raise fields.fail("timestamp")
    return Header(
        number=quantity(fields.raw("number"), fields.fail("number")),
        hash=fields.hexadecimal("hash", 32),
        state_root=fields.hexadecimal("stateRoot", 32),
        time=time,
    )


def _bytes_of(field: str) -> Callable[[Any], bytes]:
    return lambda value: byte_string(value, _malformed(field))


def _malformed(field: str) -> MalformedError:
    return MalformedError("field_malformed", where="node", field=field)
