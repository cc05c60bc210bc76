"""Connections to a node that are used again: never past a bound, never for another's answer."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from ecert.chain.rpc import RpcNode
from ecert.errors import UnavailableError

Reply = Callable[[int, int], Iterator[bytes]]
"""Makes of a request's number and JSON-RPC id what is sent; nothing more ends the connection."""


@dataclass
class Server:
    """Answers one request after another on each connection.

    Attributes:
        connections: How many there were.
        requests: How many requests came.
    """

    reply: Reply
    ends: bool = False
    connections: int = 0
    requests: int = 0
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while (request := read_request(connection)) is not None:
                self.requests += 1
                sent = False
                for piece in self.reply(self.requests, request["id"]):
                    connection.sendall(piece)
                    sent = True
                if self.ends or not sent:
                    return


def read_request(connection: socket.socket) -> dict[str, int] | None:
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0 or not received.endswith(b"}"):
        part = connection.recv(65536)
        if not part:
            return None
        received += part
    found: dict[str, int] = json.loads(received[end:])
    return found


def answer(number: int, result: str) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def honest(count: int, number: int) -> Iterator[bytes]:
    yield answer(number, f"answer {count}")


@contextmanager
def running(reply: Reply, *, ends: bool = False) -> Iterator[Server]:
    server = Server(reply, ends)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=[listener])
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def call(node: RpcNode) -> str:
    result: str = node.call("eth_call", [])
    return result


@pytest.mark.parametrize(("keep", "connections"), [(True, 1), (False, 3)])
def test_calls_share_a_connection_only_where_that_is_asked_for(
    keep: bool, connections: int
) -> None:
    with running(honest) as server:
        node = RpcNode(server.url, keep=keep)
        assert [call(node) for _ in range(3)] == ["answer 1", "answer 2", "answer 3"]
        assert server.connections == connections


def test_threads_never_share_one_at_the_same_time() -> None:
    with running(honest) as server:
        node, found = RpcNode(server.url, keep=True), set()

        def ask() -> None:
            found.update(call(node) for _ in range(20))

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.connections <= 10
        assert server.requests == 200


def test_a_connection_that_was_ended_in_between_is_not_used_again() -> None:
    with running(honest, ends=True) as server:
        node = RpcNode(server.url, keep=True)
        assert [call(node) for _ in range(3)] == ["answer 1", "answer 2", "answer 3"]


def test_what_is_ended_instead_of_answered_is_asked_once_more_on_a_new_one() -> None:
    def reply(count: int, number: int) -> Iterator[bytes]:
        if count != 2:
            yield answer(number, f"answer {count}")

    with running(reply) as server:
        node = RpcNode(server.url, keep=True)
        assert [call(node), call(node)] == ["answer 1", "answer 3"]
        assert server.connections == 2

    with running(lambda *_: iter(())) as server:
        with pytest.raises(UnavailableError, match="rpc_unreachable"):
            call(RpcNode(server.url, keep=True))
        assert server.requests == 1  # a new connection is no stale one


def test_what_a_node_says_unasked_is_no_answer() -> None:
    def reply(count: int, number: int) -> Iterator[bytes]:
        yield answer(number, f"answer {count}") + answer(number + 1, "forged")

    with running(reply) as server:
        node = RpcNode(server.url, keep=True)
        assert [call(node) for _ in range(3)] == ["answer 1", "answer 2", "answer 3"]


def test_the_deadline_holds_on_a_kept_connection_and_nothing_is_asked_again() -> None:
    with running(honest) as server:
        node = RpcNode(server.url, keep=True, seconds=0.5)

        def drip(count: int, number: int) -> Iterator[bytes]:
            for byte in answer(number, f"answer {count}"):
                yield bytes([byte])
                server.stopping.wait(0.1)

        def silence(*_: int) -> Iterator[bytes]:
            server.stopping.wait(30)
            return iter(())

        for late in (drip, silence):
            server.reply = honest
            before = call(node)
            server.reply, asked = late, server.requests
            with pytest.raises(UnavailableError) as caught:
                call(node)
            assert caught.value.details["reason"] == "deadline", before
            assert server.requests == asked + 1
