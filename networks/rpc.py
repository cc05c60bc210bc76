"""Calls to the embedded node over the loopback interface.

Plain ``http.client``: no proxy from the environment can come between, and no redirect is followed.
"""

import http.client
import json
from typing import Any

from ecert.errors import UnavailableError

HOST = "127.0.0.1"


class LoopbackRpc:
    """A JSON-RPC 2.0 client of one node on this machine.

    Args:
        port: The TCP port on 127.0.0.1.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, port: int, *, timeout: float = 60.0) -> None:
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self._timeout = timeout

    def call(self, method: str, *params: object) -> Any:
        """Return the ``result`` of one call.

        Raises:
            UnavailableError: ``embedded_node_unreachable`` when nothing answers,
                ``embedded_node_refused`` when the node answers with an error.
        """
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        connection = http.client.HTTPConnection(HOST, self.port, timeout=self._timeout)
        try:
            connection.request("POST", "/", body, {"content-type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = type(error).__name__
            raise UnavailableError(
                "embedded_node_unreachable", url=self.url, reason=reason
            ) from error
        finally:
            connection.close()
        if not isinstance(answer, dict) or "result" not in answer:
            reason = str(answer.get("error", answer) if isinstance(answer, dict) else answer)[:200]
            raise UnavailableError(
                "embedded_node_refused", url=self.url, method=method, reason=reason
            )
        return answer["result"]
