"""A verifier's service whose clients vanish without a word; run in a network namespace of its own.

    unshare --net python vanishing_peer.py

The clients' cable is cut by taking the loopback interface down: no FIN and no RST comes any more.
"""

import fcntl
import socket
import struct

from networks.connections import Connections
from networks.http_server import BoundedProtocol
from tests.fakes.world import World
from tests.integration.web_service import serving_world, wait_for
from verifier.web import upload

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def set_loopback(*, up: bool) -> None:
    with socket.socket() as any_socket:
        name = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, name)[:18])[1]
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags))


def main() -> None:
    set_loopback(up=True)
    connections = Connections()
    BoundedProtocol.open_ones = connections
    BoundedProtocol.head_seconds = BoundedProtocol.linger_seconds = 1.0
    BoundedProtocol.part_seconds = 1.0
    upload.Body.__init__.__kwdefaults__["pause"] = 1.0  # type: ignore[index]
    beginnings = (
        b"",
        b"GET /health HTTP/1.1\r\nX-Half: ",
        b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf",
        b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    )
    with serving_world(World()) as client:
        address = ("127.0.0.1", client.base_url.port)
        gone = [socket.create_connection(address) for _ in range(5) for _ in beginnings]
        for number, peer in enumerate(gone):
            peer.sendall(beginnings[number % len(beginnings)])
        set_loopback(up=False)
        wait_for(lambda: len(connections) == 0, 20)
        set_loopback(up=True)
        assert client.get("/health").status_code == 200


if __name__ == "__main__":
    main()
