"""Bad input over HTTP: refused with its own code and both sentences, within bounds, never a 500."""

import json
import resource
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from api_world import ApiWorld, problem, upload

from ecert import limits
from registry.api.limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES

JSON = {"content-type": "application/json"}
KIND = "resident-id"


@pytest.fixture(scope="module")
def clerk(api: ApiWorld) -> Iterator[httpx.Client]:
    with api.client("clerk") as client:
        yield client


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
