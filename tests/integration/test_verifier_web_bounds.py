"""The verifier's web service under bad input, load and faults: nothing breaks, nothing is told."""

import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecert import limits
from ecert.artefact import Expectation
from ecert.rates import RateLimit
from ecert.report import Report
from tests.fakes.world import RESIDENT, World
from tests.integration.web_service import (
    chunks,
    first,
    paper,
    problem,
    serving,
    serving_world,
    wait_for,
)
from verifier.checker import Checker, utc_now
from verifier.inputs import MAX_FILE_BYTES
from verifier.web.server import HEADERS
from verifier.web.submission import PARTS
from verifier.web.upload import MAX_BODY_BYTES, Budget
from verifier.web.work import Workers


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[httpx.Client]:
    with serving_world(world) as opened:
        yield opened


# -- form


def test_what_is_refused_for_its_form(client: httpx.Client) -> None:
    post = client.post
    mixed = "multipart/form-data"
    file = {"file": b"EC1:A"}
    cases = [
        (post("/v1/verify"), (400, "nothing_to_check")),
        (post("/v1/verify", content=b" \n"), (400, "nothing_to_check")),
        (post("/v1/verify", files={"file": b""}), (400, "nothing_to_check")),
        (post("/v1/verify", files={**file, "text": (None, "x")}), (400, "several_to_check")),
        (post("/v1/verify", files={"name": b"x"}), (400, "form_part_unknown")),
        (post("/v1/verify", files=[("file", b"x"), ("file", b"y")]), (400, "form_part_doubled")),
        (post("/v1/verify", files={**file, "nonce": (None, "n" * 201)}), (413, "too_large")),
        (post("/v1/verify", files={**file, "nonce": (None, b"\xff")}), (400, "text_not_utf8")),
        (
            post("/v1/verify", files={**file, "challenge": (None, "=")}),
            (400, "base64url_malformed"),
        ),
        (post("/v1/verify", files={**file, "challenge": (None, "A" * 48)}), (413, "too_large")),
        (
            post("/v1/verify", content=b"x", headers={"content-type": mixed}),
            (400, "form_malformed"),
        ),
        (
            post("/v1/verify", content=b"x", headers={"content-type": f"{mixed}; boundary=b"}),
            (400, "form_malformed"),
        ),
        (
            post("/v1/verify", content=b"x", headers={"content-encoding": "gzip"}),
            (415, "body_encoded"),
        ),
        (client.get("/v1/verify"), (405, "method_unsupported")),
        (client.get("/v1/nothing"), (404, "page_unknown")),
        (post("/v1/challenges", headers={"host": "a b<>"}), (400, "host_malformed")),
    ]
    for answer, expected in cases:
        assert problem(answer) == expected


def test_a_form_cut_short_is_refused(client: httpx.Client) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nEC1:'
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert problem(client.post("/v1/verify", content=body, headers=kind)) == (400, "form_malformed")
    whole = body + b"\r\n--b--\r\n"
    assert first(client.post("/v1/verify", content=whole, headers=kind))["verdict"] == "unreadable"


NAMES = st.one_of(st.sampled_from(sorted(PARTS)), st.text(max_size=10))
FORM = st.lists(st.tuples(NAMES, st.binary(max_size=300), st.booleans()), max_size=6)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.one_of(
        st.binary(max_size=2000),
        st.binary(max_size=400).map(lambda tail: b"%PDF-1.7\n" + tail),
        st.binary(max_size=400).map(lambda tail: b"\x89PNG\r\n\x1a\n" + tail),
        st.text(max_size=400).map(lambda tail: ("EC1:" + tail).encode()),
    ),
    kind=st.sampled_from(
        ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", "\xff;;=\xfe"]
    ),
    page=st.booleans(),
)
def test_no_bytes_break_it(client: httpx.Client, body: bytes, kind: str, page: bool) -> None:
    answer = client.post(
        "/" if page else "/v1/verify",
        content=body,
        headers={"content-type": kind.encode("latin-1")},
    )
    assert answer.status_code in (200, 400)
    if not page and answer.status_code == 200:
        assert first(answer)["verdict"] == "unreadable"


@settings(max_examples=80, deadline=None)
@given(parts=FORM, page=st.booleans())
def test_no_form_breaks_it(
    client: httpx.Client, parts: list[tuple[str, bytes, bool]], page: bool
) -> None:
    files = [(name, ("f" if named else None, data)) for name, data, named in parts]
    answer = client.post("/" if page else "/v1/verify", files=files or None)
    assert answer.status_code in (200, 400, 413, 409)
    assert "content-security-policy" in answer.headers


# -- size


def test_a_file_at_the_limit_is_taken_and_one_over_it_is_not(client: httpx.Client) -> None:
    fits = client.post("/v1/verify", content=b"x" * MAX_FILE_BYTES)
    assert first(fits)["steps"][0]["code"] == "too_large"  # of text: nothing of 16 MiB is one
    over = client.post("/v1/verify", content=b"x" * (MAX_BODY_BYTES + 1))
    assert problem(over) == (413, "upload_too_large")
    page = client.post("/?lang=en", content=b"x" * (MAX_BODY_BYTES + 1))
    assert page.status_code == 413
    assert "16 MiB" in page.text
    assert problem(client.post("/v1/verify", content=chunks(32 * limits.MIB))) == (
        413,
        "upload_too_large",
    )


# -- load


