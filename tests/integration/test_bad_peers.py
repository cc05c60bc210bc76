"""Clients that are slow, vanish, or come by the thousand: others are served, and all is given back.

Clients of different addresses are played by different addresses of the loopback network. Only
127.0.0.1 is trusted as a proxy's.
"""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_bytes

import httpx
import pytest
from api_world import ApiWorld, api_world
from registry_world import PASSPHRASE
from sqlmodel import select

from ecert import limits
from networks.connections import (
    MAX_CONNECTIONS,
    MAX_OF_ONE,
    RESERVED_DESCRIPTORS,
    Connections,
    raise_descriptors,
    trusted_hosts,
)
from networks.embedded import EmbeddedChain
from networks.http_server import BoundedProtocol
from registry.api import server as web_server
from registry.api.limits import Bounds
from registry.api.server import serving
from registry.application import Registry
from registry.batches.models import Batch, BatchState
from tests.databases import sqlite_in
from tests.integration.web_service import wait_for

THOUSANDS = 10_000
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="has one loopback address, no /proc")
Address = tuple[str, int]

ASK = b"GET /v1/kinds HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/claims HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BEGINNINGS = (
    b"",
    b"GET /health HTTP/1.1\r\nHost: x\r\nX-Half: ",
    POST + b"Content-Length: 1000\r\n\r\n{",
    POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
)
"""A connection that asks nothing, half a head, half a body, and chunks without end."""


