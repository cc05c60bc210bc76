"""Wallets and verifiers asking registries that are slow, wrong or hostile: never a traceback."""

import gzip
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ecert import lookup
from ecert.client.http import Origin
from ecert.client.registry import MAX_PREFIX_BITS, Registries, get_json, post_json
from ecert.errors import EcertError, MalformedError, UnavailableError
from ecert.lookup import LookupUrl
from ecert.receipt import Receipt, receipts_of
from tests.fakes.raw_server import RawServer, Script, http, raw_server

DIGEST = bytes(range(32))
OK = b"HTTP/1.1 200 OK\r\n"
(RECEIPT,) = receipts_of(
    [DIGEST], department="440100.GA", chain_id=1, contract=bytes(20), block=5
)  # fmt: skip


def refused(ask: Callable[[], object]) -> EcertError:
    """Return the error that ``ask`` raises; both its sentences must be whole."""
    with pytest.raises(EcertError) as caught:
        ask()
    for language in ("zh", "en"):
        sentence = caught.value.message(language)
        assert "<" not in sentence
        assert sentence.isprintable()
    return caught.value


def endless(*begin: bytes) -> Script:
    return lambda _: itertools.chain(begin, itertools.repeat(b"x" * 65_536))


def dripped(data: bytes) -> Script:
    return lambda _: (bytes([byte]) for byte in itertools.cycle(data))


