"""How many connections a service holds: in all, and from one address.

A connection on which no request is waiting to be answered can be given up for a new one, the one
that has waited longest first: so those that were opened and left do not keep others out.
"""

import itertools
import logging
import os
import resource
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ecert.rates import client_of

MAX_CONNECTIONS = 4096
"""Connections at once; each takes about 10 KB."""

MAX_OF_ONE = 256
"""Of them from one address, an IPv6 network of 64 bits counting as one."""

REFUSED_AT_ONCE = 64
"""Connections that are still open to hear why they are refused; more are closed without a word."""

BACKLOG = 512
"""Connections that wait to be accepted. So many are accepted before the first of them is looked at,
and as many may be given up for them and not be closed yet."""

RESERVED_DESCRIPTORS = 2 * BACKLOG + 256
"""File descriptors for these and for all else: database, chain, uploads."""

_LOOKED_AT = 64
_log = logging.getLogger(__name__)


class Connection(Protocol):
    """What is asked of a connection."""

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with it: no request, no answer that is not sent yet."""

    def give_up(self) -> None:
        """Close it at once."""


class Connections:
    """The open connections of one service.

    Args:
        most: How many there may be.
        of_one: How many of one address.
        trusted: Tells whether an address is a proxy's, behind which there are many clients.
    """

    def __init__(
        self,
        *,
        most: int = MAX_CONNECTIONS,
        of_one: int = MAX_OF_ONE,
        trusted: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.most = most
        self._of_one = of_one
        self._trusted = trusted
        self._open: dict[Connection, str] = {}
        self._waiting: dict[Connection, None] = {}  # those without a request, longest first
        self._clients: Counter[str] = Counter()
        self._refused: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection, host: str) -> str | None:
        """Take a new connection, or return the code of why it is refused."""
        client = "" if self._trusted(host) else client_of(host)
        if client and self._clients[client] >= self._of_one:
            return "client_crowded"
        if len(self._open) >= self.most and not self._make_room():
            return "service_crowded"
        self._open[connection] = client
        self._clients[client] += 1
        self._waiting[connection] = None
        return None

    def may_hear(self, connection: Connection) -> bool:
        """Tell whether a refused connection may stay open until it has heard so."""
        if len(self._refused) >= REFUSED_AT_ONCE:
            return False
        self._refused.add(connection)
        return True

    def mark(self, connection: Connection, *, waiting: bool) -> None:
        """Note whether a connection waits for a request."""
        if not waiting:
            self._waiting.pop(connection, None)
        elif connection in self._open:
            self._waiting.setdefault(connection)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._refused.discard(connection)
        self._waiting.pop(connection, None)
        client = self._open.pop(connection, None)
        if client is not None:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def _make_room(self) -> bool:
        longest = itertools.islice(self._waiting, _LOOKED_AT)
        given_up = next((connection for connection in longest if connection.idle), None)
        if given_up is None:
            return False
        self.leave(given_up)
        given_up.give_up()
        return True


def connections_here() -> Connections:
    """Return bounds for a service in this process, whose limit on open files is raised for them."""
    descriptors = raise_descriptors(MAX_CONNECTIONS + RESERVED_DESCRIPTORS)
    most = min(MAX_CONNECTIONS, max(1, descriptors - RESERVED_DESCRIPTORS))
    if most < MAX_CONNECTIONS:
        _log.warning(
            "only %d connections at once: this process may open %d files; raise its hard limit"
            " (ulimit -Hn, LimitNOFILE=) to %d",
            most, descriptors, MAX_CONNECTIONS + RESERVED_DESCRIPTORS,
        )  # fmt: skip
    _log.info("up to %d connections at once, %d from one address", most, MAX_OF_ONE)
    return Connections(most=most, trusted=trusted_hosts())


def raise_descriptors(wanted: int) -> int:
    """Raise the limit on open files as far as wanted and allowed; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        except (OSError, ValueError):  # some systems have a lower limit that they do not tell
            return soft
        soft = raised
    return wanted if soft == resource.RLIM_INFINITY else soft


def trusted_hosts() -> Callable[[str], bool]:
    """Return what tells the addresses whose ``X-Forwarded-For`` uvicorn believes."""
    named = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
    hosts = ProxyHeadersMiddleware(_nothing, named).trusted_hosts
    return lambda host: host in hosts


async def _nothing(*_: object) -> None:
    """Serve nothing: only the addresses are wanted."""
