"""The nodes that transactions are sent to: with fail-over, and each sure to be of the chain.

Unlike a reader, who takes the first usable answer, a sender must know why a node refused, and
sometimes what every node says.
"""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ecert.chain.rpc import CALL_SECONDS, RpcNode
from ecert.errors import EcertError, MalformedError, UnavailableError

COOLING_SECONDS = 10.0
"""How long a node that failed is asked only after the others."""

Ask = Callable[..., Any]
"""Makes one call on one node: method and parameters in, result out."""

T = TypeVar("T")


@dataclass(eq=False)
class RpcError(Exception):
    """A node's own error answer (JSON-RPC 2.0 section 5.1), before its meaning is known.

    Attributes:
        code: The error's number.
        message: The node's words, cut.
        data: Revert data where the node gave any, else None.
    """

    code: int
    message: str
    data: bytes | None


@dataclass
class _Node:
    rpc: RpcNode
    cooling_until: float = 0.0
    known: bool = False


class RpcPool:
    """The nodes of one chain.

    Args:
        urls: Their JSON-RPC addresses, the preferred first.
        chain_id: The chain's id; a node that says another is refused.
        seconds: Bound on the time of a call to one of them.

    Raises:
        MalformedError: ``rpc_url_malformed``, also when there is no address.
    """

    def __init__(
        self, urls: Sequence[str], chain_id: int, *, seconds: float = CALL_SECONDS
    ) -> None:
        if not urls:
            raise MalformedError("rpc_url_malformed")
        self.chain_id = chain_id
        self._nodes = [_Node(RpcNode(url, seconds=seconds)) for url in urls]

    def call(self, method: str, *params: object) -> Any:
        """Return the first answer, asking one node after another.

        Raises:
            RpcError: A node answered with an error that is about the request.
            UnavailableError: That of the node asked first: ``rpc_unreachable``, ``rpc_refused``,
                ``sender_chain_id_wrong`` and their like.
        """
        failures: list[UnavailableError] = []
        for node in self._by_health():
            try:
                return self._ask(node, method, *params)
            except UnavailableError as error:
                failures.append(error)
        raise failures[0]

    def each(self, question: Callable[["Ask"], T]) -> list[T | RpcError]:
        """Put a question of one or more calls to every node that can be reached.

        Args:
            question: Called with a function that makes calls on one node.

        Returns:
            The answers, or the nodes' errors about the request.

        Raises:
            UnavailableError: None could be reached.
        """
        answers: list[T | RpcError] = []
        failures: list[UnavailableError] = []
        healthy = [node for node in self._nodes if node.cooling_until <= time.monotonic()]
        for node in healthy or self._nodes:
            try:
                answers.append(question(functools.partial(self._ask, node)))
            except RpcError as error:
                answers.append(error)
            except UnavailableError as error:
                failures.append(error)
        if not answers:
            raise failures[0]
        return answers

    def _by_health(self) -> list[_Node]:
        now = time.monotonic()
        return sorted(self._nodes, key=lambda node: node.cooling_until > now)

    def _ask(self, node: _Node, method: str, *params: object) -> Any:
        try:
            if not node.known:
                self._check_chain(node)
            return _result(node.rpc, method, params)
        except UnavailableError:
            node.cooling_until = time.monotonic() + COOLING_SECONDS
            node.known = False  # what answers there next may be another chain
            raise

    def _check_chain(self, node: _Node) -> None:
        try:
            found = quantity(_result(node.rpc, "eth_chainId", ()))
        except RpcError as error:
            raise node.rpc.malformed("eth_chainId", error.message) from error
        if found != self.chain_id:
            raise UnavailableError(
                "sender_chain_id_wrong", url=node.rpc.origin, found=found, expected=self.chain_id
            )
        node.known = True


def _result(node: RpcNode, method: str, params: Sequence[object]) -> Any:
    answer = node.answer(method, params)
    if answer.get("error") is None:
        return answer["result"]
    error = _rpc_error(answer["error"])
    if _is_passing(error):
        raise UnavailableError(
            "rpc_refused", origin=node.origin, method=method, reason=error.message
        )
    raise error


def quantity(value: object) -> int:
    """Read a quantity (hexadecimal with 0x).

    Raises:
        UnavailableError: ``sender_answer_malformed``; nothing can be learned from such a node.
    """
    try:
        if isinstance(value, str) and value.startswith("0x") and len(value) <= 66:
            return int(value, 16)
    except ValueError:
        pass
    raise UnavailableError("sender_answer_malformed", value=str(value)[:40])


def byte_string(value: object, length: int | None = None) -> bytes:
    """Read bytes (hexadecimal with 0x) of the given length.

    Raises:
        UnavailableError: ``sender_answer_malformed``; nothing can be learned from such a node.
    """
    try:
        if isinstance(value, str) and value.startswith("0x"):
            data = bytes.fromhex(value[2:])
            if length in (None, len(data)):
                return data
    except ValueError:
        pass
    raise UnavailableError("sender_answer_malformed", value=str(value)[:40])


_PASSING_CODES = {-32603, -32005, -32002, -32001}
"""Internal error, limit exceeded, resource unavailable or not found: another node may do better."""

_PASSING_WORDS = (
    "header not found",
    "missing trie node",
    "timeout",
    "txpool is full",
    "rate limit",
)


def _is_passing(error: RpcError) -> bool:
    if error.data:
        return False  # revert data: the node did its work
    message = error.message.lower()
    return error.code in _PASSING_CODES or any(word in message for word in _PASSING_WORDS)


def _rpc_error(found: object) -> RpcError:
    if not isinstance(found, dict):
        return RpcError(0, str(found)[:200], None)
    code = found.get("code")
    data = found.get("data")
    if isinstance(data, dict):  # some nodes wrap it
        data = data.get("data")
    try:
        revert = byte_string(data)
    except EcertError:
        revert = None
    return RpcError(
        code if isinstance(code, int) else 0, str(found.get("message", ""))[:200], revert
    )
