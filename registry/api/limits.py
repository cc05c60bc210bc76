"""Bounds on what comes in: bytes of a body while it arrives, and how long it may take."""

import asyncio
from contextlib import suppress

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecert import limits

MAX_REQUESTS = 500
"""Requests at once; more are answered 503."""

MAX_REQUESTS_OF_ONE = 100
"""Of them, of one client."""

HEALTH_PATHS = frozenset({"/health", "/health/live"})
"""Answered however many others there are."""

MAX_BODY_BYTES = 256 * limits.KIB
"""A request's body, but for uploads."""

MAX_UPLOAD_BYTES = limits.MAX_IMPORT_BYTES + 64 * limits.KIB
"""A file of applications with its form fields and boundaries."""

LINGER_SECONDS = 15.0
"""How long the rest of a refused body is read and thrown away, so that the refusal is heard."""

SILENT_SECONDS = 2.0
"""How long a client may pause meanwhile: it has heard, or will not."""

UPLOAD_PATHS = frozenset({"/v1/imports"})

BODY_SECONDS = 20.0
"""How long a body may take to arrive; an upload has as much again for each MiB."""


class BodyTooLargeError(HTTPException):
    """A body is over its bound (413)."""

    def __init__(self, limit: int) -> None:
        super().__init__(status_code=413)
        self.limit = limit


class BodyTooSlowError(HTTPException):
    """A body does not arrive in time (408)."""

    def __init__(self) -> None:
        super().__init__(status_code=408)


class Bounds:
    """Counts a body's bytes as they arrive, whatever ``Content-Length`` says, and watches the time.

    Args:
        app: The application.
        body_seconds: How long a body may take.
    """

    def __init__(self, app: ASGIApp, *, body_seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["path"] in UPLOAD_PATHS
        limit = MAX_UPLOAD_BYTES if upload else MAX_BODY_BYTES
        seconds = self._body_seconds * (1 + limit // limits.MIB)
        body = _Body(scope, receive, limit, asyncio.get_running_loop().time() + seconds)

        closing = False

        async def send_and_close(message: Message) -> None:
            nonlocal closing
            if message["type"] == "http.response.start" and body.unread:
                # What is left of the body is not worth keeping: the connection ends here.
                closing = True
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            if closing and message["type"] == "http.response.body" and not message.get("more_body"):
                await send({**message, "more_body": True})
                await body.discard()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app(scope, body.receive, send_and_close)


class _Body:
    """One body on its way in."""

    def __init__(self, scope: Scope, receive: Receive, limit: int, deadline: float) -> None:
        self._receive = receive
        self._limit = limit
        self._deadline = deadline
        self._size = 0
        self._announced = _content_length(scope)
        self._whole = not self._announced and not _chunked(scope)

    @property
    def unread(self) -> bool:
        """Whether some of it has not been read."""
        return not self._whole

    async def receive(self) -> Message:
        if self._announced > self._limit:
            raise BodyTooLargeError(self._limit)
        if self._whole:
            return await self._receive()  # waits for the client to go away
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlowError from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._size > self._limit:
                raise BodyTooLargeError(self._limit)
        return message

    async def discard(self) -> None:
        """Read what still comes, for a while, and keep nothing (RFC 9112 section 9.6).

        A connection that is closed over unread data is reset, and the answer is lost with it.
        """
        end = min(self._deadline, asyncio.get_running_loop().time() + LINGER_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                while not self._whole:
                    async with asyncio.timeout(SILENT_SECONDS):
                        message = await self._receive()
                    self._whole = not message.get("more_body", False)


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            # Longer numbers than Python reads are refused like those that are too large.
            return int(value[:20]) if value.isdigit() else 0
    return 0


def _chunked(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])
