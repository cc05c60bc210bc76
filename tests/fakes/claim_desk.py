"""A registry's claim routes over real HTTP, over a ``World``: honest, broken or hostile.

It keeps the rules of the real one (a code is good once; who repeats it with the same keys is
answered again), so that what a wallet must survive can be made to happen at each point.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ecert import card
from ecert.claiming import new_code, normal_code, proof_input
from ecert.encoding import b64url_decode
from ecert.receipt import Receipt
from ecert.signing import PublicKey
from tests.fakes.world import World


class BreakOff(Exception):  # noqa: N818 - not a failure of the test
    """Raised by ``alter`` to end the connection without an answer."""


@dataclass
class Taken:
    """A claim that was taken."""

    claim_id: str
    secret: str
    keys: dict[str, PublicKey]
    artefacts: list[dict[str, Any]]


@dataclass
class ClaimDesk:
    """One registry.

    Attributes:
        world: Issues and anchors.
        alter: Makes the status and the JSON (or bytes) that are sent, of method, path and the true
            ones, after the registry has done its work.
        before: Called with method and path when a request has arrived, before any work.
        complete: Whether what was claimed is anchored.
        requests: Method and path of each request.
    """

    world: World
    alter: Callable[[str, str, int, Any], tuple[int, Any]] = lambda _m, _p, status, value: (
        status,
        value,
    )
    before: Callable[[str, str], None] = lambda _m, _p: None
    complete: bool = True
    url: str = ""
    codes: dict[str, Taken | None] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def new_code(self) -> str:
        """Make a code for the sample resident's document."""
        code = new_code()
        self.codes[normal_code(code)] = None
        return code

    def claims(self) -> list[Taken]:
        """Return what was claimed so far."""
        return [taken for taken in self.codes.values() if taken]

    def answer(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        self.requests.append((method, path))
        match (method, path):
            case ("POST", "/v1/claims/kind"):
                if self.codes.get(normal_code(body["code"]), 0) is None:
                    return 200, {"kind": "resident-id", "version": 1}
                return _problem(404, "claim_code_unknown")
            case ("POST", "/v1/claims"):
                return self._claim(body)
            case ("GET", _):
                return self._content(path.rpartition("/")[2], token)
        return _problem(404, "api_route_unknown")

    def _claim(self, body: Any) -> tuple[int, Any]:
        code = normal_code(body["code"])
        signed = proof_input(code, self.url)
        keys: dict[str, PublicKey] = {}
        for offered in ({"view": "", **body["holder"]}, *body["cards"]):
            key = PublicKey.from_jwk(offered["jwk"])
            key.verify(b64url_decode(offered["proof"]), signed, alg="ES256", where="proof")
            keys[offered["view"]] = key
        if code not in self.codes:
            return _problem(404, "claim_code_unknown")
        taken = self.codes[code]
        if taken is None:
            taken = Taken(secrets.token_hex(16), "", keys, self._sign(keys))
            self.codes[code] = taken
        elif taken.keys != keys:
            return _problem(404, "claim_code_unknown")
        taken.secret = secrets.token_urlsafe(32)
        return 201, {"id": taken.claim_id, "secret": taken.secret}

    def _sign(self, keys: dict[str, PublicKey]) -> list[dict[str, Any]]:
        issued = [("", self.world.issue(holder=keys[""], index=20))]
        for index, (view, key) in enumerate(keys.items()):
            if view:
                issued.append((view, self.world.issue_card(view, holder=key, index=21 + index)))  # type: ignore[arg-type]
        receipts = self.world.anchor(*(made.digest for _, made in issued))
        return [
            {"view": view or None, "text": made.text, "receipt": receipt.to_json()}
            for (view, made), receipt in zip(issued, receipts, strict=True)
        ]

    def _content(self, claim_id: str, token: str) -> tuple[int, Any]:
        for taken in self.claims():
            if (taken.claim_id, taken.secret) == (claim_id, token):
                items = [dict(item) for item in taken.artefacts]
                if not self.complete:
                    items = [{**item, "receipt": None} for item in items]
                return 200, {"id": claim_id, "complete": self.complete, "artefacts": items}
        return _problem(401, "claim_secret_invalid")


def printed(world: World) -> str:
    """Return the text of a card as it is printed: without holder, with its receipt."""
    issued = world.issue_card("full", holder=None)
    receipt: Receipt = world.anchor(issued.digest)[0]
    return card.with_receipt(issued.text, receipt.compact())


def _problem(status: int, code: str) -> tuple[int, Any]:
    return status, {"status": status, "code": code, "zh": f"拒绝：{code}", "en": f"Refused: {code}"}


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Say nothing when a connection breaks off."""


@contextmanager
def running(desk: ClaimDesk) -> Iterator[ClaimDesk]:
    """Run ``desk`` on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do(None)

        def do_POST(self) -> None:
            self._do(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _do(self, body: Any) -> None:
            token = (self.headers["authorization"] or "").removeprefix("Bearer ")
            try:
                desk.before(self.command, self.path)
                status, value = desk.answer(self.command, self.path, token, body)
                status, value = desk.alter(self.command, self.path, status, value)
            except BreakOff:
                self.close_connection = True
                return
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    desk.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
