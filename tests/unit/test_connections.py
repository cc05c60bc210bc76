"""Who is let in, who has to go for whom, and who is told to come later."""

import asyncio
import json
import resource
from typing import Any

import pytest

from ecert.asgi import App, Message, Receive, Scope, Send
from ecert.crowd import PART_BYTES, Crowd
from networks.connections import REFUSED_AT_ONCE, Connections, raise_descriptors, trusted_hosts


class Peer:
    """A connection."""

    def __init__(self, *, idle: bool = True) -> None:
        self.idle = idle
        self.given_up = False

    def give_up(self) -> None:
        self.given_up = True


def test_who_has_waited_longest_goes_first() -> None:
    held = Connections(most=3)
    first, second, third, newcomer = (Peer() for _ in range(4))
    for peer in (first, second, third):
        assert held.admit(peer, "192.0.2.1") is None
    held.mark(first, waiting=False)
    held.mark(first, waiting=True)  # it has been answered since
    assert held.admit(newcomer, "192.0.2.2") is None
    assert [p.given_up for p in (first, second, third, newcomer)] == [False, True, False, False]
    assert len(held) == 3


def test_whoever_is_being_answered_stays() -> None:
    held = Connections(most=2)
    asking, unread = Peer(), Peer(idle=False)
    for peer in (asking, unread):
        held.admit(peer, "192.0.2.1")
    held.mark(asking, waiting=False)
    assert held.admit(Peer(), "192.0.2.2") == "service_crowded"
    held.leave(asking)
    assert held.admit(Peer(), "192.0.2.2") is None


def test_an_address_has_its_share_and_gets_it_back() -> None:
    held = Connections(of_one=2, trusted=lambda host: host == "192.0.2.9")
    peers = [Peer(), Peer()]
    for number, peer in enumerate(peers):
        assert held.admit(peer, f"2001:db8::{number}") is None
    assert held.admit(Peer(), "2001:db8::7") == "client_crowded"
    assert held.admit(Peer(), "2001:db8:0:1::7") is None
    held.leave(peers[0])
    held.leave(peers[0])
    assert held.admit(Peer(), "2001:db8::7") is None
    assert {held.admit(Peer(), "192.0.2.9") for _ in range(9)} == {None}


def test_only_so_many_stay_to_hear_that_they_are_refused() -> None:
    held = Connections()
    peers = [Peer() for _ in range(REFUSED_AT_ONCE)]
    assert all(held.may_hear(peer) for peer in peers)
    assert not held.may_hear(Peer())
    held.leave(peers[0])
    assert held.may_hear(Peer())


def test_trusted_addresses_are_those_that_the_server_believes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [trusted_hosts()(host) for host in ("127.0.0.1", "::1", "192.0.2.1")] == [
        True,
        True,
        False,
    ]
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.0/24, 2001:db8::1")
    hosts = ("127.0.0.1", "192.0.2.1", "2001:db8::1", "")
    assert [trusted_hosts()(host) for host in hosts] == [False, True, True, False]


def test_the_limit_on_open_files_is_raised_as_far_as_it_may_be() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert raise_descriptors(300) == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
        assert raise_descriptors(100) == 300
        if hard != resource.RLIM_INFINITY:
            assert raise_descriptors(hard + 1) == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- requests


def scope(path: str = "/", client: str = "192.0.2.1") -> dict[str, Any]:
    return {"type": "http", "path": path, "client": (client, 1), "headers": []}


class Waiting:
    """An application whose requests end when they are told to."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await self.over.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


def crowd(app: App) -> Crowd:
    return Crowd(
        app, most=3, of_one=2, trusted=lambda host: host == "127.0.0.1", always={"/health"}
    )


async def nothing() -> Message:
    raise AssertionError


def test_requests_over_the_bound_are_refused_but_for_health() -> None:
    async def run() -> list[tuple[int, str]]:
        app = Waiting()
        bounded, found = crowd(app), []

        async def ask(**where: str) -> None:
            sent: list[Message] = []

            async def send(message: Message) -> None:
                sent.append(message)

            await bounded(scope(**where), nothing, send)
            body = json.loads(sent[1]["body"]) if len(sent) > 1 else {"code": ""}
            found.append((sent[0]["status"], body["code"]))

        async with asyncio.TaskGroup() as tasks:
            for where in (
                {}, {}, {}, {"client": "127.0.0.1"}, {"client": "127.0.0.1"}, {"path": "/health"}
            ):  # fmt: skip
                tasks.create_task(ask(**where))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            refused = list(found)
            app.over.set()
        await ask()  # there is room again
        assert found[-1] == (200, "")
        assert len(found) == 7
        return refused

    assert asyncio.run(run()) == [(503, "client_crowded"), (503, "service_crowded")]


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_a_large_answer_goes_out_in_parts(size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sent: list[Message] = []

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(crowd(app)(scope(), nothing, send))  # type: ignore[arg-type]
    parts = [message["body"] for message in sent[1:]]
    assert b"".join(parts) == body
    assert max(map(len, parts)) <= PART_BYTES
    *first, last = (bool(message.get("more_body")) for message in sent[1:])
    assert all(first)
    assert not last
