"""Bad input over HTTP: refused with its own code and both sentences, within bounds, never a 500."""

import asyncio
import json
import logging
import resource
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from api_world import ApiWorld, upload

from ecert import limits
from ecert.errors import UnavailableError
from networks.http_server import BoundedProtocol
from registry.api import create_app
from registry.api import health as health_module
from registry.api.limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, BodyTooSlowError, Bounds
from registry.api.server import serving
from registry.application import Registry
from registry.documents.service import DocumentService
from registry.settings import Settings

JSON = {"content-type": "application/json"}
KIND = "resident-id"


@pytest.fixture(scope="module")
def clerk(api: ApiWorld) -> Iterator[httpx.Client]:
    with api.client("clerk") as client:
        yield client


def problem(answer: httpx.Response) -> str:
    """The code of a well-formed problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert set(body) == {"type", "title", "status", "code", "zh", "en", "details"}
    assert body["status"] == answer.status_code
    assert body["type"] == "urn:ecert:error:" + body["code"]
    for language in ("zh", "en"):
        assert len(body[language]) > 10
        assert "<" not in body[language], body
    return body["code"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "api_request_invalid"),
        (b"{", 400, "json_malformed"),
        (b"\xff\xfe", 400, "text_not_utf8"),
        (b'{"kind":"a","kind":"b"}', 400, "json_duplicate_key"),
        (b'{"kind":NaN}', 400, "json_malformed"),
        (b'{"kind":1e999}', 400, "json_malformed"),
        (b'{"kind":"\\ud800"}', 400, "json_malformed"),
        (b"[" * 100_000, 400, "json_too_deep"),
        (b"[" * 20 + b"]" * 20, 400, "json_too_deep"),
        (b'{"kind":' + b"9" * 5000 + b"}", 400, "json_malformed"),
        (b"null", 422, "api_request_invalid"),
        (b'{"kind":"resident-id","claims":[]}', 422, "api_request_invalid"),
        (b'{"kind":"resident-id","claims":{},"more":1}', 422, "api_request_invalid"),
        (b'{"kind":"\\u0000","claims":{}}', 422, "api_request_invalid"),
        (b'{"kind":"unknown-kind","claims":{}}', 422, "kind_unknown"),
        (b'{"kind":"business-licence","claims":{}}', 409, "kind_not_granted_now"),
        (b'{"kind":"resident-id","claims":{}}', 422, "claim_missing"),
        (b'{"kind":"resident-id","claims":{"name":"\\u0000"}}', 422, None),
        (b'{"kind":"resident-id","claims":{"name":1.5,"x":9007199254740993}}', 422, None),
    ],
)
def test_a_body_that_makes_no_sense(
    clerk: httpx.Client, content: bytes, status: int, code: str | None
) -> None:
    answer = clerk.post("/v1/documents", content=content, headers=JSON)
    assert answer.status_code == status, answer.text
    assert problem(answer) == (code or answer.json()["code"])


def test_a_refusal_repeats_no_value(clerk: httpx.Client) -> None:
    body = {"kind": KIND, "claims": "a person's name", "extra": "a person's number"}
    answer = clerk.post("/v1/documents", json=body)
    assert problem(answer) == "api_request_invalid"
    assert "person" not in answer.text
    assert {error["where"] for error in answer.json()["details"]["errors"]} == {
        "body.claims",
        "body.extra",
    }


@pytest.mark.parametrize("media", ["text/plain", "application/xml", "multipart/form-data", ""])
def test_a_body_of_another_type_is_not_guessed_at(clerk: httpx.Client, media: str) -> None:
    content = json.dumps({"kind": KIND, "claims": {}}).encode()
    answer = clerk.post("/v1/documents", content=content, headers={"content-type": media})
    assert answer.status_code == 422
    problem(answer)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/documents/short", 422),
        ("/v1/documents/" + "A" * 32, 422),
        ("/v1/documents/" + "0" * 31 + "%00", 422),
        ("/v1/documents/%ff%fe" + "0" * 30, 422),
        ("/v1/documents/" + "0" * 5000, 422),
        ("/v1/documents/../../etc/passwd", 404),
        ("/v1/documents?state=nonsense", 422),
        ("/v1/documents?limit=0", 422),
        ("/v1/documents?limit=501", 422),
        ("/v1/documents?limit=1e3", 422),
        ("/v1/documents?after=%27%20OR%201=1", 422),
        ("/v1/documents?department=NOWHERE", 404),
        ("/v1/documents/", 404),
        ("/v1/leaves?after=-1", 422),
        ("/v1/leaves?after=9223372036854775808", 422),
        ("/v1/leaves?after=9223372036854775807", 200),
        ("/v1/leaves?limit=65", 422),
        ("/v1/receipts?bits=65", 422),
        ("/v1/receipts?bits=-1", 422),
        ("/v1/receipts?bits=8&prefix=", 422),
        ("/v1/receipts?bits=0&prefix=00", 422),
        ("/v1/receipts?bits=8&prefix=GG", 422),
        ("/v1/receipts?bits=8&prefix=0", 422),
        ("/v1/status/11430000006122244L/2147483648", 422),
        ("/v1/status/11430000006122244L/99", 404),
        ("/v1/status/%E4%B8%AD/0", 422),
        ("/v1/batches/11430000006122244L/0x00", 422),
        ("/v1/batches/11430000006122244L/0x" + "00" * 32, 404),
        ("/v1/papers/" + "A" * 15, 422),
        ("/v1/papers/" + "A" * 16, 404),
        ("/v1/changes/0", 422),
        ("/v1/changes/99999999999999999999", 422),
        ("/v1/kinds/", 404),
        ("/", 404),
        ("//v1/kinds", 404),
    ],
)
def test_a_path_or_query_that_makes_no_sense(clerk: httpx.Client, path: str, status: int) -> None:
    answer = clerk.get(path)
    assert answer.status_code == status, answer.text
    if status >= 400:
        problem(answer)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "TRACE", "BREW"])
def test_another_method_is_refused(clerk: httpx.Client, method: str) -> None:
    answer = clerk.request(method, "/v1/documents")
    assert answer.status_code == 405
    if method != "HEAD":
        assert problem(answer) == "api_method_not_allowed"


@pytest.mark.parametrize(
    ("name", "content", "data", "code"),
    [
        ("rows.csv", b"", {"kind": KIND}, "import_empty"),
        ("rows.pdf", b"%PDF", {"kind": KIND}, "import_type_unknown"),
        ("rows.csv", b"PK\x03\x04", {"kind": KIND}, "import_type_mismatch"),
        ("rows.csv", b"\xff\xfe\xff", {"kind": KIND}, "import_encoding"),
        ("rows.csv", b"a,b\r\n", {"kind": "none"}, "kind_unknown"),
        ("rows.csv", b"a,b\r\n", {}, "api_request_invalid"),
        ("rows.csv", b"a,b\r\n", {"kind": KIND, "department": "a b"}, "api_request_invalid"),
        ("", b"a,b\r\n", {"kind": KIND}, "api_request_invalid"),
    ],
)
def test_a_file_that_cannot_be_read(
    clerk: httpx.Client, name: str, content: bytes, data: dict[str, str], code: str
) -> None:
    answer = clerk.post("/v1/imports", files={"file": (name, content)}, data=data)
    assert answer.status_code in (400, 422)
    assert problem(answer) == code


# Starlette leaves the file of a part that never ends to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "body",
    [
        b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xff\x00.csv"\r\n\r\nv',
        b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\n' + b"k" * 200_000,
        b"\r\n".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nv'
                     for _ in range(2000)) + b"\r\n--x--\r\n",
    ],
)  # fmt: skip
def test_a_form_that_is_none(clerk: httpx.Client, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = clerk.post("/v1/imports", content=body, headers=headers)
    assert answer.status_code in (400, 413, 422), answer.text
    problem(answer)


def test_a_form_in_an_odd_charset_is_read_or_refused(clerk: httpx.Client) -> None:
    for charset in ("raw_unicode_escape", "utf-7", "zlib_codec", "undefined", "nonsense"):
        body = (
            b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\n\\ud800+2AA-\r\n'
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="\\ud800.csv"\r\n\r\n'
            b"a,b\r\n1,2\r\n--x--\r\n"
        )
        headers = {"content-type": f"multipart/form-data; boundary=x; charset={charset}"}
        answer = clerk.post("/v1/imports", content=body, headers=headers)
        assert answer.status_code in (400, 422), answer.text
        problem(answer)


def test_a_file_name_keeps_what_can_be_shown(clerk: httpx.Client) -> None:
    files = {"file": ("../../一\u202e月\x07" + "x" * 300 + ".csv", b"a,b\r\n1,2\r\n")}
    answer = clerk.post("/v1/imports", files=files, data={"kind": KIND})
    assert answer.status_code == 201
    name = answer.json()["filename"]
    assert len(name) <= 200
    assert name.isprintable()
    assert name.endswith(".csv")


def test_json_over_its_bound_is_refused_whether_announced_or_not(clerk: httpx.Client) -> None:
    content = b'{"code":"' + b"A" * 4 * MAX_BODY_BYTES + b'"}'

    def chunks() -> Iterator[bytes]:
        yield from (content[i : i + 8192] for i in range(0, len(content), 8192))

    for sent in (content, chunks()):
        answer = clerk.post("/v1/documents", content=sent, headers=JSON)
        assert answer.status_code == 413
        assert problem(answer) == "api_body_too_large"
        assert answer.headers["connection"] == "close"
    within = b'{"code":"' + b"A" * (MAX_BODY_BYTES - 12) + b'"}'
    assert clerk.post("/v1/documents", content=within, headers=JSON).status_code == 422


def peak_memory() -> int:
    """The most memory that this process, the server among its threads, ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * limits.KIB


