"""A registry's HTTP API on loopback, served as in real use, with clients of several roles."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from registry_world import DEPARTMENT, PASSPHRASE, PS_KINDS, QUICK, table

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
OTHER = "11650100010000000P"
"""A second department, which must see nothing of the first."""

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
def api_world(directory: Path, chain: EmbeddedChain) -> Iterator[ApiWorld]:
    port = _free_port()
    settings = Settings(
        directory=directory,
        origin=f"http://127.0.0.1:{port}",  # what wallets sign is where they ask
        environment="development",
        passphrase=PASSPHRASE,
        batch_seconds=0,
        council_delay=0,
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
