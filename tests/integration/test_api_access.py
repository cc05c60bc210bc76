"""Who may ask what: nothing without a credential but the list below, nothing of others."""

import asyncio
import itertools
import json
import logging
import re
from collections.abc import Iterator

import httpx
import pytest
from api_world import METRICS_TOKEN, OTHER, PUBLIC, ApiWorld, make_claim, upload
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from registry_world import DEPARTMENT

from ecert.rates import RateLimit
from registry.api import app as app_module
from registry.api import create_app
from registry.api.rates import Rates
from registry.api.routes import public

VALUES = {
    "document_id": "0" * 32, "import_id": "0" * 32, "officer_id": "0" * 32, "claim_id": "0" * 32,
    "code": DEPARTMENT, "department": DEPARTMENT, "kind": "resident-id", "kid": "A" * 43,
    "number": "1", "lookup_id": "A" * 16, "root": "0x" + "0" * 64,
}  # fmt: skip
REASON = {"reason": "For a test"}


def routes(api: ApiWorld) -> list[tuple[str, str]]:
    app = create_app(api.registry)
    return [
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        for method in sorted(context.methods or ())
    ]


@pytest.fixture(scope="module")
def document(api: ApiWorld) -> str:
    return api.issue(1, seed=2)[0]


@pytest.fixture
def plain_client(api: ApiWorld) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


def test_every_route_but_the_public_ones_answers_401_without_credential(
    api: ApiWorld, plain_client: httpx.Client
) -> None:
    found = routes(api)
    assert set(found) >= PUBLIC
    guarded = [route for route in found if route not in PUBLIC]
    assert len(guarded) > 25
    for method, template in guarded:
        path = template.format_map(VALUES)
        answer = plain_client.request(method, path, json={"nonsense": 1})
        assert answer.status_code in (401, 429), (method, path)
        if answer.status_code == 401:
            assert answer.json()["code"] == "credential_missing"
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_route_without_a_guard_is_not_served(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = APIRouter()
    bare.get("/v1/unguarded")(lambda: "secret")
    monkeypatch.setattr(public, "routers", (*public.routers, bare))
    assert app_module.public is public
    with pytest.raises(RuntimeError, match="/v1/unguarded"):
        create_app(api.registry)


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer  x y", "Basic Zm9vOmJhcg==", "Bearer x", "Bearer " + "a" * 5000,
        "Bearer {id}.", "Bearer {id}.wrong", "Bearer {id}.{wrong}", "Bearer {nobody}.{secret}",
        "bearer\t{id}", "Bearer {id}.{secret}x", "Bearer é", "Token {id}.{secret}",
    ],
)  # fmt: skip
def test_a_wrong_credential_is_refused_whatever_is_wrong(api: ApiWorld, header: str) -> None:
    identifier, _, secret = api.tokens["clerk"].partition(".")
    value = header.format(
        id=identifier, secret=secret, wrong="A" * len(secret), nobody="0" * len(identifier)
    )
    with api.client() as client:
        headers = {"authorization": value.encode("utf-8")}
        answer = client.get("/v1/me", headers=headers)
    assert answer.status_code in (401, 429)
    assert secret not in answer.text


def test_a_good_credential_works_in_any_case_of_its_scheme(api: ApiWorld) -> None:
    with api.client() as client:
        for scheme in ("Bearer", "bearer", "BEARER"):
            headers = {"authorization": f"{scheme} {api.tokens['clerk']}"}
            assert client.get("/v1/me", headers=headers).status_code == 200


@pytest.mark.parametrize("who", ["other-clerk", "other-approver", "other-custodian"])
def test_what_belongs_to_others_looks_like_what_never_was(
    api: ApiWorld, document: str, who: str
) -> None:
    """Neither the status nor the words tell whether a foreign document exists."""
    with api.client(who) as client, api.client("clerk") as clerk:
        job = upload(clerk, 1, seed=3).json()["id"]
        for method, path, body in (
            ("GET", "/v1/documents/{}", None),
            ("GET", "/v1/documents/{}/file", None),
            ("GET", "/v1/documents/{}/pdf", None),
            ("POST", "/v1/documents/{}/submit", None),
            ("POST", "/v1/documents/{}/approve", None),
            ("POST", "/v1/documents/{}/reject", REASON),
            ("POST", "/v1/documents/{}/suspend", REASON),
            ("POST", "/v1/documents/{}/revoke", REASON),
            ("POST", "/v1/documents/{}/reinstate", REASON),
            ("POST", "/v1/documents/{}/claim-code", None),
        ):
            nowhere = "0" * 32
            real = client.request(method, path.format(document), json=body)
            none = client.request(method, path.format(nowhere), json=body)
            assert real.status_code == none.status_code == 404, path
            assert real.text.replace(document, nowhere) == none.text, path
        many = client.post("/v1/documents/approve", json={"ids": [document]})
        assert (many.status_code, many.json()["code"]) == (404, "document_unknown")
        file = client.post("/v1/documents/approve", json={"import_id": job})
        assert (file.status_code, file.json()["code"]) == (404, "import_unknown")
        assert client.get(f"/v1/imports/{job}").status_code == 404
        pages = client.get("/v1/documents", params={"department": DEPARTMENT})
        assert pages.status_code == 403


