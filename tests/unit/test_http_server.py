"""Sockets that services listen on; connections are tested with the services."""

import socket

import pytest

from ecert.errors import UnavailableError
from networks.http_server import STALL_SECONDS, address_of, listen


def test_an_address_is_bound_and_told() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert address_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert listener.proto == socket.IPPROTO_TCP  # else answers wait for acknowledgements


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address_is_told_in_brackets() -> None:
    with listen("::1", 0) as listener:
        assert address_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
def test_the_kernel_ends_connections_that_take_nothing() -> None:
    with listen("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            found = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert found == 1000 * STALL_SECONDS


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 65_536), ("127.0.0.1", -1), ("192.0.2.1", 0), ("x" * 300, 0)]
)
def test_an_address_that_cannot_be_is_told(host: str, port: int) -> None:
    with pytest.raises(UnavailableError) as caught:
        listen(host, port)
    assert caught.value.code == "address_unusable"
    assert f"{host}:{port}" in caught.value.message("zh")


def test_a_port_in_use_is_told() -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(UnavailableError, match="address_unusable"):
            listen("127.0.0.1", taken.getsockname()[1])