@pytest.fixture(scope="module")
def api(chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    directory = tmp_path_factory.mktemp("registry")
    with api_world(directory, chain, sqlite_in(directory)) as world:
        world.issue(1, seed=1)
        fill_leaves(world.registry)
        yield world


def fill_leaves(registry: Registry) -> None:
    """Publish large batches, so that one answer is larger than what sockets buffer."""
    with registry.database.transaction() as session:
        last = session.exec(select(Batch)).one()
        for number in range(1, 64):
            session.add(
                Batch(
                    department=last.department, root=token_bytes(32), size=1024,
                    leaves=token_bytes(1024 * 32), state=BatchState.FINAL, block=last.block,
                    anchor_time=last.anchor_time, oldest_iat=last.oldest_iat,
                    sequence=(last.sequence or 0) + number,
                )
            )  # fmt: skip


@contextmanager
def service(
    api: ApiWorld,
    monkeypatch: pytest.MonkeyPatch,
    connections: Connections | None = None,
    *,
    patient: bool = False,
) -> Iterator[tuple[Address, Connections]]:
    """Serve the same registry once more, with connections and bounds of its own."""
    held = Connections(trusted=trusted_hosts()) if connections is None else connections
    monkeypatch.setattr(web_server, "connections_here", lambda: held)
    for name in ("head_seconds", "linger_seconds", "part_seconds"):
        monkeypatch.setattr(BoundedProtocol, name, 60.0 if patient else 1.0)
    monkeypatch.setitem(Bounds.__init__.__kwdefaults__, "body_seconds", 60.0 if patient else 0.5)
    settings = api.registry.settings.model_copy(update={"port": 0})
    registry = Registry(settings, api.registry.database, api.registry.context)
    with serving(registry) as url:
        yield ("127.0.0.1", httpx.URL(url).port or 0), held


OPEN: list[socket.socket] = []


@pytest.fixture(autouse=True)
def close_all() -> Iterator[None]:
    """Close what a test has left open."""
    yield
    while OPEN:
        OPEN.pop().close()


def connect(address: Address, source: str = "127.0.0.1", **options: int) -> socket.socket:
    connection = socket.socket()
    OPEN.append(connection)
    for name, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    connection.settimeout(10)
    connection.bind((source, 0))
    connection.connect(address)
    return connection


def answer(connection: socket.socket) -> tuple[int, str]:
    """Status and, of a problem, the code; 0 where the connection was closed without a word."""
    received = b""
    with contextlib.suppress(OSError):
        while b"\r\n\r\n" not in received and (block := connection.recv(65536)):
            received += block
        if b"problem+json" in received:
            while not received.endswith(b"}") and (block := connection.recv(65536)):
                received += block
    if not received:
        return 0, ""
    told = received.partition(b"problem+json")[2].partition(b'"code":"')[2]
    return int(received.split(b" ", 2)[1]), told.partition(b'"')[0].decode()


def ask(address: Address, source: str = "127.0.0.2") -> tuple[int, str]:
    try:
        with connect(address, source) as connection:
            connection.sendall(ASK)
            return answer(connection)
    except OSError:  # it does not listen yet
        return 0, ""


def ended(connection: socket.socket) -> bool:
    """Whether the server has closed a connection, read to its end."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 20):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def keep_on(dripping: list[socket.socket], drip: bytes) -> list[socket.socket]:
    """Send a little more on each connection; return those that still take it."""
    left = []
    for connection in dripping:
        with contextlib.suppress(OSError):
            connection.send(drip)
            if not ended(connection):
                left.append(connection)
    return left


class TestSlowClients:
    @pytest.mark.parametrize("beginning", BEGINNINGS)
    def test_what_drips_or_stops_is_cut_off_and_others_are_served(
        self, api: ApiWorld, monkeypatch: pytest.MonkeyPatch, beginning: bytes
    ) -> None:
        drip = b"1\r\n \r\n" if b"chunked" in beginning else b" "
        with service(api, monkeypatch) as (address, held):
            stopped = [connect(address) for _ in range(40)]
            dripping = [connect(address) for _ in range(40)]
            for connection in (*stopped, *dripping):
                connection.sendall(beginning)
            assert ask(address) == (200, "")
            if beginning.startswith(b"POST"):
                assert answer(stopped[0]) == (408, "api_body_too_slow")

            def over() -> bool:
                nonlocal dripping
                dripping = keep_on(dripping, drip if beginning else b"")
                return not dripping and not keep_on(stopped, b"")

            wait_for(over, 30)
            wait_for(lambda: len(held) == 0)
            assert ask(address) == (200, "")

    def test_an_answer_that_nobody_reads_is_broken_off(
        self, api: ApiWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with service(api, monkeypatch) as (address, held):
            readers = [
                connect(address, f"127.0.1.{n}", SO_RCVBUF=4096, SO_REUSEADDR=1)
                for n in range(1, 17)
            ]
            for reader in readers:
                reader.sendall(b"GET /v1/leaves?limit=64 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert ask(address) == (200, "")
            wait_for(lambda: len(held) == 0, 30)
            for reader in readers:
                whole = b""
                with contextlib.suppress(OSError):
                    while block := reader.recv(1 << 20):
                        whole += block
                assert not whole.endswith(b"}")
                reader.close()

    def test_an_answer_that_is_read_slowly_arrives(
        self, api: ApiWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Longer than any part of it may take, but each part in time."""
        with service(api, monkeypatch) as (address, _), connect(address, SO_RCVBUF=4096) as reader:
            reader.sendall(
                b"GET /v1/leaves?limit=64 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            whole = b""
            while block := reader.recv(4096):
                whole += block
                time.sleep(0.001)
        head, _, body = whole.partition(b"\r\n\r\n")
        assert b"content-length: %d" % len(body) in head.lower()
        assert len(body) > 4 * limits.MIB

    @LINUX
    def test_clients_that_vanish_without_a_word_are_let_go(self) -> None:
        flags = ["--net"] if os.geteuid() == 0 else ["--net", "--user", "--map-root-user"]
        try:
            subprocess.run(["unshare", *flags, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespace of its own: {error}")
        script = Path(__file__).with_name("vanishing_peer.py")
        done = subprocess.run(
            ["unshare", *flags, sys.executable, str(script)],
            check=False, capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@LINUX
class TestOneAddress:
    def test_it_takes_so_many_connections_and_leaves_the_rest(
        self, api: ApiWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = Connections(of_one=20, trusted=trusted_hosts())
        with service(api, monkeypatch, held, patient=True) as (address, _):
            taken = [connect(address, "127.0.0.9") for _ in range(20)]
            wait_for(lambda: len(held) == 20)
            with connect(address, "127.0.0.9") as more:
                assert answer(more) == (503, "client_crowded")
            assert ask(address, "127.0.0.10") == (200, "")
            for connection in taken:
                connection.close()
            wait_for(lambda: len(held) == 0)
            assert ask(address, "127.0.0.9") == (200, "")

    def test_a_trusted_proxys_address_is_not_counted(
        self, api: ApiWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = Connections(of_one=20, trusted=trusted_hosts())
        with service(api, monkeypatch, held, patient=True) as (address, _):
            proxied = [connect(address) for _ in range(60)]
            wait_for(lambda: len(held) == 60)
            for connection in proxied:
                connection.sendall(ASK)
            assert Counter(map(answer, proxied)) == {(200, ""): 60}
            for connection in proxied:
                connection.close()

    def test_a_client_behind_a_proxy_has_so_many_requests(
        self, api: ApiWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry.api.app.MAX_REQUESTS_OF_ONE", 10)
        half = BEGINNINGS[2].replace(b"Host: x", b"Host: x\r\nX-Forwarded-For: 192.0.2.7")
        with service(api, monkeypatch, patient=True) as (address, _):
            taken = [connect(address) for _ in range(10)]
            for connection in taken:
                connection.sendall(half)
            wait_for(lambda: refused(address, b"192.0.2.7") == (503, "client_crowded"))
            assert refused(address, b"192.0.2.8") == (200, "")
            for connection in taken:
                connection.close()
            wait_for(lambda: refused(address, b"192.0.2.7") == (200, ""))


def refused(address: Address, client: bytes) -> tuple[int, str]:
    with connect(address) as connection:
        connection.sendall(ASK.replace(b"Host: x", b"Host: x\r\nX-Forwarded-For: " + client))
        return answer(connection)


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
