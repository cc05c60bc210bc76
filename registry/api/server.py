"""The web service: uvicorn in a thread, so that one process can run the worker beside it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from ecert import limits
from ecert.errors import UnavailableError
from networks.connections import BACKLOG, connections_here
from networks.http_server import address_of, listen, protocol_of
from registry.api.app import create_app
from registry.application import Registry

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
    listener = listen(registry.settings.host, registry.settings.port)
    server = uvicorn.Server(_config(registry))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True
    )
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield address_of(listener)
    finally:
        server.should_exit = True
        thread.join(2 * _GRACE_SECONDS)
        listener.close()


def _config(registry: Registry) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(registry),
        http=protocol_of(connections_here()),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # the application's own names route templates, not addresses asked for
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise UnavailableError("web_service_not_started")
        time.sleep(0.01)
