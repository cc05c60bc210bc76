"""The web service: uvicorn in a thread, so that one process can run the worker beside it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from ecert import limits
from ecert.errors import UnavailableError
from registry.api.app import create_app
from registry.api.connections import PunctualProtocol, drop_stalled
from registry.application import Registry

MAX_CONNECTIONS = 500
"""Requests at once; more are answered 503."""

_BACKLOG = 256
_HEADER_BYTES = 16 * limits.KIB
_IDLE_SECONDS = 15
_START_SECONDS = 30.0
_GRACE_SECONDS = 10


@contextmanager
def serving(registry: Registry) -> Iterator[str]:
    """Serve a registry's API at its settings' host and port while the context lasts.

    Yields:
        The address that it listens on, ``http://host:port``.

    Raises:
        UnavailableError: ``address_unusable`` when it cannot listen there;
            ``web_service_not_started``.
    """
    listener = _listen(registry.settings.host, registry.settings.port)
    server = uvicorn.Server(_config(registry))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True
    )
    thread.start()
    try:
        _wait_until_started(server, thread)
        host, port = listener.getsockname()[:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(2 * _GRACE_SECONDS)
        listener.close()


def _config(registry: Registry) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(registry),
        http=PunctualProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # the application's own names route templates, not addresses asked for
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        backlog=_BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, for only then does asyncio turn Nagle's algorithm off, which would hold
    # each answer back until the client has acknowledged its head: 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        drop_stalled(listener)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or type(error).__name__
        raise UnavailableError("address_unusable", host=host, port=port, reason=reason) from error
    return listener


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise UnavailableError("web_service_not_started")
        time.sleep(0.01)
