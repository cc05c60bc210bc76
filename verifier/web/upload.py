"""Taking in a request's body: counted while it arrives, never on disk, bounded for all together."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from ecert import limits
from ecert.errors import MalformedError
from verifier.inputs import MAX_FILE_BYTES
from verifier.web.errors import BusyError, RefusedError

MAX_FORM_BYTES = 64 * limits.KIB
"""A form's boundaries, headers and short fields, beside the file."""

MAX_BODY_BYTES = MAX_FILE_BYTES + MAX_FORM_BYTES
"""One request's body."""

MAX_BODIES_BYTES = 8 * MAX_BODY_BYTES
"""All bodies held at one time; counted as they arrive, so that slow clients hold little."""

BODY_SECONDS = 120.0
"""How long a body may take to arrive."""

PAUSE_SECONDS = 20.0
"""How long a client may send nothing in between."""


class Budget:
    """Bytes that all requests of a process may hold at one time.

    Used from the event loop alone, so that it needs no lock.

    Args:
        limit: Bytes.
    """

    def __init__(self, limit: int = MAX_BODIES_BYTES) -> None:
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Reserve bytes.

        Raises:
            BusyError: ``service_busy``.
        """
        if self.held + size > self._limit:
            raise BusyError("service_busy")
        self.held += size

    def give_back(self, size: int) -> None:
        """Return reserved bytes."""
        self.held -= size


class Body:
    """A request's body, and the bytes that it has reserved.

    Args:
        request: The request.
        budget: What its bytes are reserved from.
        seconds: How long it may take to arrive.
        pause: How long nothing may arrive.
    """

    def __init__(
        self,
        request: Request,
        budget: Budget,
        *,
        seconds: float = BODY_SECONDS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._request = request
        self._budget = budget
        self._seconds = seconds
        self._pause = pause
        self._held = 0

    async def read(self) -> bytes:
        """Read the body; what it reserved is returned by ``release``, at once where this fails.

        Raises:
            MalformedError: ``upload_too_large``: by what it announces, or by what arrives.
            RefusedError: ``body_encoded``, ``upload_too_slow``, ``upload_broken_off``.
            BusyError: ``service_busy``.
        """
        try:
            return await self._read()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Return what was reserved; further calls do nothing."""
        self._budget.give_back(self._held)
        self._held = 0

    async def _read(self) -> bytes:
        self._check_head()
        chunks: list[bytes] = []
        stream = self._request.stream()
        try:
            async with asyncio.timeout(self._seconds):
                while (chunk := await self._next(stream)) is not None:
                    if self._held + len(chunk) > MAX_BODY_BYTES:
                        raise _too_large()
                    self._budget.take(len(chunk))
                    self._held += len(chunk)
                    chunks.append(chunk)
        except TimeoutError:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "upload_too_slow") from None
        except ClientDisconnect:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "upload_broken_off") from None
        return b"".join(chunks)

    async def _next(self, stream: AsyncIterator[bytes]) -> bytes | None:
        async with asyncio.timeout(self._pause):
            return await anext(stream, None)

    def _check_head(self) -> None:
        headers = self._request.headers
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "body_encoded")
        announced = headers.get("content-length", "0")
        # No number of more than 20 digits is a length that anybody could send.
        if announced.isdecimal() and int(announced[:20]) > MAX_BODY_BYTES:
            raise _too_large()


def _too_large() -> MalformedError:
    return MalformedError("upload_too_large", limit=MAX_FILE_BYTES // limits.MIB)
