"""A registry's HTTP API on loopback, served as in real use, with clients of several roles."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from registry_world import DEPARTMENT, PASSPHRASE, PS_KINDS, QUICK, table

from ecert.claiming import proof_input
from ecert.encoding import b64url_encode
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from registry.access.models import Role
from registry.api.server import serving
from registry.application import Registry
from registry.outbox.sight import EmbeddedSettlement
from registry.outbox.worker import Worker
from registry.settings import Settings
from registry.setup import set_up
from registry.trust import issue_trust

METRICS_TOKEN = "a token for tests only"
OTHER = "116501000100000000"
"""A second department, which must see nothing of the first."""

PUBLIC = {
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/status"),
    ("GET", "/metrics"),  # to this machine, or with a token
    ("GET", "/v1/checkpoint"),
    ("GET", "/v1/trust"),
    ("GET", "/v1/trust/{version}"),
    ("GET", "/v1/kinds"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/v1/status/{department}/{number}"),
    ("GET", "/v1/leaves"),
    ("GET", "/v1/batches/{department}/{root}"),
    ("GET", "/v1/receipts"),
    ("POST", "/v1/evidence/proofs"),
    ("GET", "/v1/chain"),
    ("GET", "/v1/chain/blocks"),
    ("GET", "/v1/chain/validators"),
    ("GET", "/v1/chain/departments"),
    ("GET", "/v1/chain/departments/{code}"),
    ("GET", "/v1/chain/anchors"),
    ("GET", "/v1/chain/anchors/{department}/{root}"),
    ("GET", "/v1/chain/days"),
    ("GET", "/v1/receipts/longest-prefix"),
    ("GET", "/v1/papers/{lookup_id}"),
    ("GET", "/p"),
    ("POST", "/v1/claims/kind"),
    ("POST", "/v1/claims"),
    ("GET", "/v1/claims/{claim_id}"),  # with the claim's secret
}
"""Every route that answers without an officer's credential."""

OFFICERS = (
    ("clerk", DEPARTMENT, Role.CLERK),
    ("approver", DEPARTMENT, Role.APPROVER),
    ("custodian", DEPARTMENT, Role.CUSTODIAN),
    ("auditor", None, Role.AUDITOR),
    ("other-clerk", OTHER, Role.CLERK),
    ("other-approver", OTHER, Role.APPROVER),
    ("other-custodian", OTHER, Role.CUSTODIAN),
)


@dataclass
class ApiWorld:
    """A served registry; tokens by role."""

    registry: Registry
    worker: Worker
    url: str
    tokens: dict[str, str]

    def client(self, who: str | None = None) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def drain(self) -> None:
        self.worker.drain(seconds=60)

    def issue(self, rows: int, *, seed: int, kind: str = "resident-id") -> list[str]:
        """Bring fresh documents to their receipts; return their ids."""
        with self.client("clerk") as clerk, self.client("approver") as approver:
            job = upload(clerk, rows, kind, seed=seed).json()["id"]
            approver.post("/v1/documents/approve", json={"import_id": job})
            self.drain()
            answer = clerk.get("/v1/documents", params={"import_id": job, "limit": 500}).json()
        assert {row["state"] for row in answer["documents"]} == {"anchored"}
        return [row["id"] for row in answer["documents"]]


@contextmanager
def api_world(directory: Path, chain: EmbeddedChain, url: str) -> Iterator[ApiWorld]:
    port = _free_port()
    settings = Settings(
        directory=directory,
        origin=f"http://127.0.0.1:{port}",  # what wallets sign is where they ask
        environment="development",
        passphrase=PASSPHRASE,
        batch_seconds=0,
        council_delay=0,
        database_url=url,
        rpc_url=chain.rpc_url,
        port=port,
        metrics_token=METRICS_TOKEN,
    )
    made = set_up(
        settings,
        [chain.rpc_url],
        EmbeddedSettlement(chain),
        chain_id=chain.chain_id,
        engine="anvil",
        cost=QUICK,
    )
    assert made.token is not None
    registry, worker = made.registry, Worker.embedded(made.registry, chain)
    tokens = {"operator": made.token}
    with registry.transaction() as services:
        operator = services.officers.authenticate(made.token)
        for code in (DEPARTMENT, OTHER):
            services.departments.admit(
                operator, code=code, name=f"Office {code}", kind="PS", kinds=PS_KINDS
            )
        for name, department, role in OFFICERS:
            _, tokens[name] = services.officers.add(
                operator, department=department, label=name, roles=[role]
            )
        (directory / "trust.json").write_bytes(issue_trust(services))
    worker.drain(seconds=60)
    with serving(registry) as url:
        yield ApiWorld(registry, worker, url, tokens)
    registry.close()


def upload(
    client: httpx.Client, rows: int, kind: str = "resident-id", *, seed: int = 1
) -> httpx.Response:
    files = {"file": ("rows.csv", table(kind, rows, seed=seed), "text/csv")}
    return client.post("/v1/imports", files=files, data={"kind": kind})


@dataclass
class MadeClaim:
    """A claim as its wallet knows it."""

    id: str
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret}"}


def claim_body(origin: str, code: str, keys: Mapping[str, SoftwareSigner]) -> dict[str, Any]:
    """What a wallet answers a code with; under "" the document's own key."""
    signed = proof_input(code, origin)
    offers = {
        view: {"jwk": key.public_key.jwk, "proof": b64url_encode(key.sign(signed))}
        for view, key in keys.items()
    }
    holder = offers.pop("")
    cards = [{"view": view, **offer} for view, offer in offers.items()]
    return {"code": code, "holder": holder, "cards": cards}


def make_claim(client: httpx.Client, origin: str, code: str) -> MadeClaim:
    body = claim_body(origin, code, {"": SoftwareSigner.generate()})
    answer = client.post("/v1/claims", json=body)
    assert answer.status_code == 201, answer.text
    return MadeClaim(**answer.json())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


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
