"""The verifier's web service over HTTP: pages for people, the interface for programs."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from ecert import card, sd_jwt
from ecert.errors import messages
from ecert.fields import time_text
from ecert.rates import RateLimit
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from tests.fakes.world import POLICE, RESIDENT, World
from verifier.checker import Checker
from verifier.inputs import MAX_FILE_BYTES
from verifier.web.result import SIGNS
from verifier.web.schemas import REPORT_EXAMPLE, ReportsBody
from verifier.web.server import HEADERS, create_app
from verifier.web.upload import Budget
from verifier.web.work import Workers


@pytest.fixture
def world() -> World:
    return World()


@contextmanager
def serving(world: World, **settings: Any) -> Iterator[httpx.Client]:
    """A real server on loopback; its limits are generous unless a test says otherwise."""
    settings = {"rate": RateLimit(10_000, 1)} | settings
    app = create_app(Checker(world.verifier(lookup=True), None), now=lambda: world.now, **settings)
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, server_header=False, ws="none")
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with serving(world) as opened:
        yield opened


def paper(world: World, **issue: Any) -> bytes:
    issued = world.issue(**issue)
    (receipt,) = world.anchor(issued.digest)
    return world.file(issued.text, receipt)


def verdict_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    ReportsBody.model_validate(answer.json(), strict=False)
    return answer.json()["reports"][0]["verdict"]


# -- what programs get


def test_a_document_is_checked_whatever_way_it_is_sent(world: World, client: httpx.Client) -> None:
    data = paper(world)
    for kind in ("application/octet-stream", "application/json", "text/plain", ""):
        answer = client.post("/v1/verify", content=data, headers={"content-type": kind})
        assert verdict_of(answer) == "valid"
    assert verdict_of(client.post("/v1/verify", files={"file": data})) == "valid"
    assert verdict_of(client.post("/v1/verify", files={"photo": data})) == "valid"
    assert verdict_of(client.post("/v1/verify", files={"text": (None, data)})) == "valid"
    report = client.post("/v1/verify", content=data).json()["reports"][0]
    assert report["document"]["claims"] == RESIDENT
    assert report["as_of"] == time_text(int(world.now.timestamp()))


def test_every_verdict_is_an_answer_not_an_error(world: World, client: httpx.Client) -> None:
    data = paper(world)
    assert verdict_of(client.post("/v1/verify", content=b"hello")) == "unreadable"
    world.statuses[POLICE, 1, 7] = 1
    assert verdict_of(client.post("/v1/verify", content=data)) == "revoked"
    world.down = True
    assert verdict_of(client.post("/v1/verify", content=data)) == "undecided"
