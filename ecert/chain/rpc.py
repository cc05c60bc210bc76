"""JSON-RPC 2.0 to nodes, any of which may be slow, wrong or hostile: then another one is asked.

A URL's path or query may hold a credential, so errors name the origin only.
"""

import itertools
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ecert import limits
from ecert.chain.http import Endpoint
from ecert.encoding import json_decode, json_encode
from ecert.errors import MalformedError, UnavailableError

T = TypeVar("T")
Call = tuple[str, Sequence[object]]
"""A method and its parameters."""
CALL_SECONDS = 10.0
"""How long one call may take in all."""


class RpcNode:
    """One node.

    Args:
        url: Its JSON-RPC address, http or https.
        seconds: Bound on the time of a call.
        max_bytes: Bound on the size of an answer.
        keep: Keep connections for further calls, as ``Endpoint`` does.

    Raises:
        MalformedError: ``rpc_url_malformed``.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float = CALL_SECONDS,
        max_bytes: int = limits.MAX_RPC_BYTES,
        keep: bool = False,
    ) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise MalformedError("rpc_url_malformed") from error
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise MalformedError("rpc_url_malformed")
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._max_bytes = max_bytes
        self._ids = itertools.count(1)
        self._endpoint = Endpoint(
            host,
            port,
            secure=parts.scheme == "https",
            seconds=seconds,
            unreachable=self._unreachable,
            too_large=self._too_large,
            keep=keep,
        )

    def call(self, method: str, params: Sequence[object]) -> Any:
        """Return the ``result`` of one call.

        Raises:
            UnavailableError: ``rpc_unreachable``, ``rpc_answer_too_large``,
                ``rpc_answer_malformed``, or ``rpc_refused`` when the node answers with an error.
        """
        answer = self.answer(method, params)
        if answer.get("error") is not None:
            raise self._refused(method, answer["error"])
        return answer["result"]

    def answer(self, method: str, params: Sequence[object]) -> dict[str, Any]:
        """Return the whole answer of one call, for callers to whom the node's errors matter.

        Returns:
            An object with a member ``error`` that is not null, or with a member ``result``.

        Raises:
            UnavailableError: ``rpc_unreachable``, ``rpc_answer_too_large``,
                ``rpc_answer_malformed``.
        """
        request = self._request(method, params)
        answer = self._answer(method, request)
        return self._checked(method, request, answer)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Return the ``result`` of each of several calls, made in one exchange.

        Args:
            calls: Methods with their parameters, at least one.

        Raises:
            UnavailableError: As ``call``; one call that fails makes all fail.
        """
        methods = [method for method, _ in calls]
        requests = [self._request(method, params) for method, params in calls]
        answers = self._answer(methods[0], requests)
        if isinstance(answers, dict) and answers.get("error") is not None:
            raise self._refused(
                methods[0], answers["error"]
            )  # it takes no batches, or not this one
        if not isinstance(answers, list) or len(answers) != len(requests):
            raise self.malformed(methods[0], "envelope")
        by_id = {
            answer["id"]: answer
            for answer in answers
            if isinstance(answer, dict) and isinstance(answer.get("id"), int)
        }
        results = []
        # Answers may come in any order (JSON-RPC 2.0, section 6).
        for method, request in zip(methods, requests, strict=True):
            answer = self._checked(method, request, by_id.get(request["id"]))
            if answer.get("error") is not None:
                raise self._refused(method, answer["error"])
            results.append(answer["result"])
        return results

    def _request(self, method: str, params: Sequence[object]) -> dict[str, Any]:
        number = next(self._ids)
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}

    def _answer(self, method: str, request: object) -> Any:
        body = self._exchange(json_encode(request).encode("utf-8"))
        try:
            return json_decode(body, where=self.origin, max_bytes=self._max_bytes)
        except MalformedError as error:
            raise self.malformed(method, error.code) from error

    def _checked(self, method: str, request: dict[str, Any], answer: object) -> dict[str, Any]:
        if not isinstance(answer, dict) or answer.get("id") != request["id"]:
            raise self.malformed(method, "envelope")
        if answer.get("error") is None and "result" not in answer:
            raise self.malformed(method, "envelope")
        return answer

    def _refused(self, method: str, error: object) -> UnavailableError:
        return UnavailableError(
            "rpc_refused", origin=self.origin, method=method, reason=_reason(error)
        )

    def malformed(self, method: str, reason: str) -> UnavailableError:
        """Return the error that this node's answer to ``method`` cannot be read."""
        return UnavailableError(
            "rpc_answer_malformed", origin=self.origin, method=method, reason=reason
        )

    def _exchange(self, body: bytes) -> bytes:
        headers = {"content-type": "application/json", "accept": "application/json"}
        answer = self._endpoint.exchange("POST", self._target, body, headers, self._max_bytes)
        if answer.status != HTTPStatus.OK:
            raise self._unreachable(f"HTTP {answer.status}")
        return answer.body

    def _unreachable(self, reason: str) -> UnavailableError:
        return UnavailableError("rpc_unreachable", origin=self.origin, reason=reason)

    def _too_large(self, limit: int) -> UnavailableError:
        return UnavailableError("rpc_answer_too_large", origin=self.origin, limit=limit)


