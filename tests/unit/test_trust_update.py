"""Following trust files from registries that may offer old ones, wrong ones, or nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ecert.client.home import Home
from ecert.client.trust_command import run_trust
from ecert.client.trust_update import DUE_SECONDS, LOOK_SECONDS, update, update_if_due
from ecert.errors import EcertError, MalformedError, TrustError, UnavailableError
from ecert.kinds.catalogue import Catalogue
from ecert.signing import Signer, SoftwareSigner
from ecert.trust import PinnedBlock, TrustFile
from tests.fakes.trust_server import TrustServer, serving
from tests.fakes.world import World

CATALOGUE = Catalogue.load()


def block(number: int) -> PinnedBlock:
    return PinnedBlock(number, number.to_bytes(32), bytes(32))


class Councils:
    """Councils that follow each other, each of one key, and their files."""

    def __init__(self, world: World, urls: Sequence[str]) -> None:
        self.world = world
        self.keys = [world.council, *(SoftwareSigner.generate() for _ in range(5))]
        self.urls = tuple(urls)

    def file(self, version: int, *, council: int | None = None, **changes: Any) -> TrustFile:
        key = self.keys[version - 1 if council is None else council]
        return self.world.trust_file(
            version=version,
            council=(key.public_key,),
            checkpoint=block(10 * version),
            history=tuple(block(10 * v) for v in range(1, version)),
            registries=self.urls,
            **changes,
        )

    def signed(self, version: int, **changes: Any) -> bytes:
        """Return a version signed by the council before it and its own."""
        signers: list[Signer] = [self.keys[version - 1]]
        if version > 1:
            signers.append(self.keys[version - 2])
        return self.file(version, **changes).sign(signers)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def server() -> Iterator[TrustServer]:
    with serving(TrustServer()) as found:
        yield found


@pytest.fixture
def councils(world: World, server: TrustServer) -> Councils:
    return Councils(world, [server.url])


@pytest.fixture
def home(councils: Councils, tmp_path: Path) -> Home:
    """A verifier that has pinned the first version."""
    made = Home(tmp_path / "home")
    made.pin(councils.signed(1), CATALOGUE, now=councils.world.now)
    return made


def version(home: Home, world: World) -> int:
    return home.trust(CATALOGUE, now=world.now).file.version


def refusal(home: Home, world: World) -> str:
    before = home.pinned()
    with pytest.raises(EcertError) as error:
        update(home, CATALOGUE, now=world.now)
    assert home.pinned() == before
    return error.value.code


def test_a_newer_file_is_taken(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    server.offer(councils.signed(1))
    done = update(home, CATALOGUE, now=world.now)
    assert (done.before, done.store.file.version, done.offered) == (1, 1, 1)
    server.offer(councils.signed(1), councils.signed(2))
    done = update(home, CATALOGUE, now=world.now)
    assert (done.before, done.store.file.version) == (1, 2)
    assert version(home, world) == 2
    assert home.last_look() == int(world.now.timestamp())


def test_several_councils_that_were_missed_are_followed(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    """No key of the pinned council signed the newest file: each step shows who came next."""
    server.offer(*(councils.signed(number) for number in range(1, 6)))
    assert update(home, CATALOGUE, now=world.now).store.file.version == 5
    assert [path for path in server.asked if "trust/" in path] == [
        *("/v1/trust/2", "/v1/trust/3", "/v1/trust/4")
    ]


def test_what_lies_between_may_have_expired_and_pin_another_catalogue(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    past = int(world.now.timestamp()) - 5
    between = councils.signed(2, expires=past, catalogue_hash=bytes(32))
    server.offer(councils.signed(1), between, councils.signed(3))
    assert update(home, CATALOGUE, now=world.now).store.file.version == 3


def test_an_expired_file_is_followed(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    world.now += timedelta(days=40)
    server.offer(councils.signed(1), councils.signed(2))
    assert update(home, CATALOGUE, now=world.now).store.file.version == 2


def test_an_older_file_is_refused(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    server.offer(councils.signed(1), councils.signed(2))
    update(home, CATALOGUE, now=world.now)
    server.offer(councils.signed(1))
    assert refusal(home, world) == "signed_by_too_few"  # the second council never signed it
    same_council = replace(councils.file(1), council=(councils.keys[1].public_key,))
    server.offer(same_council.sign([councils.keys[1]]))
    assert refusal(home, world) == "trust_rollback"


def test_another_file_of_the_same_version_is_refused(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    server.offer(councils.signed(1, threshold=1, operators=(councils.keys[3].public_key,)))
    assert refusal(home, world) == "trust_rollback"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"chain_id": 9}, "trust_other_chain"),
        ({"genesis_hash": b"\1" * 32}, "trust_other_chain"),
        ({"history": ()}, "trust_history_changed"),
        ({"history": (block(9),)}, "trust_history_changed"),
        ({"checkpoint": block(9), "history": ()}, "trust_rollback"),
        ({"expires": 1}, "trust_expired"),
        ({"catalogue_hash": bytes(32)}, "catalogue_not_pinned"),
    ],
)
def test_files_that_do_not_follow(
    home: Home,
    councils: Councils,
    server: TrustServer,
    world: World,
    changes: dict[str, Any],
    code: str,
) -> None:
    wrong = replace(councils.file(2), **changes).sign(councils.keys[:2])
    server.offer(councils.signed(1), wrong)
    assert refusal(home, world) == code


def test_files_signed_by_too_few(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    old, new, other = councils.keys[:3]
    for signers in ([], [new], [old], [new, other], [old, other], [new, new]):
        server.offer(councils.signed(1), councils.file(2).sign(signers))
        assert refusal(home, world) == "signed_by_too_few"
    two = replace(councils.file(2), council=(new.public_key, other.public_key), threshold=2)
    server.offer(councils.signed(1), two.sign([old, new]))
    assert refusal(home, world) == "signed_by_too_few"


def test_a_step_that_is_missing_wrong_or_of_another_number(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    one, two, three = (councils.signed(number) for number in (1, 2, 3))
    server.offer(one, two, three)
    right = dict(server.files)
    del server.files["/v1/trust/2"]
    assert refusal(home, world) == "registry_refused"
    forged = councils.file(2).sign([councils.keys[1], councils.keys[4]])
    for wrong, code in (
        (forged, "signed_by_too_few"),
        (one, "trust_rollback"),
        (three, "signed_by_too_few"),
        (b"{}", "envelope_malformed"),
        (b"", "json_malformed"),
    ):
        server.files = right | {"/v1/trust/2": wrong}
        assert refusal(home, world) == code


def test_no_endless_climb(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    far = councils.world.trust_file(
        version=10**9, council=(councils.keys[4].public_key,), checkpoint=block(10**6)
    )
    server.offer(councils.signed(1))
    server.files["/v1/trust"] = far.sign([councils.keys[4]])
    assert refusal(home, world) == "signed_by_too_few"
    assert server.asked == ["/v1/trust"]


def test_a_registry_that_lies_keeps_nobody_from_the_next(world: World, tmp_path: Path) -> None:
    with serving(TrustServer()) as liar, serving(TrustServer()) as honest:
        councils = Councils(world, ["http://127.0.0.1:9", liar.url, honest.url])
        home = Home(tmp_path)
        home.pin(councils.signed(1), CATALOGUE, now=world.now)
        honest.offer(councils.signed(1), councils.signed(2))
        for lie in (councils.signed(1), councils.file(2).sign([councils.keys[1]]), b"x"):
            liar.offer(lie)
            fresh = Home(tmp_path / "next")
            fresh.pin(councils.signed(1), CATALOGUE, now=world.now)
            assert update(fresh, CATALOGUE, now=world.now).store.file.version == 2
            (fresh.directory / "trust.json").unlink()


def test_nobody_to_ask(world: World, tmp_path: Path) -> None:
    alone = Home(tmp_path / "alone")
    alone.pin(Councils(world, []).signed(1), CATALOGUE, now=world.now)
    assert refusal(alone, world) == "registry_none"
    down = Home(tmp_path / "down")
    down.pin(Councils(world, ["http://127.0.0.1:9"]).signed(1), CATALOGUE, now=world.now)
    assert refusal(down, world) == "registry_unreachable"
    remote = Home(tmp_path / "remote")
    remote.pin(Councils(world, ["http://192.0.2.1"]).signed(1), CATALOGUE, now=world.now)
    assert refusal(remote, world) == "registry_origin_malformed"
    with pytest.raises(TrustError) as error:
        update(Home(tmp_path / "none"), CATALOGUE, now=world.now)
    assert error.value.code == "trust_not_pinned"


def test_it_is_looked_for_when_due_and_once_a_day(
    councils: Councils, server: TrustServer, world: World, tmp_path: Path
) -> None:
    expires = int(world.now.timestamp()) + DUE_SECONDS + 1000
    home = Home(tmp_path)
    home.pin(councils.signed(1, expires=expires), CATALOGUE, now=world.now)
    server.offer(home.pinned())
    left = expires - int(world.now.timestamp())
    assert update_if_due(home, CATALOGUE, now=world.now) is None
    assert server.asked == []
    world.now += timedelta(seconds=left - DUE_SECONDS + 1)
    assert update_if_due(home, CATALOGUE, now=world.now) is None
    assert update_if_due(home, CATALOGUE, now=world.now) is None
    assert server.asked == ["/v1/trust"]
    world.now += timedelta(seconds=LOOK_SECONDS)
    server.files.clear()
    failed = update_if_due(home, CATALOGUE, now=world.now)
    assert isinstance(failed, UnavailableError)
    server.offer(councils.signed(1), councils.signed(2, expires=expires + 10**7))
    world.now += timedelta(seconds=LOOK_SECONDS)
    assert update_if_due(home, CATALOGUE, now=world.now) is None
    assert version(home, world) == 2


def test_an_expired_file_is_looked_for_each_time(
    home: Home, server: TrustServer, world: World
) -> None:
    world.now += timedelta(days=40)
    for _ in range(2):
        assert update_if_due(home, CATALOGUE, now=world.now) is None
    assert server.asked == ["/v1/trust", "/v1/trust"]
    with pytest.raises(TrustError):
        home.trust(CATALOGUE, now=world.now)


# -- the command


def test_the_command_pins_from_a_url(
    councils: Councils, server: TrustServer, world: World, tmp_path: Path
) -> None:
    server.offer(councils.signed(1))
    server.files["/trust.json?x=1"] = councils.signed(1)
    for number, url in enumerate(
        (server.url, server.url + "/v1/trust", server.url + "/trust.json?x=1")
    ):
        home = Home(tmp_path / str(number))
        said = run_trust(home, url, ["http://127.0.0.1:1"], now=world.now)
        assert "version 1" in said
        assert councils.keys[0].public_key.kid in said
        assert home.nodes() == ("http://127.0.0.1:1",)
    for url, kind in (
        (server.url + "/nowhere", UnavailableError),
        ("http://192.0.2.1/trust.json", MalformedError),
        ("http://example.com/trust.json", MalformedError),
        ("ftp://127.0.0.1/trust.json", MalformedError),
        (server.url + "/trust.json#x", MalformedError),
        ("https://a:b@127.0.0.1/trust.json", MalformedError),
        ("https://[/", MalformedError),
        (server.url + "/a b", MalformedError),
    ):
        with pytest.raises(kind):
            run_trust(Home(tmp_path / "refused"), url, (), now=world.now)


def test_the_command_tells_what_is_pinned(
    home: Home, councils: Councils, server: TrustServer, world: World
) -> None:
    said = run_trust(home, "status", (), now=world.now)
    for word in ("version 1", "30 days left", councils.keys[0].public_key.kid, server.url, "anvil"):
        assert word in said
    server.offer(councils.signed(1))
    assert run_trust(home, "update", (), now=world.now).startswith("已是最新 newest")
    server.offer(councils.signed(1), councils.signed(2))
    assert "updated: version 2" in run_trust(home, "update", (), now=world.now)
    world.now += timedelta(days=31)
    assert "expired" in run_trust(home, "status", (), now=world.now)
