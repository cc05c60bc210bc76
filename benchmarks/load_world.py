"""A registry on a real chain, its documents in their holders' hands, and a served verifier."""

import csv
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ecert import card as cards
from ecert import sd_jwt
from ecert.claiming import proof_input
from ecert.client.home import Home
from ecert.document import DocumentFile
from ecert.encoding import b64url_decode, b64url_encode
from ecert.kinds.catalogue import Catalogue
from ecert.receipt import Receipt
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from registry.access.actor import Actor
from registry.access.models import Role
from registry.api.server import serving
from registry.application import Registry
from registry.claims.service import OfferedKey
from registry.clock import day_in_china
from registry.documents.importing import read_import
from registry.outbox.sight import EmbeddedSettlement
from registry.outbox.worker import Worker
from registry.settings import Settings
from registry.setup import set_up
from registry.trust import issue_trust
from samples.make_samples import DEFAULT_SEED, Samples
from verifier.checker import SNAPSHOT
from verifier.sync import sync

DEPARTMENT = "11430000006122244L"
KIND, CARD = "resident-id", "over18"
AUDIENCE = "https://verifier.example"
_HOST = "127.0.0.1"
_BOUNDARY = "ecert-benchmark"
FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0


@dataclass(frozen=True, slots=True)
class Held:
    """A document in its holder's wallet: an SD-JWT and a card, each with a key of its own."""

    text: str
    receipt: Receipt
    holder: SoftwareSigner
    claims: tuple[str, ...]
    card: str
    card_holder: SoftwareSigner

    def shown(self, nonce: str) -> bytes:
        """Show all of the document to the verifier."""
        presentation = sd_jwt.present(
            self.text,
            self.claims,
            holder=self.holder,
            audience=AUDIENCE,
            nonce=nonce,
            now=datetime.now(UTC),
        )
        return DocumentFile(presentation, self.receipt).to_bytes()

    def card_shown(self, nonce: str) -> bytes:
        """Show the card to the verifier."""
        return cards.with_proof(
            self.card,
            holder=self.card_holder,
            now=datetime.now(UTC),
            challenge=b64url_decode(nonce),
        ).encode()


class LoadWorld:
    """A served registry that has issued documents.

    Args:
        directory: Where everything lives.
        stack: Ends it.
        documents: How many holders there are.
    """

    def __init__(self, directory: Path, stack: ExitStack, documents: int) -> None:
        self.chain = stack.enter_context(EmbeddedChain(directory / "chain"))
        port = _free_port()
        (directory / "registry").mkdir()
        settings = Settings(
            directory=directory / "registry",
            origin=f"http://{_HOST}:{port}",
            environment="development",
            passphrase="for benchmarks only",
            batch_seconds=0,
            council_delay=0,
            rpc_url=self.chain.rpc_url,
            port=port,
        )
        made = set_up(
            settings,
            [self.chain.rpc_url],
            EmbeddedSettlement(self.chain),
            chain_id=self.chain.chain_id,
            engine="anvil",
        )
        self._registry = made.registry
        stack.callback(made.registry.close)
        self._worker = Worker.embedded(made.registry, self.chain)
        with made.registry.transaction() as services:
            operator = services.officers.actor(made.operator)
            services.departments.admit(
                operator, code=DEPARTMENT, name="某市公安局", kind="PS", kinds=[KIND]
            )
            clerk, approver = (
                services.officers.actor(
                    services.officers.add(
                        operator, department=DEPARTMENT, label="benchmark", roles=[role]
                    )[0].id
                )
                for role in (Role.CLERK, Role.APPROVER)
            )
        self._worker.drain(seconds=60)
        self.held = self._claim(clerk, self._issue(clerk, approver, documents))
        stack.enter_context(serving(made.registry))
        self.home = self._verifier_home(directory / "verifier")

    def _issue(self, clerk: Actor, approver: Actor, count: int) -> list[str]:
        """Bring fresh documents to their receipts; return their ids."""
        context = self._registry.context
        make = Samples(DEFAULT_SEED, day_in_china(context.clock())).kinds[KIND]
        rows = [make(number) for number in range(count)]
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode("utf-8-sig")
        result = read_import(context.catalogue, KIND, "rows.csv", data, now=context.clock())
        with self._registry.transaction() as services:
            job = services.imports.keep(
                clerk, department=DEPARTMENT, kind=KIND, filename="rows.csv", result=result
            ).id
        with self._registry.transaction() as services:
            services.documents.approve_import(approver, job)
        self._worker.drain(seconds=60)
        with self._registry.reading() as services:
            page = services.documents.page(clerk, department=DEPARTMENT, import_id=job, limit=count)
            return [row.id for row in page]

    def _claim(self, clerk: Actor, documents: Sequence[str]) -> list[Held]:
        """Give each document to a holder with new keys."""
        registry = self._registry
        claimed: list[tuple[str, str, SoftwareSigner, SoftwareSigner]] = []
        with registry.transaction() as services:
            for document in documents:
                _, code = services.claims.make_code(clerk, document)
                holder, card_holder = SoftwareSigner.generate(), SoftwareSigner.generate()
                offers = (
                    _offer(registry, code, None, holder),
                    _offer(registry, code, CARD, card_holder),
                )
                claim, secret = services.claims.redeem(code, offers[0], offers[1:])
                claimed.append((claim.id, secret, holder, card_holder))
        self._worker.drain(seconds=60)
        held: list[Held] = []
        with registry.transaction() as services:
            for claim_id, secret, holder, card_holder in claimed:
                content = services.claims.content(claim_id, secret)
                document, card = content.artefacts
                receipt = content.receipts[document.id]
                names = tuple(str(path[0]) for path in sd_jwt.disclosable_paths(document.text))
                compact = content.receipts[card.id].compact()
                held.append(
                    Held(
                        document.text,
                        receipt,
                        holder,
                        names,
                        cards.with_receipt(card.text, compact),
                        card_holder,
                    )
                )
        return held

    def _verifier_home(self, directory: Path) -> Home:
        """Return a verifier's folder with trust file, node and snapshot."""
        home = Home(directory)
        with self._registry.reading() as services:
            trust_file = issue_trust(services)
            checkpoint = services.outbox.checkpoint().signed
        now = datetime.now(UTC)
        trust = home.pin(trust_file, Catalogue.load(), now=now)
        home.remember_nodes([self.chain.rpc_url])
        sync(directory / SNAPSHOT, trust, [self.chain.rpc_url], fetch_checkpoint=lambda: checkpoint)
        return home