class RpcPool:
    """Several nodes of one chain, asked in turn until one gives an answer that can be used.

    Args:
        urls: Their addresses, the preferred one first.
        seconds: Bound on the time of a call to one of them.
        max_bytes: Bound on the size of an answer.
        keep: Keep connections for further calls, as ``Endpoint`` does.

    Raises:
        MalformedError: ``rpc_url_malformed``; ``rpc_url_missing`` when there is no address.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        seconds: float = CALL_SECONDS,
        max_bytes: int = limits.MAX_RPC_BYTES,
        keep: bool = False,
    ) -> None:
        if not urls:
            raise MalformedError("rpc_url_missing")
        self._nodes = [
            RpcNode(url, seconds=seconds, max_bytes=max_bytes, keep=keep) for url in urls
        ]
        self._first = 0

    def ask(self, method: str, params: Sequence[object], read: Callable[[Any, RpcNode], T]) -> T:
        """Return what ``read`` makes of the first usable answer.

        Args:
            method: The RPC method.
            params: Its parameters.
            read: Decodes a result; raises ``UnavailableError`` when this node's will not do.

        Raises:
            UnavailableError: No node gave a usable answer; the error of the one asked first.
        """
        return self.any(lambda node: read(node.call(method, params), node))

    def ask_batch(
        self,
        method: str,
        calls: Sequence[Sequence[object]],
        read: Callable[[list[Any], RpcNode], T],
    ) -> T:
        """Return what ``read`` makes of the first usable answer to a batch, all from one node.

        Args:
            method: The RPC method of all calls.
            calls: The parameters of each.
            read: As for ``ask``, of the results in the order of ``calls``.

        Raises:
            UnavailableError: As ``ask``.
        """
        batch = [(method, params) for params in calls]
        return self.any(lambda node: read(node.batch(batch), node))

    def any(
        self,
        use: Callable[[RpcNode], T],
        *,
        rank: Callable[[T], float] = lambda _: 0.0,
        enough: float = 0.0,
    ) -> T:
        """Return what ``use`` makes of one node alone, be it in several exchanges.

        Args:
            use: Asks a node; raises ``UnavailableError`` when this one will not do.
            rank: How good an answer is.
            enough: The first answer that is as good as this is taken, or else the best one.

        Raises:
            UnavailableError: No node gave a usable answer; the error of the one asked first.
        """
        first = self._first  # other threads may move it
        failure: UnavailableError | None = None
        spare: list[T] = []
        for offset in range(len(self._nodes)):
            index = (first + offset) % len(self._nodes)
            try:
                value = use(self._nodes[index])
            except UnavailableError as error:
                failure = failure or error
                continue
            if rank(value) < enough:
                spare.append(value)
                continue
            self._first = index  # a node that is down is not waited for again and again
            return value
        if spare:
            return max(spare, key=rank)
        assert failure is not None  # there is at least one node
        raise failure


def _reason(error: object) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return "".join(char if char.isprintable() else " " for char in str(message)[:200])
