"""The nodes that transactions are sent to: with fail-over, and each sure to be of the chain.

Unlike a reader, who takes the first usable answer, a sender must know why a node refused, and what
every node says: one node's word, where another contradicts it, makes nothing final.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ecert.chain.rpc import CALL_SECONDS, RpcNode
from ecert.errors import EcertError, MalformedError, UnavailableError

SEVERAL_SECONDS = 3.0
"""How long one call may take where there are other nodes to ask."""

COOLING_SECONDS = 10.0
"""How long a node that failed is asked only if there is no other; doubled each time it fails on."""

LONGEST_COOLING_SECONDS = 60.0

LAG_SECONDS = 10.0
"""How long a node may stand still behind another before it has no say any more."""

_MAJORITY_OF = 3
"""Nodes of which one can be outvoted."""

DISAGREED = "disagreed"
"""Kind of failure of a node that most others contradict."""

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


@dataclass(eq=False)
class _Node:
    """A node and what is known of it; used by one thread at a time."""

    rpc: RpcNode
    known: bool = False
    cooling_until: float = 0.0
    failing: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    height: int = 0
    behind_since: float | None = None
    lagging: bool = False

    @property
    def awake(self) -> bool:
        return self.cooling_until <= time.monotonic()

    def failed(self, error: UnavailableError) -> None:
        self.failures[error.code] += 1
        pause = min(COOLING_SECONDS * 2 ** min(self.failing, 16), LONGEST_COOLING_SECONDS)
        self.failing += 1
        self.cooling_until = time.monotonic() + pause
        self.known = False  # what answers there next may be another chain

    def answered(self) -> None:
        self.failing, self.cooling_until = 0, 0.0

    def stands_at(self, height: int, reached: int, *, syncing: bool) -> None:
        """Note a height; others have reached ``reached``."""
        now = time.monotonic()
        if height >= reached:
            self.behind_since = None
        elif self.behind_since is None or height > self.height:
            self.behind_since = now
        self.height = height
        late = self.behind_since is not None and now - self.behind_since > LAG_SECONDS
        self.lagging = syncing or late


class RpcPool:
    """The nodes of one chain.

    A node that fails is left alone for a while, and one that stands still behind the others has no
    say. The others decide by majority: two that contradict each other decide nothing.

    Args:
        urls: Their JSON-RPC addresses, the preferred first.
        chain_id: The chain's id; a node that says another is refused.
        seconds: Bound on the time of a call to one of them; the usual one when not given.

    Raises:
        MalformedError: ``rpc_url_malformed``, also when there is no address.
    """

    def __init__(self, urls: Sequence[str], chain_id: int, *, seconds: float | None = None) -> None:
        if not urls:
            raise MalformedError("rpc_url_malformed")
        self.chain_id = chain_id
        if seconds is None:
            seconds = CALL_SECONDS if len(urls) == 1 else SEVERAL_SECONDS
        self._nodes = [_Node(RpcNode(url, seconds=seconds)) for url in urls]
        self._threads = ThreadPoolExecutor(len(urls), "rpc") if self.several else None

    @property
    def several(self) -> bool:
        """Whether there is more than one node."""
        return len(self._nodes) > 1

    @property
    def failures(self) -> list[dict[str, int]]:
        """How often each node failed since the start, by kind."""
        return [dict(node.failures) for node in self._nodes]

    def call(self, method: str, *params: object) -> Any:
        """Return the first answer, asking one node after another.

        Raises:
            RpcError: A node answered with an error that is about the request.
            UnavailableError: That of the node asked first: ``rpc_unreachable``, ``rpc_refused``,
                ``sender_chain_id_wrong`` and their like.
        """
        failures: list[UnavailableError] = []
        for node in sorted(self._nodes, key=lambda node: not node.awake):
            found = self._put(node, lambda ask: ask(method, *params))
            if isinstance(found, RpcError):
                raise found
            if not isinstance(found, UnavailableError):
                return found
            failures.append(found)
        raise failures[0]

    def each(self, question: Callable[[Ask], T], *, heard: bool = False) -> list[T | RpcError]:
        """Put a question of one or more calls to every node that can be reached, all at once.

        Args:
            question: Called with a function that makes calls on one node.
            heard: Ask only nodes that have a say: none that lags.

        Returns:
            The answers, or the nodes' errors about the request.

        Raises:
            UnavailableError: None could be reached.
        """
        return [answer for _, answer in self._gather(question, heard=heard)]

    def agreed(
        self,
        question: Callable[[Ask], T],
        about: str,
        *,
        key: Callable[[T], Hashable] | None = None,
    ) -> T:
        """Return what more than half of the nodes that can be reached say.

        Args:
            question: As for ``each``.
            about: What it is about, for the error.
            key: What of an answer must be the same; all of it when not given.

        Raises:
            RpcError: They say that the request is wrong.
            UnavailableError: None could be reached, or ``chain_nodes_disagree``.
        """
        found = self._gather(question, heard=True)
        keys = [_key(answer, key) for _, answer in found]
        winner, count = Counter(keys).most_common(1)[0]
        if 2 * count <= len(found):
            raise disagreement(about)
        for (node, _), other in zip(found, keys, strict=True):
            if other != winner:
                node.failures[DISAGREED] += 1
        answer = found[keys.index(winner)][1]
        if isinstance(answer, RpcError):
            raise answer
        return answer

    def height(self) -> int:
        """Return the height that more than half of the nodes have reached; note which lag.

        Raises:
            UnavailableError: None could be reached.
        """
        for node in self._nodes:
            node.known = False  # its chain's id is asked again

        def question(ask: Ask) -> tuple[int, bool]:
            try:
                syncing = self.several and ask("eth_syncing") is not False
            except RpcError:
                syncing = False  # it does not say
            return quantity(ask("eth_blockNumber")), syncing

        answers = [
            (node, *answer)
            for node, answer in self._gather(question)
            if not isinstance(answer, RpcError)
        ]
        if not answers:
            raise UnavailableError("sender_refused", method="eth_blockNumber", reason="error")
        heights = sorted(height for _, height, _ in answers)
        # One of three that invents blocks must not put the others aside; of two, none is right.
        reached = heights[-1] if len(heights) < _MAJORITY_OF else _most_reached(heights)
        for node, height, syncing in answers:
            node.stands_at(height, reached, syncing=syncing)
        return _most_reached(sorted(h for node, h, _ in answers if not node.lagging) or heights)

    def _gather(
        self, question: Callable[[Ask], T], *, heard: bool = False
    ) -> list[tuple[_Node, T | RpcError]]:
        awake = [node for node in self._nodes if node.awake] or self._nodes
        asked = [node for node in awake if not (heard and node.lagging)] or awake
        put = functools.partial(self._put, question=question)
        found: Iterable[T | RpcError | UnavailableError]
        if self._threads is None or len(asked) == 1:
            found = map(put, asked)
        else:
            found = self._threads.map(put, asked)
        answers: list[tuple[_Node, T | RpcError]] = []
        failures: list[UnavailableError] = []
        for node, answer in zip(asked, found, strict=True):
            if isinstance(answer, UnavailableError):
                failures.append(answer)
            else:
                answers.append((node, answer))
        if not answers:
            raise failures[0]
        return answers

    def _put(self, node: _Node, question: Callable[[Ask], T]) -> T | RpcError | UnavailableError:
        """Put a question to one node and account for how it fares."""
        try:
            answer: T | RpcError = question(functools.partial(self._ask, node))
        except RpcError as error:
            answer = error
        except UnavailableError as error:
            node.failed(error)
            return error
        node.answered()
        return answer

    def _ask(self, node: _Node, method: str, *params: object) -> Any:
        if not node.known:
            self._check_chain(node)
        return _result(node.rpc, method, params)

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


def _most_reached(heights: Sequence[int]) -> int:
    """Return what more than half have reached of some heights in order."""
    return heights[(len(heights) - 1) // 2]


def disagreement(about: str) -> UnavailableError:
    """Return the error that nodes contradict each other."""
    return UnavailableError("chain_nodes_disagree", about=about)


def _key(answer: T | RpcError, key: Callable[[T], Hashable] | None) -> Hashable:
    if isinstance(answer, RpcError):
        return RpcError, answer.data or answer.code
    return key(answer) if key else answer


_MOST = 1 << 63


def quantity(value: object) -> int:
    """Read a quantity (hexadecimal with 0x) that a database can hold.

    Raises:
        UnavailableError: ``sender_answer_malformed``; nothing can be learned from such a node.
    """
    try:
        if isinstance(value, str) and value.startswith("0x") and len(value) <= 66:
            number = int(value, 16)
            if number < _MOST:
                return number
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
