"""Connections that may not be held for nothing: where the application does not see them yet.

uvicorn bounds the size of a request's head and how long an idle connection is kept after an answer,
but neither how long the first head may take nor how long an answer may lie unread; a few hundred
clients that do nothing would otherwise hold all the connections there are.
"""

import asyncio
import socket
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long a request's head may take, from the connection or from its first byte."""

STALL_SECONDS = 30
"""How long a client may leave an answer unread."""


class PunctualProtocol(H11Protocol):
    """HTTP/1.1 that closes connections whose next request does not come."""

    head_seconds = HEAD_SECONDS
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for the first request."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once a request's head is whole; start again with the next one's start."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._expect_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()


def drop_stalled(listener: socket.socket, seconds: int = STALL_SECONDS) -> None:
    """Let the kernel end connections, made through ``listener``, that take no data any more.

    TCP's user timeout (RFC 5482), inherited by accepted sockets; where the system has none, a
    reverse proxy has to do it.
    """
    option = cast("int | None", getattr(socket, "TCP_USER_TIMEOUT", None))
    if option is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, 1000 * seconds)
