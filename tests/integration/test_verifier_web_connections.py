"""Connections and uploads that would hold the verifier's web service, or fill its memory."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ecert import limits
from networks.http_server import BoundedProtocol
from tests.fakes.world import World
from tests.integration.web_service import chunks, problem, serving_world, wait_for
from verifier.web.upload import MAX_BODY_BYTES


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with serving_world(World()) as opened:
        yield opened


def test_an_announced_length_is_believed_only_when_it_refuses(client: httpx.Client) -> None:
    port = client.base_url.port
    for length in (b"104857600", b"9" * 30):
        with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as connection:
            connection.sendall(
                b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n" % length
            )
            status = connection.recv(4096).split(b" ")[1]  # before a byte of the body was sent
        assert status in (b"413", b"400")


SERVICE = """
import sys
from tests.fakes.world import World
from verifier.checker import Checker, utc_now
from verifier.web.server import serve
serve(Checker(World(now=utc_now()).verifier(), None), "127.0.0.1", 0)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_uploads_of_100_mb_are_refused_without_memory() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as service:
        try:
            assert service.stdout
            address = service.stdout.readline().strip()
            with httpx.Client(base_url=address, timeout=60) as client:
                wait_for(lambda: client.get("/health").status_code == 200)
                small = client.post("/v1/verify", content=b"hello")
                assert small.status_code == 200
                before = peak(service.pid)
                for _ in range(3):
                    answer = client.post("/v1/verify", content=chunks(100 * limits.MIB))
                    assert problem(answer) == (413, "upload_too_large")
            grown = peak(service.pid) - before
        finally:
            service.terminate()
    assert grown < 3 * MAX_BODY_BYTES, grown


def peak(pid: int) -> int:
    """The largest resident size so far, in bytes."""
    text = Path(f"/proc/{pid}/status").read_text("ascii")
    line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * limits.KIB


def test_a_request_that_never_ends_its_head_is_closed(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_seconds", 0.3)
    address = ("127.0.0.1", client.base_url.port or 0)
    whole = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    for start in (b"", b"GET / HTTP/1.1\r\nX-Slow: "):
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(start)
            assert connection.recv(100) == b""
    # A refused body that did end leaves a connection on which the next head is waited for.
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: x\r\n")
        connection.sendall(b"Content-Length: 9\r\n\r\n")
        assert connection.recv(65536).split(b" ")[1] == b"415"
        connection.sendall(b"123456789")
        while connection.recv(65536):
            pass
    with socket.create_connection(address, timeout=10) as connection:
        for _ in range(2):  # kept alive in between, longer than a head may take
            connection.sendall(whole)
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                received = connection.recv(4096)
                assert received
                answer += received
            time.sleep(0.5)
        connection.sendall(whole[:10])
        assert connection.recv(100) == b""


def test_a_refused_body_is_not_read_for_ever(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "linger_seconds", 0.5)
    address = ("127.0.0.1", client.base_url.port or 0)
    head = b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n"
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head)
        assert connection.recv(4096).split(b" ")[1] == b"413"
        started, ended = time.monotonic(), False
        while not ended:
            assert time.monotonic() < started + 5
            try:
                connection.sendall(b"x")  # a trickle does not prolong it
                connection.settimeout(0.1)
                ended = connection.recv(4096) == b""
            except TimeoutError:
                pass
            except OSError:
                ended = True
