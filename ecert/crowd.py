"""Requests at once: so many in all, so many of one client; more are told to come later."""

import asyncio
from collections import Counter
from collections.abc import Callable, Container

from ecert.asgi import PROBLEM, App, Message, Receive, Scope, Send, problem
from ecert.errors import EcertError
from ecert.rates import client_of

RETRY_SECONDS = 5
PART_BYTES = 64 * 1024
"""Of an answer that a client does not read no more than this waits in the server's buffers, and the
request counts until the last part is taken."""


class Crowd:
    """Bounds how many requests are worked on.

    Args:
        app: The application.
        most: How many there may be.
        of_one: How many of one client.
        trusted: Tells whether an address is a proxy's: what comes from there without naming a
            client may be anybody's.
        always: Paths that are answered however many there are.
    """

    def __init__(
        self,
        app: App,
        *,
        most: int,
        of_one: int,
        trusted: Callable[[str], bool],
        always: Container[str],
    ) -> None:
        self._app = app
        self._most = most
        self._of_one = of_one
        self._trusted = trusted
        self._always = always
        self._count = 0
        self._clients: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._always:
            await self._app(scope, receive, send)
            return
        host = (scope.get("client") or ("",))[0]
        client = "" if self._trusted(host) else client_of(host)
        if self._count >= self._most:
            await _refuse(send, "service_crowded")
        elif client and self._clients[client] >= self._of_one:
            await _refuse(send, "client_crowded")
        else:
            await self._serve(client, scope, receive, send)

    async def _serve(self, client: str, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_parts(message: Message) -> None:
            body = message.get("body", b"")
            last = max(0, len(body) - 1) // PART_BYTES * PART_BYTES
            for start in range(0, last, PART_BYTES):
                part = body[start : start + PART_BYTES]
                await send({"type": "http.response.body", "body": part, "more_body": True})
                await asyncio.sleep(0)  # else a client that has gone meanwhile is not noticed
            await send({**message, "body": body[last:]} if last else message)

        self._count += 1
        self._clients[client] += 1
        try:
            await self._app(scope, receive, send_parts)
        finally:
            self._count -= 1
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]


def refusal(code: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return head and body of the answer to whoever comes when there is no room (503)."""
    body = problem(503, EcertError(code, seconds=RETRY_SECONDS))
    return [
        (b"content-type", PROBLEM.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % RETRY_SECONDS),
        (b"connection", b"close"),
    ], body


async def _refuse(send: Send, code: str) -> None:
    head, body = refusal(code)
    await send({"type": "http.response.start", "status": 503, "headers": head})
    await send({"type": "http.response.body", "body": body})
