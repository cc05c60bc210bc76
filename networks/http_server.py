"""Serving HTTP with uvicorn: no connection is held for nothing or for ever, and none is logged.

uvicorn bounds the size of a request's head and how long an idle connection is kept after an answer;
not how long a head may take, how long the rest of a refused body is read, nor how long an answer
may lie unread. A few hundred clients that do nothing would hold all the connections there are.
"""

import asyncio
import socket
from typing import ClassVar, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ecert.crowd import refusal
from ecert.errors import UnavailableError, reason_of
from networks.connections import Connections

HEAD_SECONDS = 10.0
"""How long a request's head may take, from the connection or from its first byte."""

LINGER_SECONDS = 30.0
"""How long the rest of a refused body is read, and dropped: a connection that is closed over unread
data is reset, and most clients lose the answer with it."""

STALL_SECONDS = 30
"""How long a client may leave an answer unread."""

PART_SECONDS = 60.0
"""How long the part of an answer that waits in the buffers, 64 KiB or so, may take to be read."""

REFUSED_SECONDS = 2.0
"""How long a connection that is refused stays open, so that its client hears why."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that ends connections which do not go on in time, and takes only so many of them.

    What may not last is a request's head, the rest of a refused body, and the reading of an answer.

    Attributes:
        head_seconds: See ``HEAD_SECONDS``.
        linger_seconds: See ``LINGER_SECONDS``.
        part_seconds: See ``PART_SECONDS``.
        open_ones: All connections of the service.
    """

    head_seconds: ClassVar[float] = HEAD_SECONDS
    linger_seconds: ClassVar[float] = LINGER_SECONDS
    part_seconds: ClassVar[float] = PART_SECONDS
    open_ones: ClassVar[Connections] = Connections()
    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _waits_in: object = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request, if there is room for one more."""
        super().connection_made(transport)
        self.access_log = False  # whatever handlers the process has: lines would quote queries
        code = self.open_ones.admit(self, self.client[0] if self.client else "")
        if code is None:
            self._wait(self.head_seconds)
        else:
            self._refuse(code)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and see what is waited for now."""
        if self._refused:
            return
        super().data_received(data)
        self._watch()

    def pause_writing(self) -> None:
        """Wait for the client to read what is sent already."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.part_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with this connection."""
        return not self._busy and self.transport.get_write_buffer_size() == 0

    def give_up(self) -> None:
        """Close at once."""
        self.transport.abort()

    def on_response_complete(self) -> None:
        """End an answer; whoever still sends what was asked is not read for ever."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        self.open_ones.leave(self)
        super().connection_lost(exc)

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, code: str) -> None:
        """Answer without waiting for what is asked; a closed connection would tell nothing."""
        self._refused = True
        if not self.open_ones.may_hear(self):
            self.transport.abort()
            return
        head, body = refusal(code)
        lines = b"".join(b"%b: %b\r\n" % line for line in head)
        self.transport.write(b"HTTP/1.1 503 Service Unavailable\r\n%b\r\n%b" % (lines, body))
        self.transport.write_eof()
        self._late = self.loop.call_later(REFUSED_SECONDS, self.transport.abort)

    def _watch(self) -> None:
        self.open_ones.mark(self, waiting=not self._busy)
        if self.conn.their_state is h11.IDLE:
            if self.timeout_keep_alive_task is None:  # else uvicorn's own timer runs
                self._wait(self.head_seconds)
        elif self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete:
            self._wait(self.linger_seconds)
        else:
            self._stop()

    def _wait(self, seconds: float) -> None:
        state = self.conn.their_state
        if self._late is None or self._waits_in is not state:
            self._stop()
            self._late, self._waits_in = self.loop.call_later(seconds, self._close), state

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        self._late = None
        self.transport.close()


def protocol_of(connections: Connections) -> type[BoundedProtocol]:
    """Return the protocol of a service with its own connections."""
    return type("BoundedProtocol", (BoundedProtocol,), {"open_ones": connections})


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address, for uvicorn to listen on.

    Args:
        host: An address of this machine, or a name for one.
        port: The TCP port; 0 for any that is free.

    Raises:
        UnavailableError: ``address_unusable``.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, for only then does asyncio turn Nagle's algorithm off, which would hold
    # each answer back until the client has acknowledged its head: 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _drop_stalled(listener)
        listener.bind((host, port))
    except (OSError, OverflowError, UnicodeError) as error:  # also: no port, no host name
        listener.close()
        reason = reason_of(error)
        raise UnavailableError("address_unusable", host=host, port=port, reason=reason) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Return where a socket listens, as ``http://host:port``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _drop_stalled(listener: socket.socket, seconds: int = STALL_SECONDS) -> None:
    """Let the kernel end connections, made through ``listener``, that take no data any more.

    TCP's user timeout (RFC 5482), which accepted sockets inherit; where the system has none, that
    is a reverse proxy's to do.
    """
    option = cast("int | None", getattr(socket, "TCP_USER_TIMEOUT", None))
    if option is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, 1000 * seconds)
