"""JSON-RPC over several nodes of one chain: bounded, and with fail-over.

A node is untrusted input: its answers are bounded in size and time, and a node of another chain is
never used. No answer is never a statement about the chain's content.
"""

import functools
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from ecert import limits
from ecert.errors import EcertError, MalformedError, UnavailableError

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 15.0
COOLING_SECONDS = 10.0
"""How long a node that failed is asked only after the others."""

Ask = Callable[..., Any]
"""Makes one call on one node: method and parameters in, result out."""

T = TypeVar("T")


@dataclass
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
    url: str
    name: str = field(init=False)
    cooling_until: float = 0.0
    known: bool = False

    def __post_init__(self) -> None:
        try:
            parsed = urlsplit(self.url)
            port = f":{parsed.port}" if parsed.port else ""
        except ValueError as error:
            raise MalformedError("sender_url_malformed") from error
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise MalformedError("sender_url_malformed")
        # A path, query or user part may be a secret: none is ever shown.
        self.name = f"{parsed.scheme}://{parsed.hostname}{port}"


class RpcPool:
    """The nodes of one chain.

    Args:
        urls: Their JSON-RPC addresses, the preferred first.
        chain_id: The chain's id; a node that says another is refused.
        answer_seconds: How long one answer may take in all.

    Raises:
        MalformedError: ``sender_url_malformed``, also when there is no URL.
    """

    def __init__(
        self, urls: Sequence[str], chain_id: int, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        if not urls:
            raise MalformedError("sender_url_malformed")
        self.chain_id = chain_id
        self._nodes = [_Node(url) for url in urls]
        self._answer_seconds = answer_seconds
        self._ids = itertools.count(1)
        timeout = httpx.Timeout(answer_seconds, connect=min(CONNECT_SECONDS, answer_seconds))
        # No proxy from the environment, no redirect: the node named is the node asked.
        self._http = httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def call(self, method: str, *params: object) -> Any:
        """Return the first answer, asking one node after another.

        Raises:
            RpcError: A node answered with an error that is about the request.
            UnavailableError: ``sender_node_unavailable``, ``sender_chain_id_wrong``.
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
            return self._post(node, method, params)
        except UnavailableError:
            node.cooling_until = time.monotonic() + COOLING_SECONDS
            node.known = False  # what answers there next may be another chain
            raise

    def _check_chain(self, node: _Node) -> None:
        try:
            found = quantity(self._post(node, "eth_chainId", ()))
        except RpcError as error:
            raise UnavailableError(
                "sender_node_unavailable", url=node.name, reason="eth_chainId"
            ) from error
        if found != self.chain_id:
            raise UnavailableError(
                "sender_chain_id_wrong", url=node.name, found=found, expected=self.chain_id
            )
        node.known = True

    def _post(self, node: _Node, method: str, params: Sequence[object]) -> Any:
        number = next(self._ids)
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

        def unavailable(reason: str) -> UnavailableError:
            return UnavailableError("sender_node_unavailable", url=node.name, reason=reason)

        try:
            answer = json.loads(self._read(node, request, unavailable))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unavailable(type(error).__name__) from error
        except (ValueError, RecursionError) as error:
            raise unavailable("no JSON") from error
        if not isinstance(answer, dict) or answer.get("id") != number:
            raise unavailable("not an answer to the request")
        if answer.get("error") is not None:
            found = _rpc_error(answer["error"])
            if _is_passing(found):
                raise unavailable(found.message)
            raise found
        if "result" not in answer:
            raise unavailable("no result")
        return answer["result"]

    def _read(
        self, node: _Node, request: object, unavailable: Callable[[str], UnavailableError]
    ) -> bytes:
        """Return the body, bounded in size and in total time."""
        deadline = time.monotonic() + self._answer_seconds
        body = bytearray()
        with self._http.stream("POST", node.url, json=request) as response:
            for part in response.iter_bytes():
                body += part
                if len(body) > limits.MAX_RPC_BYTES:
                    raise unavailable(f"answer over {limits.MAX_RPC_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise unavailable("answer too slow")
        return bytes(body)


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
