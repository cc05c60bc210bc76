"""Calls to the embedded node over the loopback interface."""

from typing import Any

from ecert.chain.rpc import RpcNode
from ecert.limits import MIB

HOST = "127.0.0.1"

CALL_SECONDS = 120.0
"""How long one call may take: a large chain is dumped in one answer."""

MAX_ANSWER_BYTES = 2048 * MIB
"""One answer: a dump is the whole chain, compressed, in hexadecimal."""


class LoopbackRpc:
    """A JSON-RPC client of one node on this machine.

    Args:
        port: The TCP port on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self._node = RpcNode(self.url, seconds=CALL_SECONDS, max_bytes=MAX_ANSWER_BYTES)

    def call(self, method: str, *params: object) -> Any:
        """Return the ``result`` of one call.

        Raises:
            UnavailableError: ``rpc_unreachable`` when nothing answers, ``rpc_refused`` when the
                node answers with an error.
        """
        return self._node.call(method, params)
