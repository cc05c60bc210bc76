"""No request at all breaks the registry, and every answer is of the form that is described.

Requests are made from the interface's own description: valid ones, and such as are wrong in one
place or in all.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema_rs
import pytest
from api_world import OFFICERS, OTHER, PUBLIC, ApiWorld
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from registry_world import DEPARTMENT

EXAMPLES = 2500
PATHS = {
    "document_id": "0" * 32, "officer_id": "0" * 32, "code": DEPARTMENT, "kid": "A" * 43,
}  # fmt: skip
LONG = st.text(max_size=300)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | LONG,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
WHO = st.sampled_from([None, "operator", *(name for name, _, _ in OFFICERS)])


class Description:
    """The OpenAPI document, and checks of answers against it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.operations = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema with all that it refers to."""
        return schema | {"components": self.document["components"]}

    def check(self, operation: dict[str, Any], answer: httpx.Response) -> None:
        if answer.status_code >= 400:
            self._check({"$ref": "#/components/schemas/Problem"}, answer.json())
            return
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, (answer.status_code, operation["operationId"])
        media = answer.headers.get("content-type", "").partition(";")[0]
        content = described.get("content", {})
        if media == "application/json" and "schema" in content.get(media, {}):
            self._check(content[media]["schema"], answer.json())

    def _check(self, schema: dict[str, Any], value: object) -> None:
        key = json.dumps(schema)
        if key not in self._validators:
            validator = jsonschema_rs.Draft202012Validator(self.resolved(schema))
            self._validators[key] = validator
        self._validators[key].validate(value)


@pytest.fixture(scope="module")
def description(api: ApiWorld) -> Description:
    with api.client() as client:
        return Description(client.get("/v1/openapi.json").json())


@pytest.fixture(scope="module")
def known(api: ApiWorld) -> list[str]:
    """What paths and queries may well name: so that some requests get far."""
    documents = api.issue(3, seed=6)
    with api.client("clerk") as clerk:
        artefact = clerk.get(f"/v1/documents/{documents[0]}").json()["artefacts"][0]
        row = clerk.get(f"/v1/documents/{documents[0]}").json()
    return [
        *documents, row["import_id"], row["created_by"], DEPARTMENT, OTHER, "resident-id", "0",
        "1", "8", artefact["digest"], artefact["receipt"]["root"], artefact["digest"][2:4],
        "anchored", "all", "ES256",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ask(api: ApiWorld) -> Iterator[Callable[..., httpx.Response]]:
    clients = {who: api.client(who) for who in (None, *api.tokens)}

    def send(who: str | None, method: str, url: str, **content: Any) -> httpx.Response:
        return clients[who].request(method, url, **content)

    yield send
    for client in clients.values():
        client.close()


def values(known: list[str]) -> st.SearchStrategy[str]:
    return (
        st.sampled_from(known)
        | st.sampled_from(["0" * 32, "A" * 16, "A" * 43, "0x" + "00" * 32, "%", "..", "\0", "-1"])
        | st.integers().map(str)
        | st.text(max_size=60)
    )


def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A value that is wrong in at most one place."""
    match draw(st.integers(0, 5)):
        case 0:
            return draw(JSON_VALUES)
        case 1 if isinstance(value, dict) and value:
            return {k: v for k, v in value.items() if k != draw(st.sampled_from(sorted(value)))}
        case 2 if isinstance(value, dict):
            return value | {draw(st.text(max_size=10)): draw(JSON_VALUES)}
        case 3 | 4 if isinstance(value, dict) and value:
            name = draw(st.sampled_from(sorted(value)))
            return value | {name: mutated(draw, value[name])}
        case 3 | 4 if isinstance(value, list) and value:
            return [mutated(draw, value[0]), *value[1:]]
    return value