@pytest.mark.parametrize(
    ("who", "method", "path", "body"),
    [
        ("clerk", "POST", "/v1/documents/{document}/revoke", REASON),
        ("clerk", "POST", "/v1/documents/{document}/approve", None),
        ("approver", "POST", "/v1/documents/{document}/claim-code", None),
        ("auditor", "POST", "/v1/documents/{document}/revoke", REASON),
        ("auditor", "POST", "/v1/documents/{document}/claim-code", None),
        ("clerk", "POST", f"/v1/departments/{DEPARTMENT}/keys", {}),
        ("operator", "POST", f"/v1/departments/{DEPARTMENT}/keys", {}),
        ("clerk", "POST", f"/v1/departments/{DEPARTMENT}/suspend", None),
        ("other-custodian", "POST", f"/v1/departments/{DEPARTMENT}/keys", {}),
        ("custodian", "POST", f"/v1/departments/{DEPARTMENT}/kinds", {"kind": "resident-id"}),
        ("clerk", "GET", "/v1/officers", None),
        ("clerk", "GET", "/v1/audit", None),
        ("operator", "GET", "/v1/audit", None),
        ("auditor", "POST", "/v1/officers", {"label": "x", "roles": ["auditor"]}),
        ("clerk", "DELETE", f"/v1/officers/{'0' * 32}", None),
        ("clerk", "POST", f"/v1/officers/{'0' * 32}/token", None),
        ("approver", "POST", "/v1/departments",
         {"code": "X", "name": "X", "kind": "PS", "kinds": []}),
        ("approver", "POST", "/v1/documents", {"kind": "resident-id", "claims": {}}),
        ("operator", "GET", f"/v1/documents?department={DEPARTMENT}", None),
    ],
)  # fmt: skip
def test_a_role_does_only_what_is_its_own(
    api: ApiWorld, document: str, who: str, method: str, path: str, body: dict[str, object] | None
) -> None:
    with api.client(who) as client:
        answer = client.request(method, path.format(document=document), json=body)
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] in ("role_missing", "other_department", "four_eyes")


def test_an_auditor_reads_all_and_an_operator_no_content(api: ApiWorld, document: str) -> None:
    with api.client("auditor") as auditor, api.client("operator") as operator:
        assert auditor.get(f"/v1/documents/{document}").status_code == 200
        assert operator.get(f"/v1/documents/{document}").status_code == 404


def test_the_audit_trail_is_for_the_registrys_auditors_and_names_nobody(
    api: ApiWorld, document: str
) -> None:
    with api.client("auditor") as auditor, api.client("clerk") as clerk:
        name = clerk.get(f"/v1/documents/{document}").json()["claims"]["name"]
        entries, after = [], 0
        while after is not None:
            page = auditor.get("/v1/audit", params={"after": after, "limit": 5}).json()
            entries += page["entries"]
            after = page["next"]
    assert {"department.admit", "import.keep", "import.approve"} <= {e["action"] for e in entries}
    for before, entry in itertools.pairwise(entries):
        assert entry["previous"] == before["hash"]
    assert name not in json.dumps(entries, ensure_ascii=False)


def test_an_upload_needs_the_role_before_it_is_read(api: ApiWorld) -> None:
    with api.client("approver") as approver:
        assert upload(approver, 1, seed=4).json()["code"] == "role_missing"
    with api.client("operator") as operator:
        assert upload(operator, 1, seed=4).json()["code"] == "department_needed"
    with api.client("other-clerk") as other:
        files = {"file": ("rows.csv", b"name\r\nx\r\n", "text/csv")}
        data = {"kind": "resident-id", "department": DEPARTMENT}
        foreign = other.post("/v1/imports", files=files, data=data)
        assert foreign.json()["code"] == "other_department"


def test_metrics_are_for_this_machine_or_the_token(
    plain_client: httpx.Client,
) -> None:
    assert plain_client.get("/metrics").status_code == 200
    passed_on = {"x-forwarded-for": "203.0.113.7"}
    assert plain_client.get("/metrics", headers=passed_on).status_code == 401
    # As a proxy on this machine would pass on what it was sent by another one.
    for token, status in ((METRICS_TOKEN, 200), (METRICS_TOKEN + "x", 401), ("é", 401)):
        headers = httpx.Headers(passed_on | {"authorization": f"Bearer {token}"}, encoding="utf-8")
        answer = plain_client.get("/metrics", headers=headers)
        assert answer.status_code == status