def test_who_asks_too_often_waits(world: World) -> None:
    with serving_world(world, rate=RateLimit(3, 0.1)) as client:
        for _ in range(3):
            assert client.post("/v1/verify", content=b"x").status_code == 200
        refused = client.post("/v1/verify", content=b"x")
        assert problem(refused) == (429, "asked_too_often")
        assert int(refused.headers["retry-after"]) in range(1, 11)
        assert client.post("/v1/challenges").status_code == 429
        page = client.post("/?lang=en", files={"file": b"x"})
        assert page.status_code == 429
        assert "Try again in" in page.text
        for path in ("/", "/health", "/static/style.css", "/openapi.json"):
            assert client.get(path).status_code == 200


class Held:
    """A checker that holds every check until it is let go."""

    def __init__(self, world: World) -> None:
        self._checker = Checker(world.verifier(), None)
        self.running = threading.Semaphore(0)
        self.go = threading.Event()

    def check_promptly(self, *_: object, **__: object) -> Sequence[Report] | None:
        return None

    def check(
        self, data: bytes, *, now: datetime, expect: Expectation | None = None
    ) -> Sequence[Report]:
        self.running.release()
        assert self.go.wait(20)
        return self._checker.check(data, now=now, expect=expect)


def test_a_full_service_says_so_and_recovers(world: World) -> None:
    held = Held(world)
    workers = Workers(parallel=1, waiting=1)
    budget = Budget()
    answers: list[int] = []
    with serving(held, now=lambda: world.now, workers=workers, budget=budget) as client:

        def post() -> None:
            with httpx.Client(base_url=client.base_url, timeout=30) as other:
                answers.append(other.post("/v1/verify", content=b"hello").status_code)

        threads = [threading.Thread(target=post) for _ in range(2)]
        for thread in threads:
            thread.start()
        held.running.acquire()
        wait_for(lambda: workers.jobs == 2)
        refused = client.post("/v1/verify", content=b"hello")
        assert problem(refused) == (503, "service_busy")
        assert int(refused.headers["retry-after"]) > 0
        assert client.get("/").status_code == 200
        held.go.set()
        for thread in threads:
            thread.join()
        assert answers == [200, 200]
        assert client.post("/v1/verify", content=b"hello").status_code == 200
        assert (workers.jobs, budget.held) == (0, 0)


def test_a_check_that_takes_too_long_is_not_waited_for(world: World) -> None:
    held, budget = Held(world), Budget()
    workers = Workers(parallel=1, waiting=0, seconds=0.2)
    with serving(held, now=lambda: world.now, workers=workers, budget=budget) as client:
        assert problem(client.post("/v1/verify", content=b"hello")) == (503, "check_too_slow")
        # Its thread still runs and still holds the upload.
        assert (workers.jobs, budget.held) == (1, 5)
        assert problem(client.post("/v1/verify", content=b"hello")) == (503, "service_busy")
        held.go.set()
        wait_for(lambda: workers.jobs == 0)
        assert budget.held == 0
        assert client.post("/v1/verify", content=b"hello").status_code == 200


def test_all_uploads_together_are_bounded(world: World) -> None:
    budget = Budget(1000)
    with serving_world(world, budget=budget) as client:
        assert client.post("/v1/verify", content=b"x" * 1000).status_code == 200
        assert problem(client.post("/v1/verify", content=b"x" * 1001)) == (503, "service_busy")
        assert budget.held == 0


# -- nothing told


def test_every_answer_has_its_headers_and_no_cookie(client: httpx.Client) -> None:
    answers = [
        client.get("/"),
        client.get("/challenge"),
        client.get("/nowhere"),
        client.get("/static/style.css"),
        client.get("/static/../server.py"),
        client.get("/openapi.json"),
        client.get("/health"),
        client.post("/", files={"file": b"x"}),
        client.post("/v1/verify", content=b"x"),
        client.post("/v1/verify"),
        client.delete("/"),
    ]
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (answer.url, name)
        assert "set-cookie" not in answer.headers
        assert "server" not in answer.headers
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_nothing_of_what_is_checked_is_logged(
    client: httpx.Client, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    data = paper(world)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").setLevel(logging.CRITICAL)  # the client's, in this process
        logging.getLogger("httpcore").setLevel(logging.CRITICAL)
        client.post("/v1/verify?marker=SECRET", content=data)
        client.post("/?lang=SECRET", files={"text": (None, "SECRET"), "nonce": (None, "SECRET")})
        client.get("/SECRET")
    for part in ("SECRET", RESIDENT["name"], RESIDENT["id_number"], data[40:60].decode()):
        assert part not in caplog.text


class Broken:
    """A checker with a defect that quotes the document."""

    def check_promptly(self, *_: object, **__: object) -> Sequence[Report] | None:
        return None

    def check(self, data: bytes, **_: object) -> Sequence[Report]:
        raise KeyError(data.decode())


def test_a_defect_is_answered_and_logged_without_the_document(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(Broken(), now=utc_now) as client, caplog.at_level(logging.DEBUG, "ecert"):
        answer = client.post("/v1/verify", content=b"SECRET")
        page = client.post("/?lang=en", files={"file": b"SECRET"})
    assert problem(answer) == (500, "service_broken")
    assert page.status_code == 500
    assert "Something broke" in page.text
    assert page.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert answer.json()["details"]["incident"] in caplog.text
    assert "KeyError" in caplog.text
    assert "SECRET" not in caplog.text + answer.text + page.text
