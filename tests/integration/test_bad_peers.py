"""Clients that are slow, vanish, or take too much: others are served, and all is given back.

Only 127.0.0.1 is trusted as a proxy's.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
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
    POST,
    Address,
    answer,
    api,
    ask,
    close_all,
    connect,
)

from ecert import limits
from networks.connections import Connections, trusted_hosts
from networks.http_server import BoundedProtocol
from registry.api import server as web_server
from registry.api.limits import Bounds
from registry.api.server import serving
from registry.application import Registry
from tests.integration.web_service import wait_for


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
