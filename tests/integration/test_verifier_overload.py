"""More requests at once than the verifier's service takes: it says so, and then goes on."""

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.integration.web_service import first, problem, wait_for
from verifier.web.server import MAX_REQUESTS
from verifier.web.work import WAITING_PROMPTLY

SERVICE = """
from tests.fakes.world import World
from verifier.checker import Checker, utc_now
from verifier.web.server import serve
verifier = World(now=utc_now()).verifier()
serve(Checker(verifier, None, prompt=verifier), "127.0.0.1", 0)
"""


class Service:
    """A service in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._process = process
        self.url = process.stdout.readline().strip()
        self.address = ("127.0.0.1", int(self.url.rstrip("/").rpartition(":")[2]))

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let nothing be read meanwhile, so that all of it is there at once."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)


@pytest.fixture
def service() -> Iterator[Service]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            made = Service(process)
            wait_for(lambda: httpx.get(f"{made.url}health", trust_env=False).status_code == 200, 30)
            yield made
        finally:
            process.terminate()


def test_checks_beyond_those_that_may_wait_are_refused_and_later_ones_are_not(
    service: Service,
) -> None:
    count = WAITING_PROMPTLY + 60
    assert count < MAX_REQUESTS
    with ExitStack() as stack:
        with service.stopped():
            connections = [
                stack.enter_context(socket.create_connection(service.address, 30))
                for _ in range(count)
            ]
            for number, connection in enumerate(connections):
                connection.sendall(
                    b"POST /v1/verify HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 10.0.0.%d\r\n"
                    b"content-length: 5\r\n\r\nhello" % number
                )
        answers = [answer_on(connection) for connection in connections]
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= WAITING_PROMPTLY
    for answer in answers:
        if answer.status_code == 200:
            assert first(answer)["verdict"] == "unreadable"
        else:
            assert problem(answer) == (503, "service_busy")
            assert int(answer.headers["retry-after"]) > 0
    again = httpx.post(f"{service.url}v1/verify", content=b"hello", trust_env=False)
    assert first(again)["verdict"] == "unreadable"


def answer_on(connection: socket.socket) -> httpx.Response:
    """Read one whole answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return httpx.Response(int(status.split()[1]), headers=headers, content=body)
