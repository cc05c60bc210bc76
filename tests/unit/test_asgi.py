"""What every HTTP service does alike."""

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from ecert.asgi import PROBLEM_TYPE, App, Message, Receive, Scope, Send, Shield, problem
from ecert.errors import EcertError, MalformedError

SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": []}


def broken(scope: Scope, error: EcertError) -> tuple[str, bytes]:
    return "text/plain", f"{scope['path']} {error.code}".encode()


def run(app: App, scope: dict[str, Any] = SCOPE) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Shield(app, {"X-Frame-Options": "DENY"}, broken)(scope, receive, send))  # type: ignore[arg-type]
    return sent


def start(*headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def test_headers_are_set_unless_the_answer_has_its_own() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start((b"content-type", b"text/plain")))

    async def own(_: Scope, __: Receive, send: Send) -> None:
        await send(start((b"X-Frame-Options", b"SAMEORIGIN")))

    assert (b"x-frame-options", b"DENY") in run(app)[0]["headers"]
    assert run(own)[0]["headers"] == [(b"X-Frame-Options", b"SAMEORIGIN")]


def test_what_broke_is_answered_and_logged_without_what_it_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise ValueError("SECRET")

    with caplog.at_level(logging.ERROR):
        head, body = run(app)
    assert head["status"] == 500
    assert (b"x-frame-options", b"DENY") in head["headers"]
    assert body["body"] == b"/ service_broken"
    assert "ValueError" in caplog.text
    assert __file__ in caplog.text
    assert "SECRET" not in caplog.text


def test_an_answer_that_had_begun_is_broken_off() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start())
        raise ValueError("SECRET")

    with pytest.raises(ConnectionAbortedError) as raised:
        run(app)
    assert "SECRET" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_other_protocols_pass_through() -> None:
    async def app(scope: Scope, _: Receive, send: Send) -> None:
        await send({"type": f"{scope['type']}.startup.complete"})

    assert run(app, {"type": "lifespan"}) == [{"type": "lifespan.startup.complete"}]


def test_a_problem_has_both_languages_and_plain_details() -> None:
    error = MalformedError("too_large", where="x" * 1000, size=3, limit=None)
    body = json.loads(problem(413, error))
    assert body["type"] == PROBLEM_TYPE + "too_large"
    assert (body["status"], body["code"]) == (413, "too_large")
    assert (body["zh"], body["en"]) == (error.message("zh"), error.message("en"))
    assert body["details"] == {"where": "x" * 300, "size": 3, "limit": None}
    lone = MalformedError("too_large", where="\ud800", size=b"", limit=[1])
    assert json.loads(problem(413, lone))["details"] == {"where": "?", "size": "b''", "limit": [1]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None), (True, True), (7, 7), ("text", "text"), ("x" * 400, "x" * 300),
        (b"\xff", "b'\\xff'"), ("\ud800", "?"), ([1, ["a"]], [1, ["a"]]), (range(2), "range(0, 2)"),
        ({"a": 1.5}, {"a": "1.5"}), ({"n" * 99: 1}, {"n" * 64: 1}),
        (list(range(99)), list(range(20))),
    ],
)  # fmt: skip
def test_details_are_plain_and_short(value: object, shown: object) -> None:
    assert json.loads(problem(422, EcertError("too_deep", what=value)))["details"] == {
        "what": shown
    }


def test_a_code_without_sentences_is_still_a_problem() -> None:
    body = json.loads(problem(409, EcertError("no_such_code")))
    assert (body["status"], body["code"]) == (409, "no_such_code")
    assert "no_such_code" in body["en"]


def test_the_log_names_the_route_and_not_the_address_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Scope, __: Receive, ___: Send) -> None:
        scope["route"] = SimpleNamespace(path="/papers/{id}")
        raise ValueError

    with caplog.at_level(logging.ERROR):
        run(app, {**SCOPE, "path": "/papers/SECRET"})
    assert "GET /papers/{id} failed" in caplog.text
    assert "SECRET" not in caplog.text
