"""Connections to one host: opened, kept for a while, and broken off when their time is over."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator

KEPT = 8
"""Connections to one host that are kept."""

KEPT_SECONDS = 30.0
"""How long one is kept unused."""


class Line:
    """A connection that speaks HTTP.

    Args:
        address: Host and port.
        context: For TLS; None without.
        seconds: Bound on the time of connecting.

    Attributes:
        used: Whether an exchange was made over it.
    """

    def __init__(
        self, address: tuple[str, int], context: ssl.SSLContext | None, seconds: float
    ) -> None:
        plain = socket.create_connection(address, seconds)
        # A request's head and body are sent one after the other: without this the body would wait
        # until the head is acknowledged, which on a connection in use takes 40 ms.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Another handle of the same connection: TLS and http.client take hold of the first.
        self._handle = plain.dup()
        self._handle.setblocking(False)
        self._plain: socket.socket | None = plain
        self._context, self._host = context, address[0]
        self.connection = http.client.HTTPConnection(*address)
        self.connection.auto_open = 0
        self._unused_since = time.monotonic()
        self.used = False

    def secure(self) -> None:
        """Make the handshake, if there is one to be made."""
        plain, self._plain = self._plain, None
        if plain is None:
            return
        if self._context is not None:
            try:
                plain = self._context.wrap_socket(plain, server_hostname=self._host)
            except BaseException:
                plain.close()
                raise
        self.connection.sock = plain

    def rest(self) -> None:
        """Take note that an exchange is over."""
        self.used, self._unused_since = True, time.monotonic()

    @property
    def good(self) -> bool:
        """Whether it may be used again: nothing came from the other end, not even its end."""
        if time.monotonic() >= self._unused_since + KEPT_SECONDS:
            return False
        try:
            self._handle.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def break_off(self) -> None:
        """End it from whatever thread, in the midst of an exchange."""
        with contextlib.suppress(OSError):
            self._handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        if self._plain is not None:
            self._plain.close()
        self.connection.close()
        self._handle.close()


class Lines:
    """Connections to one host that are not in use; for many threads.

    Args:
        address: Host and port.
        context: For TLS; None without.
        seconds: Bound on the time of connecting.
    """

    def __init__(
        self, address: tuple[str, int], context: ssl.SSLContext | None, seconds: float
    ) -> None:
        self._address, self._context, self._seconds = address, context, seconds
        self._kept: deque[Line] = deque()
        weakref.finalize(self, _close_all, self._kept)

    def open(self) -> Line:
        """Return a new connection."""
        return Line(self._address, self._context, self._seconds)

    def take(self) -> Line | None:
        """Return one that was kept, the last one used first; None if there is none."""
        while True:
            try:
                line = self._kept.pop()
            except IndexError:
                return None
            if line.good:
                return line
            line.close()

    def keep(self, line: Line) -> None:
        """Keep one for further exchanges."""
        if len(self._kept) < KEPT:
            line.rest()
            self._kept.append(line)
        else:
            line.close()


class _Watchdog:
    """Breaks lines off whose time is over: one thread for all, started with the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._watched: dict[Exchange, float] = {}
        self._wakes: float | None = None
        self._started = False

    def watch(self, exchange: "Exchange", until: float) -> None:
        with self._changed:
            self._watched[exchange] = until
            if not self._started:
                threading.Thread(target=self._run, name="deadlines", daemon=True).start()
                self._started = True
            elif self._wakes is None or until < self._wakes:
                self._changed.notify()

    def leave(self, exchange: "Exchange") -> None:
        with self._changed:
            self._watched.pop(exchange, None)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for exchange, until in list(self._watched.items()):
                    if until <= now:
                        del self._watched[exchange]
                        exchange.end()
                self._wakes = min(self._watched.values(), default=None)
                self._changed.wait(None if self._wakes is None else self._wakes - now)


_watchdog = _Watchdog()


class Exchange:
    """The time of one exchange over a line.

    Args:
        line: The line.

    Attributes:
        late: Whether the time was over, and the line was broken off.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self.late = False

    @contextlib.contextmanager
    def within(self, until: float) -> Iterator[None]:
        """Break the line off when it is ``until``, monotonic seconds."""
        _watchdog.watch(self, until)
        try:
            yield
        finally:
            _watchdog.leave(self)

    def end(self) -> None:
        """Break the line off."""
        self.late = True
        self._line.break_off()


def _close_all(kept: deque[Line]) -> None:
    while kept:
        kept.pop().close()
