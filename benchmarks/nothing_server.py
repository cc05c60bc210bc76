"""An HTTP server that does nothing, to find what the load generator could reach at most."""

import asyncio
import sys

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
BODY_BYTES = 5_000
"""As long as the answer to a check."""


class _Nothing(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(_HEAD_END)
        if end and len(rest) >= int(head.partition(_LENGTH)[2].partition(b"\r")[0]):
            self._received.clear()
            self._transport.write(self._answer)


async def main(begins: str) -> None:
    body = begins.encode().ljust(BODY_BYTES, b" ")
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Nothing(answer), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
