"""The verifier's web service as a real server on loopback, over a world in memory."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from ecert import limits
from ecert.rates import RateLimit
from networks.http_server import BoundedProtocol
from tests.fakes.world import World
from verifier.checker import Checker
from verifier.web.desk import Checks
from verifier.web.server import create_app

HTML = {"accept-language": "en"}


@contextmanager
def serving(checker: Checks, **settings: Any) -> Iterator[httpx.Client]:
    """Serve; limits are generous unless a test says otherwise."""
    app = create_app(checker, **({"rate": RateLimit(10_000, 1)} | settings))
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=address, timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def serving_world(world: World, **settings: Any) -> Iterator[httpx.Client]:
    """Serve a checker of this world, at the world's time."""
    checker = Checker(world.verifier(lookup=True), None)
    with serving(checker, now=lambda: world.now, **settings) as client:
        yield client


def paper(world: World, **issue: Any) -> bytes:
    """A document file without holder's proof."""
    issued = world.issue(**issue)
    (receipt,) = world.anchor(issued.digest)
    return world.file(issued.text, receipt)


def first(answer: httpx.Response) -> dict[str, Any]:
    """The first report of an answer."""
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()["reports"][0]
    return report


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal to a program."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["zh"] != body["en"]
    assert "<" not in body["en"]
    return answer.status_code, body["code"]


def chunks(total: int) -> Iterator[bytes]:
    """A body that is sent in pieces, without its length."""
    block = b"\0" * limits.MIB
    for _ in range(total // limits.MIB):
        yield block


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