class Service:
    """A verifier's service, as its command starts it.

    Attributes:
        port: Where it listens.
        processes: Their ids, the command's own first.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self.port = port

    def challenges(self, count: int) -> list[str]:
        """Ask for fresh challenges, as many clients behind a proxy would."""
        connection = http.client.HTTPConnection(_HOST, self.port)
        found: list[str] = []
        for number in range(count):
            headers = {"x-forwarded-for": client_address(number)}
            connection.request("POST", "/v1/challenges", headers=headers)
            found.append(json.loads(connection.getresponse().read())["nonce"])
        connection.close()
        return found

    def cpu_seconds(self) -> float:
        """Return the processor time of all its processes so far (Linux; else not a number)."""
        pids = [self._process.pid, *_children(self._process.pid)]
        return sum(map(_cpu_seconds, pids))


@contextmanager
def served(home: Home, *options: str) -> Iterator[Service]:
    """Run ``verifier serve``."""
    command = [sys.executable, "-c", "from verifier.cli import main; main()"]
    arguments = ["--home", str(home.directory), "serve", "--port", "0", "--audience", AUDIENCE]
    with subprocess.Popen(
        [*command, *arguments, *options], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().strip().rstrip("/").rpartition(":")[2])
            service = Service(process, port)
            _wait_until_healthy(port)
            yield service
        finally:
            process.terminate()
            process.wait()


def form_request(number: int, data: bytes, fields: dict[str, str]) -> bytes:
    """Return ``POST /v1/verify`` with a form, as a proxy passes it on for one of many clients."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    body = b"".join(
        ("".join(parts).encode(), file.encode(), data, f"\r\n--{_BOUNDARY}--\r\n".encode())
    )
    head = (
        "POST /v1/verify HTTP/1.1\r\nhost: verifier.example\r\n"
        f"x-forwarded-for: {client_address(number)}\r\n"
        f"content-type: {FORM_TYPE}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def client_address(number: int) -> str:
    """Return the address of one of many clients."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _offer(registry: Registry, code: str, view: str | None, key: SoftwareSigner) -> OfferedKey:
    proof = key.sign(proof_input(code, registry.settings.origin))
    return OfferedKey(view=view, jwk=key.public_key.jwk, proof=b64url_encode(proof))


def _wait_until_healthy(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection(_HOST, port, timeout=10)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        if time.monotonic() > deadline:
            raise RuntimeError("the verifier's service does not start")
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
