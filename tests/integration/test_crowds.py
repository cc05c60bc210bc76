"""Clients that come by the thousand: others are served, and all is given back.

Each service is a process of its own, whose soft limit on open files is far too low.
"""

import contextlib
import os
import resource
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from api_world import ApiWorld
from peers_world import (  # noqa: F401  # two are fixtures
    ASK,
    BEGINNINGS,
    LINUX,
    Address,
    answer,
    api,
    ask,
    close_all,
    connect,
)
from registry_world import PASSPHRASE

from ecert import limits
from networks.connections import (
    MAX_CONNECTIONS,
    MAX_OF_ONE,
    RESERVED_DESCRIPTORS,
    raise_descriptors,
)
from tests.integration.web_service import wait_for

THOUSANDS = 10_000

REGISTRY = """
import sys
from registry.api.server import serving
from registry.application import Registry
from registry.settings import load_settings
with serving(Registry.open(load_settings())) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
VERIFIER = """
from tests.fakes.world import World
from verifier.checker import Checker, utc_now
from verifier.web.server import serve
serve(Checker(World(now=utc_now()).verifier(), None), "127.0.0.1", 0)
"""


@contextmanager
def process(code: str, **environment: str) -> Iterator[tuple[Address, int]]:
    """Run a service whose own soft limit on open files is far too low."""
    with subprocess.Popen(
        ["/bin/sh", "-c", 'ulimit -Sn 256; exec "$0" -c "$1"', sys.executable, code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    ) as running:  # fmt: skip
        try:
            assert running.stdout
            url = httpx.URL(running.stdout.readline().strip())
            address = (url.host, url.port or 0)
            wait_for(lambda: ask(address)[0] > 0, 30)
            yield address, running.pid
        finally:
            running.terminate()


@pytest.fixture(params=["registry", "verifier"])
def another(request: pytest.FixtureRequest) -> Iterator[tuple[Address, int, bytes]]:
    """A service in a process of its own, and what to ask it."""
    if request.param == "verifier":
        with process(VERIFIER) as (address, pid):
            yield address, pid, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        return
    api: ApiWorld = request.getfixturevalue("api")
    settings = api.registry.settings
    environment = {
        "REGISTRY_DIRECTORY": str(settings.directory),
        "REGISTRY_ORIGIN": settings.origin,
        "REGISTRY_ENVIRONMENT": "development",
        "REGISTRY_PASSPHRASE": PASSPHRASE,
        "REGISTRY_DATABASE_URL": settings.url,
        "REGISTRY_RPC_URL": str(settings.rpc_url),
        "REGISTRY_PORT": "0",
    }
    with process(REGISTRY, **environment) as (address, pid):
        yield address, pid, ASK


def descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def memory(pid: int) -> int:
    """The largest resident size so far, in bytes."""
    text = Path(f"/proc/{pid}/status").read_text("ascii")
    line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * limits.KIB


@LINUX
def test_ten_thousand_connections_at_once(another: tuple[Address, int, bytes]) -> None:
    if raise_descriptors(THOUSANDS + RESERVED_DESCRIPTORS) < THOUSANDS + RESERVED_DESCRIPTORS:
        pytest.skip("this process may not open ten thousand files")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < MAX_CONNECTIONS + RESERVED_DESCRIPTORS:
        pytest.skip("nor may the service")
    address, pid, question = another

    def status(source: str, asked: bytes) -> int:
        with connect(address, source) as connection:
            connection.sendall(asked)
            return answer(connection)[0]

    health = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    assert status("127.0.0.2", question) == 200
    before, at_rest = memory(pid), descriptors(pid)
    peers: list[socket.socket] = []
    for number in range(THOUSANDS):
        peer = connect(address, f"127.0.2.{1 + number % (THOUSANDS // 200)}")
        with contextlib.suppress(OSError):
            peer.sendall(BEGINNINGS[number % len(BEGINNINGS)])
        peers.append(peer)
    assert descriptors(pid) <= at_rest + MAX_CONNECTIONS + RESERVED_DESCRIPTORS
    for _ in range(5):
        assert status("127.0.0.1", health) == 200
        assert status("127.0.0.2", question) in (200, 503)
    assert memory(pid) - before < MAX_CONNECTIONS * 64 * limits.KIB
    for peer in peers:
        peer.close()
    wait_for(lambda: descriptors(pid) <= at_rest + 8, 30)
    assert status("127.0.0.2", question) == 200


@LINUX
def test_one_address_does_not_take_a_whole_service(another: tuple[Address, int, bytes]) -> None:
    address, _, question = another
    greedy = [connect(address, "127.0.0.9") for _ in range(MAX_OF_ONE + 20)]
    for peer in greedy:
        with contextlib.suppress(OSError):
            peer.sendall(question)
    found = Counter(answer(peer)[1] == "client_crowded" for peer in greedy)
    assert found[True] >= 20
    with connect(address, "127.0.0.10") as other:
        other.sendall(question)
        assert answer(other)[0] == 200
    for peer in greedy:
        peer.close()