def test_a_hundred_megabytes_are_refused_without_being_kept(
    clerk: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not announced, so that only counting while it arrives can notice."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    size, block, sent = 100 * limits.MIB, b"x" * 65536, 0
    head = (
        b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nresident-id\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\n\r\n'
    )

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        yield head
        while sent < size:
            sent += len(block)
            yield block

    assert upload(clerk, 1, seed=5).status_code == 201  # what a first request allocates
    before = peak_memory()
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = clerk.post("/v1/imports", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert problem(answer) == "api_body_too_large"
    assert answer.json()["details"] == {"limit": MAX_UPLOAD_BYTES}
    assert peak_memory() - before < 8 * limits.MIB
    assert not list(tmp_path.iterdir()), "the part that arrived was left on disk"
    assert clerk.get("/v1/me").status_code == 200


def test_a_stranger_cannot_upload_at_all(api: ApiWorld) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    content = (b"x" * 65536 for _ in range(320))
    with api.client() as client:
        answer = client.post("/v1/imports", content=content, headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (401, "close")


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


def test_a_database_that_does_not_answer_is_a_503_and_shows_in_health(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "CHECK_SECONDS", 0.0)
    settings = api.registry.settings
    path = settings.directory / "registry.sqlite3"
    with api.client("clerk") as clerk, api.client() as anybody:
        engine = api.registry.database.engine
        engine.dispose()
        hidden = path.rename(path.with_suffix(".hidden"))
        path.mkdir()  # so that SQLite cannot make a new one
        try:
            answer = clerk.get("/v1/me")
            health = anybody.get("/health")
        finally:
            path.rmdir()
            hidden.rename(path)
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