@st.composite
def requests(
    draw: st.DrawFn, description: Description, known: list[str]
) -> tuple[str | None, str, str, dict[str, Any], dict[str, Any]]:
    # Most routes only read: those that take something are asked as often.
    taking = [route for route in description.operations if "requestBody" in route[2]]
    routes = st.sampled_from(description.operations) | st.sampled_from(taking)
    method, path, operation = draw(routes)
    some = values(known)
    query: dict[str, str] = {}
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        if parameter["in"] == "path":
            path = path.replace("{" + name + "}", quote(draw(some), safe=""))
        elif parameter["in"] == "query" and draw(st.booleans()):
            query[name] = draw(some)
    content: dict[str, Any] = {"params": query}
    described = operation.get("requestBody", {}).get("content", {})
    if "application/json" in described:
        schema = description.document["components"]["schemas"][
            described["application/json"]["schema"]["$ref"].rpartition("/")[2]
        ]
        body = mutated(draw, schema["examples"][0])
        text = json.dumps(body, ensure_ascii=draw(st.booleans()))
        content["content"] = text.encode("utf-8", "surrogatepass")
        content["headers"] = {"content-type": "application/json"}
    elif described:
        content["files"] = {"file": (draw(st.text(max_size=20)), draw(st.binary(max_size=300)))}
        content["data"] = {"kind": draw(some), "department": draw(some)}
    return draw(WHO), method, path, operation, content


def test_no_request_breaks_anything(
    description: Description, known: list[str], ask: Callable[..., httpx.Response]
) -> None:
    statuses: set[int] = set()

    @given(request=requests(description, known))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def each(
        request: tuple[str | None, str, str, dict[str, Any], dict[str, Any]],
    ) -> None:
        who, method, path, operation, content = request
        try:
            answer = ask(who, method, path, **content)
        except httpx.InvalidURL:
            return
        assert answer.status_code < 500, answer.text
        if answer.request.url.path == path or "." not in path:
            # A client takes "." and ".." out of a path: that is another route then.
            statuses.add(answer.status_code)
            if answer.status_code not in (404, 405):
                description.check(operation, answer)

    each()
    assert {200, 201, 401, 403, 404, 422} <= statuses


def test_whatever_bytes_come_as_a_body(ask: Callable[..., httpx.Response]) -> None:
    media = st.sampled_from(
        ["application/json", "application/problem+json", "multipart/form-data; boundary=x",
         "application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "x"],
    )  # fmt: skip

    @given(
        path=st.sampled_from(["/v1/imports", "/v1/documents", "/v1/documents/approve"]),
        data=st.binary(max_size=400) | JSON_VALUES.map(lambda v: json.dumps(v).encode()),
        kind=media,
    )
    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    def each(path: str, data: bytes, kind: str) -> None:
        answer = ask("clerk", "POST", path, content=data, headers={"content-type": kind})
        assert answer.status_code in (400, 403, 404, 409, 413, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"

    each()


def test_every_example_is_of_its_own_schema(description: Description) -> None:
    schemas = description.document["components"]["schemas"]
    told = 0
    for name, schema in schemas.items():
        for example in schema.get("examples", ()):
            validator = jsonschema_rs.Draft202012Validator(description.resolved(schema))
            assert validator.is_valid(example), name
            told += 1
    assert told > 20
    for method, path, operation in description.operations:
        assert operation["tags"], path
        assert operation["summary"], path
        content = operation.get("requestBody", {}).get("content", {})
        if method == "POST" and "application/json" in content:
            name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name]["examples"], name
        assert "application/problem+json" in operation["responses"]["default"]["content"], path


def test_every_example_of_a_request_is_understood(
    description: Description, ask: Callable[..., httpx.Response]
) -> None:
    """It may be refused for what it asks, never for its form."""
    sent = 0
    for method, template, operation in description.operations:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        name = content["schema"]["$ref"].rpartition("/")[2]
        [example] = description.document["components"]["schemas"][name]["examples"]
        path = template.format_map(PATHS)
        for who in ("operator", "clerk", "approver", "custodian"):
            answer = ask(who, method, path, json=example)
            assert answer.status_code < 500, (path, answer.text)
            if answer.status_code >= 400:  # what is given may be no JSON
                assert answer.json()["code"] != "api_request_invalid", (path, answer.text)
            sent += 1
    assert sent > 40


def test_the_description_says_which_credential_each_route_needs(description: Description) -> None:
    for method, path, operation in description.operations:
        schemes = {name for entry in operation.get("security", ()) for name in entry}
        if path == "/v1/claims/{claim_id}":
            assert schemes == {"claim"}
        elif (method, path) in PUBLIC:
            assert not schemes, path
        else:
            assert schemes == {"officer"}, path