WRONG: dict[str, tuple[Script, str]] = {
    "nothing": (lambda _: iter([]), "registry_unreachable"),
    "garbage": (lambda _: iter([b"\x00\xff\x16\x03\x01 no http"]), "registry_unreachable"),
    "garbage status": (lambda _: iter([b"HTTP/1.1 OK 200\r\n\r\n{}"]), "registry_unreachable"),
    "status of letters": (lambda _: iter([b"HTTP/1.1 2e2 OK\r\n\r\n{}"]), "registry_unreachable"),
    "status 99": (lambda _: iter([b"HTTP/1.1 99 Low\r\n\r\n{}"]), "registry_unreachable"),
    "status line without end": (endless(b"HTTP/1.1 200 "), "registry_unreachable"),
    "header without end": (endless(OK + b"a: "), "registry_unreachable"),
    "headers without end": (
        lambda _: itertools.chain([OK], itertools.repeat(b"a: b\r\n")),
        "registry_unreachable",
    ),
    "cut short": (
        lambda _: iter([OK + b"content-length: 100\r\n\r\n{}"]),
        "registry_unreachable",
    ),
    "chunk of no size": (
        lambda _: iter([OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n"]),
        "registry_unreachable",
    ),
    "chunk cut short": (
        lambda _: iter([OK + b"transfer-encoding: chunked\r\n\r\nff\r\n{}"]),
        "registry_unreachable",
    ),
    "body over the bound": (http(b"x" * 5_000), "registry_answer_too_large"),
    "body announced over any bound": (
        endless(OK + b"content-length: 99999999999999\r\n\r\n"),
        "registry_answer_too_large",
    ),
    "body without end": (endless(OK + b"\r\n"), "registry_answer_too_large"),
    "chunks without end": (
        lambda _: itertools.chain(
            [OK + b"transfer-encoding: chunked\r\n\r\n"],
            itertools.repeat(b"400\r\n" + b"x" * 1024 + b"\r\n"),
        ),
        "registry_answer_too_large",
    ),
    "no content": (http(b"", status="204 No Content"), "registry_refused"),
    "moved": (
        http(b"", status="302 Found", headers="location: http://127.0.0.1:1/\r\n"),
        "registry_refused",
    ),
    "moved for good": (
        http(b"", status="308 Permanent Redirect", headers="location: file:///etc/passwd\r\n"),
        "registry_refused",
    ),
    "not authorised": (http(b"", status="401 Unauthorized"), "registry_refused"),
    "broken": (http(b"<html>", status="500 Oops"), "registry_refused"),
    "status 999": (http(b"{}", status="999 High"), "registry_refused"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_answer_is_told(name: str) -> None:
    script, code = WRONG[name]
    with raw_server(script) as server:
        error = refused(Registries([server.url]).checkpoint)
    assert isinstance(error, UnavailableError)
    assert error.code == code
    assert server.url in error.message("zh")
    assert len(server.requests) == 1  # nothing is followed or asked again


@pytest.mark.parametrize(
    "data", [OK + b"content-length: 4000\r\n\r\n" + b" " * 99, OK + b"a: b\r\n" * 9, b"H"]
)
def test_a_drip_meets_the_deadline(data: bytes) -> None:
    with raw_server(dripped(data), pause=0.02) as server:
        start = time.monotonic()
        origin = Origin(server.url, seconds=0.4)
        error = refused(lambda: origin.request("GET", "/"))
        assert time.monotonic() - start < 3
    assert (error.code, error.details["reason"]) == ("registry_unreachable", "deadline")


def test_silence_meets_the_deadline() -> None:
    def silent(_: bytes) -> Iterator[bytes]:
        server.stopping.wait(20)
        return iter([])

    with raw_server(silent) as server:
        origin = Origin(server.url, seconds=0.3)
        assert refused(lambda: origin.request("GET", "/")).code == "registry_unreachable"


def test_one_that_is_down_is_told() -> None:
    with raw_server(http(b"")) as server:
        pass
    assert refused(Registries([server.url]).trust).code == "registry_unreachable"


def test_another_registry_is_asked() -> None:
    with raw_server(http(b"", status="503 Busy")) as busy, raw_server(http(b"good")) as good:
        both = Registries([busy.url, good.url])
        assert both.checkpoint() == both.trust() == b"good"
        assert [r.split()[1] for r in good.requests] == [b"/v1/checkpoint", b"/v1/trust"]
        # Where none answers, the preferred one's failure is told.
        error = refused(Registries([busy.url, "http://127.0.0.1:1"]).trust)
    assert error.details["origin"] == busy.url
    assert refused(Registries([]).trust).code == "registry_none"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry.example",
        "http://registry.example",
        "https://",
        "https://registry.example/",
        "https://registry.example/v1",
        "https://registry.example?x",
        "https://registry.example#x",
        "https://user@registry.example",
        "https://user:secret@registry.example",
        "https://registry.example:x",
        "https://registry.example:99999",
        "https://[::1",
        "https://registry.example\r\nx: y",
        "https://registry\t.example",
        "https://r\u00e9gistre.example",
        "https://\udcff.example",
        "HTTPS://registry.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://2130706433",
        "file:///etc/passwd",
        "ftp://registry.example",
    ],
)
def test_addresses_that_are_no_origin(url: str) -> None:
    error = refused(lambda: Registries([url]))
    assert isinstance(error, MalformedError)
    assert error.code == "registry_origin_malformed"


@pytest.mark.parametrize("url", ["https://registry.example", "https://[::1]:8443", "http://[::1]"])
def test_addresses_that_are_origins(url: str) -> None:
    assert Origin(url).url == url


def test_nothing_is_fetched_from_where_a_strangers_paper_points() -> None:
    with raw_server(http(b"secret")) as inside, raw_server(http(b"sealed")) as known:
        registries = Registries([known.url])
        for origin in (inside.url, known.url + ":80", known.url.upper(), "http://169.254.169.254"):
            error = refused(lambda origin=origin: registries.sealed(LookupUrl(origin, "i", "k")))
            assert error.code == "lookup_origin_unknown"
        assert registries.sealed(LookupUrl(known.url, "A" * 16, "k" * 22)) == b"sealed"
    assert inside.requests == []
    assert b"k" * 22 not in known.requests[0]  # the key stays here
    assert known.requests[0].startswith(b"GET /v1/papers/" + b"A" * 16 + b" HTTP/1.1")
    assert lookup.MAX_CIPHERTEXT_BYTES < 2 << 20


def test_no_header_can_be_smuggled_in() -> None:
    with raw_server(http(b"{}")) as server:
        origin = Origin(server.url)
        for ask in (
            lambda: origin.request("GET", "/", token="a\r\nx-admin: 1"),
            lambda: origin.request("GET", "/ HTTP/1.1\r\nx-admin: 1\r\n"),
            lambda: origin.request("GET", "/\u6797"),
            lambda: origin.request("GET", "/", token="\u6797"),
        ):
            assert refused(ask).code == "registry_unreachable"
        get_json(origin, "/", token="abc")
        post_json(origin, "/", {"a": "林"})
    assert not any(b"x-admin" in request for request in server.requests)
    assert b"authorization: Bearer abc\r\n" in server.requests[-2]
    assert b"content-type: application/json\r\n" in server.requests[-1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b'{"a":1,"a":1}',
        b"[" * 100_000,
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":NaN}',
        gzip.compress(b"{}"),
    ],
    ids=range(10),
)
def test_what_is_no_object_is_told(body: bytes) -> None:
    with raw_server(http(body)) as server:
        error = refused(lambda: get_json(Origin(server.url), "/"))
    assert error.code == "registry_answer_malformed"


@pytest.mark.parametrize(
    ("body", "zh", "en"),
    [
        ({"zh": "没有。", "en": "None."}, "没有。", "None."),
        ({"zh": "a\x1b[2J\u202eb", "en": "c\r\nd"}, "a [2J b", "c  d"),
        ({"zh": "x" * 501, "en": "y"}, "HTTP 404", "HTTP 404"),
        ({"zh": 1}, "HTTP 404", "HTTP 404"),
        ([], "HTTP 404", "HTTP 404"),
    ],
)
def test_a_refusal_says_what_the_registry_says(body: object, zh: str, en: str) -> None:
    with raw_server(http(json.dumps(body).encode(), status="404 Not Found")) as server:
        error = refused(Registries([server.url]).trust)
    assert (error.details["zh"], error.details["en"]) == (zh, en)
    assert en in error.message("en") and zh in error.message("zh")


# -- receipts


def answering(bits: object, receipts: object) -> Script:
    def script(request: bytes) -> Iterator[bytes]:
        value: Any = {"bits": bits} if b"longest-prefix" in request else {"receipts": receipts}
        return http(json.dumps(value).encode())(request)

    return script


def asked(server: RawServer) -> str:
    return server.requests[-1].split()[1].decode()


@pytest.mark.parametrize(
    ("bits", "prefix"),
    [(0, ""), (1, "80"), (4, "f0"), (8, "f5"), (9, "f580"), (12, "f5a0"), (16, "f5a9")],
)
def test_only_a_prefix_is_told(bits: int, prefix: str) -> None:
    digest = bytes.fromhex("f5a9") + bytes(30)
    with raw_server(answering(bits, [])) as server:
        assert Registries([server.url]).receipt(digest) is None
        assert asked(server) == f"/v1/receipts?bits={bits}&prefix={prefix}"


def test_the_receipt_among_many() -> None:
    others = [{"digest": "0x" + bytes([n]).hex() * 32, "receipt": {}} for n in range(1, 50)]
    mine = {"digest": "0x" + DIGEST.hex(), "receipt": RECEIPT.to_json()}
    with raw_server(answering(3, [*others, mine])) as server:
        found = Registries([server.url]).receipt(DIGEST)
    assert found == RECEIPT
    assert isinstance(found, Receipt)


MINE = {"digest": "0x" + DIGEST.hex(), "receipt": RECEIPT.to_json()}


@pytest.mark.parametrize(
    ("bits", "receipts"),
    [
        (-1, []),
        (MAX_PREFIX_BITS + 1, []),
        (256, []),
        (1.0, []),
        (True, []),
        (None, []),
        ("8", []),
        (8, None),
        (8, {}),
        (8, [1]),
        (8, [{"digest": 1}]),
        (8, [{}]),
        (8, [MINE | {"receipt": None}]),
        (8, [MINE | {"receipt": RECEIPT.to_json() | {"index": -1}}]),
        (8, [MINE | {"receipt": RECEIPT.to_json() | {"note": "x"}}]),
    ],
    ids=range(15),
)
def test_receipts_that_cannot_be_read(bits: object, receipts: object) -> None:
    with raw_server(answering(bits, receipts)) as server:
        error = refused(lambda: Registries([server.url]).receipt(DIGEST))
    assert error.code == "registry_answer_malformed"
