"""Clients by the socket, and a registry with much to answer.

Clients of different addresses are played by different addresses of the loopback network.
"""

import contextlib
import socket
import sys
from collections.abc import Iterator
from secrets import token_bytes

import pytest
from api_world import ApiWorld, api_world
from sqlmodel import select

from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.batches.models import Batch, BatchState
from tests.databases import sqlite_in

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
