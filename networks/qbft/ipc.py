"""Calls that only a node's owner may make, over the socket in the node's folder."""

import json
import os
import socket
from pathlib import Path
from typing import Any

from ecert.encoding import json_decode
from ecert.errors import MalformedError, UnavailableError
from ecert.limits import MIB

CALL_SECONDS = 5.0
MAX_ANSWER_BYTES = 4 * MIB
_CHUNK = 1 << 16


class NodeSocket:
    """JSON-RPC over a node's socket; each call has a connection of its own.

    Args:
        folder: The folder that holds the socket.
        name: The socket's name there.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def call(self, method: str, *params: object) -> Any:
        """Return the ``result`` of one call.

        Raises:
            UnavailableError: ``network_node_silent``: nothing answers, or not in time;
                ``network_node_refused``: the node answers with an error.
        """
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        try:
            line = self._exchange(json.dumps(request).encode())
            answer = json_decode(line, where=self._name, max_bytes=MAX_ANSWER_BYTES)
        except (OSError, MalformedError) as error:
            raise UnavailableError(
                "network_node_silent", name=self._folder.name, reason=str(error) or "timeout"
            ) from error
        if not isinstance(answer, dict) or "result" not in answer:
            said = answer.get("error") if isinstance(answer, dict) else answer
            raise UnavailableError(
                "network_node_refused", name=self._folder.name, method=method, reason=said
            )
        return answer["result"]

    def _exchange(self, request: bytes) -> bytes:
        """Send a line and return the line that comes back.

        The path goes by way of a handle on the folder: a socket's path may have 107 bytes only.
        """
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(CALL_SECONDS)
                connection.connect(f"/proc/self/fd/{folder}/{self._name}")
                connection.sendall(request)
                answer = bytearray()
                while not answer.endswith(b"\n") and len(answer) <= MAX_ANSWER_BYTES:
                    chunk = connection.recv(_CHUNK)
                    if not chunk:
                        break
                    answer += chunk
                return bytes(answer)
        finally:
            os.close(folder)