def test_a_proxy_on_this_machine_says_who_the_client_is(plain_client: httpx.Client) -> None:
    def asked(*addresses: str) -> int:
        headers = {"authorization": "Bearer wrong", "x-forwarded-for": ", ".join(addresses)}
        return plain_client.get("/v1/me", headers=headers).status_code

    # What a client claims in front of the address that the proxy appends counts for nothing.
    answers = [asked(f"198.51.100.{number}", "203.0.113.7") for number in range(60)]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert asked("203.0.113.8") == 401


def test_metrics_name_templates_and_no_ids(
    api: ApiWorld, plain_client: httpx.Client, document: str
) -> None:
    with api.client("clerk") as clerk:
        clerk.get(f"/v1/documents/{document}")
    plain_client.request("BREW", "/v1/coffee/12345")
    text = plain_client.get("/metrics").text
    assert 'route="/v1/documents/{document_id}"' in text
    assert 'method="other",route="-",status="404"' in text
    assert document not in text and "12345" not in text and "BREW" not in text
    for name in (
        "ecert_documents", "ecert_batches", "ecert_outbox_transactions",
        "ecert_outbox_oldest_seconds", "ecert_status_changes", "ecert_final_block",
        "ecert_checkpoint_age_seconds", "ecert_chain_up", "ecert_worker_up", "ecert_database_up",
        "ecert_http_requests_total", "ecert_http_request_seconds_bucket",
    ):  # fmt: skip
        assert re.search(rf"^{name}(\{{[^}}]*\}})? [0-9.e+]+$", text, re.MULTILINE), name
    assert re.search(r'^ecert_documents\{state="anchored"\} [1-9]', text, re.MULTILINE)


def test_no_secret_and_no_content_reaches_a_log(
    api: ApiWorld, plain_client: httpx.Client, document: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the tests' own client, not the service
    with caplog.at_level(logging.DEBUG), api.client("clerk") as clerk:
        code = clerk.post(f"/v1/documents/{document}/claim-code").json()["code"]
        claimed = make_claim(plain_client, api.url, code)
        plain_client.get(f"/v1/claims/{claimed.id}", headers=claimed.headers)
        plain_client.post("/v1/claims", json={"code": code, "holder": {}})
        content = clerk.get(f"/v1/documents/{document}").json()
        plain_client.get("/v1/me", headers={"authorization": f"Bearer {api.tokens['clerk']}x"})
        clerk.get("/v1/documents", params={"after": "not an id"})
    lines = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    text = "\n".join(f"{line.getMessage()} {line.exc_text or ''}" for line in lines)
    assert "GET /v1/documents/{document_id} 200" in text
    secrets = [code, code.replace("-", ""), claimed.secret, api.tokens["clerk"].partition(".")[2]]
    for secret in (*secrets, content["claims"]["name"], content["claims"]["id_number"]):
        assert secret not in text


def test_security_headers_are_on_every_answer(plain_client: httpx.Client) -> None:
    origin = {"origin": "https://elsewhere.example"}
    for path in ("/health", "/v1/kinds", "/v1/nothing", "/v1/documents", "/v1/openapi.json"):
        headers = plain_client.get(path, headers=origin).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "cache-control" in headers
        assert not [name for name in headers if name.startswith("access-control-")]
        assert "server" not in headers
    asked = plain_client.options("/v1/documents", headers=origin)
    assert asked.status_code == 405
    assert OTHER not in asked.text


def test_whoever_asks_too_often_is_told_when_to_come_back(api: ApiWorld) -> None:
    rates = Rates(refusals=RateLimit(3, 0.001), claims=RateLimit(2, 0.001))
    app = create_app(api.registry, rates=rates)

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            wrong = {"authorization": f"Bearer {'0' * 32}.{'A' * 43}"}
            found = [(await client.get("/v1/me", headers=wrong)).status_code for _ in range(5)]
            good = {"authorization": f"Bearer {api.tokens['clerk']}"}
            found.append((await client.get("/v1/me", headers=good)).status_code)
            body = {"code": "00000-00000-00000-00000"}
            for _ in range(3):
                answer = await client.post("/v1/claims/kind", json=body)
                found.append(answer.status_code)
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["code"] == "asked_too_often"
            found.append((await client.get("/v1/kinds")).status_code)
        return found

    assert asyncio.run(ask()) == [401, 401, 401, 429, 429, 200, 404, 404, 429, 200]
