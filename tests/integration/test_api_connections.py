"""Connections, outages and what breaks inside: a clean answer, or none, never a held service."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from api_world import ApiWorld, problem

from ecert.errors import UnavailableError
from networks.http_server import BoundedProtocol
from registry.api import create_app
from registry.api import health as health_module
from registry.api.limits import BodyTooSlowError, Bounds
from registry.api.server import serving
from registry.application import Registry
from registry.database import Database
from registry.documents.service import DocumentService
from registry.settings import Settings


@pytest.fixture(scope="module")
def clerk(api: ApiWorld) -> Iterator[httpx.Client]:
    with api.client("clerk") as client:
        yield client


def exchange(api: ApiWorld, data: bytes, *, seconds: float = 10) -> bytes:
    """Send raw bytes and return all that comes back until the server closes."""
    parts = urlsplit(api.url)
    assert parts.hostname is not None
    assert parts.port is not None
    with socket.create_connection((parts.hostname, parts.port), timeout=seconds) as connection:
        connection.sendall(data)
        received = bytearray()
        while block := connection.recv(65536):
            received += block
        return bytes(received)


def test_a_connection_that_asks_nothing_is_closed(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_seconds", 0.3)
    for start in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "):
        begun = time.monotonic()
        assert exchange(api, start) == b""
        assert 0.2 < time.monotonic() - begun < 5


def test_a_head_that_drips_is_cut_off_although_it_never_stops(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_seconds", 0.5)
    parts = urlsplit(api.url)
    begun = time.monotonic()
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        with pytest.raises(OSError):  # noqa: PT011, PT012 - broken pipe or reset, as it likes
            while time.monotonic() < begun + 5:
                connection.sendall(b"x")
                time.sleep(0.05)
    assert time.monotonic() - begun < 3


def test_a_request_in_time_is_answered_after_a_slow_one_would_be_cut(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer of a first head must not end a connection that is kept for a second one."""
    monkeypatch.setattr(BoundedProtocol, "head_seconds", 0.4)
    with api.client() as client:
        for _ in range(4):
            assert client.get("/health/live").status_code == 200
            time.sleep(0.2)


def test_answers_on_a_kept_connection_are_not_held_back(api: ApiWorld) -> None:
    """With Nagle's algorithm each would wait 40 ms for the client's acknowledgement."""
    with api.client() as client:
        client.get("/health/live")
        taken = []
        for _ in range(25):
            begun = time.perf_counter()
            client.get("/health/live")
            taken.append(time.perf_counter() - begun)
    assert min(taken) < 0.035


def test_a_head_over_its_bound_is_refused(api: ApiWorld) -> None:
    answer = exchange(api, b"GET /health HTTP/1.1\r\nX-Long: " + b"x" * 40_000)
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_body_that_does_not_come_is_given_up(api: ApiWorld) -> None:
    """The application's bound alone, at a quick pace; behind it the real server is as tested."""
    app = create_app(api.registry)
    for layer in app.user_middleware:
        if layer.cls is Bounds:
            layer.kwargs["body_seconds"] = 0.2
    token = api.tokens["clerk"].encode()
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        await asyncio.sleep(30)
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/v1/documents", "raw_path": b"/v1/documents",
        "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1), "server": ("x", 80),
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"10"),
                    (b"authorization", b"Bearer " + token)],
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == BodyTooSlowError().status_code == 408
    assert (b"connection", b"close") in sent[0]["headers"]  # type: ignore[operator]


def test_what_breaks_inside_is_a_plain_500_and_logged_without_its_words(
    clerk: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("张三 11010519491231002X")

    monkeypatch.setattr(DocumentService, "page", broken)
    with caplog.at_level(logging.DEBUG):
        answer = clerk.get("/v1/documents")
    assert answer.status_code == 500
    assert problem(answer) == "service_broken"
    assert set(answer.json()["details"]) == {"incident"}
    assert "ZeroDivisionError" not in answer.text
    assert "broken" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert answer.json()["details"]["incident"] in caplog.text
    assert "张三" not in caplog.text


@contextmanager
def without_file(database: Database, path: Path) -> Iterator[None]:
    database.dispose()
    hidden = path.rename(path.with_suffix(".hidden"))
    path.mkdir()  # so that SQLite cannot make a new one
    yield
    path.rmdir()
    hidden.rename(path)


def test_a_database_that_does_not_answer_is_a_503_and_shows_in_health(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(health_module, "CHECK_SECONDS", 0.0)
    database, url = api.registry.database, api.registry.settings.url
    if database.is_server:
        away = request.getfixturevalue("postgres").refusing(url)
    else:
        away = without_file(database, Path(str(sa.make_url(url).database)))
    with api.client("clerk") as clerk, api.client() as anybody:
        with away:
            answer = clerk.get("/v1/me")
            health = anybody.get("/health")
        assert (answer.status_code, problem(answer)) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert (health.status_code, health.json()["status"]) == (503, "unavailable")
        assert anybody.get("/health/live").status_code == 200
        assert clerk.get("/v1/me").status_code == 200


def test_health_tells_of_a_worker_that_stopped_and_of_a_chain_that_is_gone(api: ApiWorld) -> None:
    registry = api.registry
    assert health_module.Health(registry).vitals().state == "ok"
    later = replace(registry.context, clock=lambda: registry.context.clock() + 3600)
    vitals = health_module.Health(Registry(registry.settings, registry.database, later)).vitals()
    assert (vitals.chain, vitals.worker, vitals.state) == (True, False, "degraded")
    elsewhere = registry.settings.model_copy(update={"rpc_url": "http://127.0.0.1:9"})
    apart = Registry(elsewhere, registry.database, registry.context)
    vitals = health_module.Health(apart).vitals()
    assert (vitals.chain, vitals.worker, vitals.state) == (False, True, "degraded")


def test_many_writers_at_once_all_get_their_turn(api: ApiWorld) -> None:
    """More requests than there are threads, each wanting the one write lock of SQLite."""
    statuses: list[int] = []

    def write(number: int) -> None:
        with api.client("operator") as operator:
            body = {"label": f"system {number}", "roles": ["auditor"]}
            statuses.append(operator.post("/v1/officers", json=body).status_code)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [201] * 60


def test_a_port_in_use_is_an_error_with_a_sentence(api: ApiWorld) -> None:
    settings: Settings = api.registry.settings
    assert settings.port
    with pytest.raises(UnavailableError) as caught, serving(api.registry):
        pass
    assert caught.value.code == "address_unusable"
    assert str(settings.port) in caught.value.message("zh")


def test_a_look_up_code_opened_in_a_browser_says_what_to_do(api: ApiWorld) -> None:
    with httpx.Client(base_url=api.url, trust_env=False) as anybody:
        answer = anybody.get("/p")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "核验程序" in answer.text
    assert "verifier" in answer.text
