"""Calls to the embedded node over the loopback interface."""

import secrets
import socket
from typing import Any
from urllib.parse import urlsplit

from ecert.chain.rpc import RpcNode
from ecert.limits import MIB

HOST = "127.0.0.1"
_LOOPBACK_NETWORK = 127 << 24
_LOOPBACK_SIZE = 1 << 24

CALL_SECONDS = 120.0
"""How long one call may take: a large chain is dumped in one answer."""

MAX_ANSWER_BYTES = 2048 * MIB
"""One answer: a dump is the whole chain, compressed, in hexadecimal."""


class LoopbackRpc:
    """A JSON-RPC client of one node on this machine.

    Args:
        url: Its address, ``http://host:port``.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.host = parts.hostname or HOST
        self.port = parts.port or 0
        self._node = RpcNode(url, seconds=CALL_SECONDS, max_bytes=MAX_ANSWER_BYTES)

    def call(self, method: str, *params: object) -> Any:
        """Return the ``result`` of one call.

        Raises:
            UnavailableError: ``rpc_unreachable`` when nothing answers, ``rpc_refused`` when the
                node answers with an error.
        """
        return self._node.call(method, params)


def secret_loopback() -> str:
    """Return a loopback address that nobody guesses, of the 16 million that Linux has.

    A node asks for no password and takes WebSockets from any origin: a page on the web, open in a
    browser on this machine, could try all ports of 127.0.0.1 and then rewrite the chain. Where the
    system has that one address only (macOS), it is returned.
    """
    number = _LOOPBACK_NETWORK + 2 + secrets.randbelow(_LOOPBACK_SIZE - 3)
    host = socket.inet_ntoa(number.to_bytes(4, "big"))
    return host if can_listen(host) else HOST


def can_listen(host: str) -> bool:
    """Tell whether a loopback address is one of this machine's."""
    if not host.startswith("127."):
        return False
    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True
