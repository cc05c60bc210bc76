"""A constant-rate, open-loop load generator for HTTP, in a process of its own.

``python -m benchmarks.open_loop PORT RATE FILE``: sends the requests of ``FILE`` one after another,
each when it is due, whether or not earlier ones were answered, and prints what was found as JSON.
A request that is due while all connections are taken waits, and its time counts: latency is from
the moment at which a request was due, so that a server that stalls does not hide the requests which
it kept from being sent ("coordinated omission").

One thread, plain sockets and ``select``, whose timeouts are exact to microseconds.
"""

import json
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

CONNECTIONS = 64
"""Kept alive; requests at one time."""

GRACE_SECONDS = 10.0
"""How long the last answers are waited for."""

_LENGTH_BYTES = 4
_HOST = "127.0.0.1"
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, slots=True)
class Load:
    """What a run found; times in seconds.

    Attributes:
        asked: Requests a second that were to be sent.
        sent: Requests in all.
        good: Those whose answer was the wanted one.
        others: Other answers, by status and how the body begins; and connections that broke.
        seconds: From the first request that was due to the last answer.
        p50: The median of the latency of good answers.
        p99: Its 99th hundredth.
        p999: Its 999th thousandth.
        longest: The longest.
        cpu: Processor time of the generator.
    """

    asked: float
    sent: int
    good: int
    others: dict[str, int]
    seconds: float
    p50: float
    p99: float
    p999: float
    longest: float
    cpu: float

    @property
    def reached(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    due: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def whole(self) -> bool:
        """Whether an answer has arrived in full."""
        head, end, rest = self.received.partition(_HEAD_END)
        if not end:
            return False
        _, _, length = head.lower().partition(_LENGTH)
        return len(rest) >= int(length.partition(b"\r")[0])


def write_requests(path: Path, requests: Sequence[bytes]) -> None:
    """Write requests for ``run``, each with its length before it."""
    path.write_bytes(
        b"".join(len(request).to_bytes(_LENGTH_BYTES) + request for request in requests)
    )


def read_requests(path: Path) -> list[bytes]:
    """Read what ``write_requests`` wrote."""
    data, at = path.read_bytes(), 0
    requests: list[bytes] = []
    while at < len(data):
        length = int.from_bytes(data[at : at + _LENGTH_BYTES])
        at += _LENGTH_BYTES
        requests.append(data[at : at + length])
        at += length
    return requests


class Generator:
    """Sends requests to a port of this machine.

    Args:
        port: The port.
        wanted: How the body of a good answer begins.
        connections: How many are kept.
    """

    def __init__(self, port: int, wanted: bytes, connections: int = CONNECTIONS) -> None:
        self._port = port
        self._wanted = wanted
        self._free = deque(self._connect() for _ in range(connections))
        self._busy: dict[socket.socket, _Connection] = {}
        self._latencies: list[float] = []
        self._others: Counter[str] = Counter()

    def run(self, rate: float, requests: Sequence[bytes]) -> Load:
        """Send all requests at ``rate`` a second."""
        cpu, clock, count = time.process_time(), time.perf_counter, len(requests)
        start = clock() + 0.05
        number = 0
        while number < count or self._busy:
            now = clock()
            while number < count and self._free and (due := start + number / rate) <= now:
                self._send(requests[number], due)
                number += 1
            if number < count and self._free:
                pause = max(0.0, start + number / rate - clock())
            else:
                pause = GRACE_SECONDS
            readable, _, _ = select.select(list(self._busy), (), (), pause)
            if not readable and pause == GRACE_SECONDS:
                break
            for ready in readable:
                self._receive(self._busy[ready])
        seconds = clock() - start
        self._others["no answer"] += len(self._busy)
        for connection in (*self._free, *self._busy.values()):
            connection.socket.close()
        return self._found(rate, number, seconds, time.process_time() - cpu)

    def _found(self, rate: float, sent: int, seconds: float, cpu: float) -> Load:
        times = sorted(self._latencies) or [float("nan")]
        p50, p99, p999 = (times[int(len(times) * share)] for share in (0.5, 0.99, 0.999))
        others = {name: count for name, count in self._others.items() if count}
        return Load(
            rate, sent, len(self._latencies), others, seconds, p50, p99, p999, times[-1], cpu
        )

    def _connect(self) -> _Connection:
        connection = socket.create_connection((_HOST, self._port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _Connection(connection)

    def _send(self, request: bytes, due: float) -> None:
        connection = self._free.popleft()
        try:
            connection.socket.sendall(request)
        except OSError:  # it was closed meanwhile
            connection.socket.close()
            connection = self._connect()
            connection.socket.sendall(request)
        connection.due = due
        self._busy[connection.socket] = connection

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(1 << 16)
        except OSError:
            data = b""
        connection.received += data
        if not data:
            self._others["broken off"] += 1
            self._replace(connection)
        elif connection.whole():
            self._answered(connection)

    def _answered(self, connection: _Connection) -> None:
        head, _, body = bytes(connection.received).partition(_HEAD_END)
        if head.startswith(b"HTTP/1.1 200 ") and body.startswith(self._wanted):
            self._latencies.append(time.perf_counter() - connection.due)
        else:
            self._others[(head[9:12] + b" " + body[:120]).decode("utf-8", "replace")] += 1
        if b"\r\nconnection: close" in head.lower():
            self._replace(connection)
            return
        connection.received.clear()
        del self._busy[connection.socket]
        self._free.append(connection)

    def _replace(self, connection: _Connection) -> None:
        del self._busy[connection.socket]
        connection.socket.close()
        self._free.append(self._connect())


def main(arguments: Sequence[str]) -> None:
    """Run as a program."""
    port, rate, wanted, path = arguments
    generator = Generator(int(port), wanted.encode())
    print(json.dumps(asdict(generator.run(float(rate), read_requests(Path(path))))))


if __name__ == "__main__":
    main(sys.argv[1:])
