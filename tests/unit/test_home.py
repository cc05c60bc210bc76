"""The folder of a wallet or verifier: what is pinned there is replaced by its successor alone."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecert.client.home import MAX_NODES, Home, read_file, read_trust_file, write_file, write_into
from ecert.errors import EcertError, MalformedError
from ecert.kinds.catalogue import Catalogue
from tests.fakes.console import run_command
from tests.fakes.world import World
from verifier.cli import app as verifier


@pytest.fixture
def world() -> World:
    return World()


def code_of(error: pytest.ExceptionInfo[EcertError]) -> str:
    assert "<" not in error.value.message("zh") + error.value.message("en")
    return error.value.code


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be looked into."""
    if os.geteuid() == 0:
        pytest.skip("the superuser may look everywhere")
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def test_a_folder_that_may_not_be_looked_into_is_not_empty(locked: Path, world: World) -> None:
    home = Home(locked)
    for ask in (
        lambda: home.trust(world.catalogue, now=world.now),
        lambda: home.pin(world.trust_file().sign([world.council]), world.catalogue, now=world.now),
        home.nodes,
    ):
        with pytest.raises(MalformedError) as error:
            ask()
        assert code_of(error) == "file_unreadable"


@pytest.mark.parametrize("what", ["a folder", "a broken link", "a link to itself", "a file's name"])
def test_what_stands_in_the_place_of_the_pinned_file_is_not_replaced(
    tmp_path: Path, world: World, what: str
) -> None:
    """Else any trust file would be taken for the first one."""
    folder, other = tmp_path / "home", world.trust_file().sign([world.council])
    if what == "a file's name":
        folder.write_bytes(b"")  # not a folder at all
    else:
        folder.mkdir()
    pinned = folder / "trust.json"
    if what == "a folder":
        pinned.mkdir()
    elif what.endswith("link"):
        pinned.symlink_to("nowhere.json")
    elif what.endswith("itself"):
        pinned.symlink_to("trust.json")
    with pytest.raises(MalformedError) as error:
        Home(folder).pin(other, world.catalogue, now=world.now)
    assert code_of(error) in ("file_unreadable", "file_unwritable")


def test_a_damaged_pinned_file_is_not_replaced(tmp_path: Path, world: World) -> None:
    (tmp_path / "trust.json").write_bytes(b"")
    with pytest.raises(MalformedError) as error:
        Home(tmp_path).pin(
            world.trust_file().sign([world.council]), Catalogue.load(), now=world.now
        )
    assert code_of(error) == "json_malformed"


def test_only_the_first_nodes_are_remembered(tmp_path: Path) -> None:
    home, urls = Home(tmp_path), [f"http://127.0.0.1:{port}" for port in range(1, 40)]
    home.remember_nodes(urls)
    assert home.nodes() == tuple(urls[:MAX_NODES])


@pytest.mark.parametrize("value", [[], {"rpc": "x"}, {"rpc": [1]}, {"rpc": ["x"] * 17}, {}])
def test_damaged_nodes(tmp_path: Path, value: object) -> None:
    (tmp_path / "nodes.json").write_text(json.dumps(value))
    with pytest.raises(MalformedError) as error:
        Home(tmp_path).nodes()
    assert code_of(error) == "field_malformed"


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert read_file(path, limit=10) == b"x" * 10
    with pytest.raises(MalformedError) as error:
        read_file(path, limit=9)
    assert code_of(error) == "too_large"
    with pytest.raises(MalformedError) as error:
        read_file(Path("/dev/zero"), limit=9)  # has no end
    assert code_of(error) == "too_large"
    for none in (tmp_path, tmp_path / "absent", path / "below"):
        with pytest.raises(MalformedError) as error:
            read_file(none, limit=9)
        assert code_of(error) == "file_unreadable"


def test_a_file_is_written_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    write_file(path, b"first")
    write_file(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_no_link_is_followed_into_which_another_may_write(tmp_path: Path) -> None:
    other, folder = tmp_path / "other", tmp_path / "new" / "folder"
    other.write_bytes(b"before")
    write_into(folder, "file", b"first")
    assert (folder / "file").stat().st_mode & 0o777 == 0o600
    for target in (other, tmp_path / "absent", tmp_path):
        (folder / "file").unlink()
        (folder / "file").symlink_to(target)
        write_into(folder, "file", b"second")
        assert not (folder / "file").is_symlink()
        assert (folder / "file").read_bytes() == b"second"
    assert other.read_bytes() == b"before"
    assert not (tmp_path / "absent").exists()
    (folder / "taken").mkdir()
    (tmp_path / "link").symlink_to(folder)
    for into, name in ((folder, "taken"), (tmp_path / "link", "file"), (other, "file")):
        with pytest.raises(MalformedError) as error:
            write_into(into, name, b"x")
        assert code_of(error) == "file_unwritable"
    assert sorted(entry.name for entry in folder.iterdir()) == ["file", "taken"]


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"before")
    (tmp_path / "folder" / "below").mkdir(parents=True)
    for path in (tmp_path / "file" / "below", tmp_path / "folder"):
        with pytest.raises(MalformedError) as error:
            write_file(path, b"x")
        assert code_of(error) == "file_unwritable"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"before"


@pytest.mark.parametrize(
    "data",
    [b"%PDF-1.7\xff\xfe", b'{"signed": {"version": 1', b"{}", b'{"signed":{},"signatures":[]}'],
)
def test_what_is_no_trust_file_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(data)
    with pytest.raises(MalformedError, match="trust_file_malformed") as caught:
        read_trust_file(path)
    for language in ("zh", "en"):
        assert str(path) in caught.value.message(language)  # type: ignore[arg-type]
    home = tmp_path / "home"
    done = run_command(verifier, "--home", str(home), "trust", str(path))
    assert (done.code, done.err.splitlines()[0]) == (3, "trust_file_malformed")
    assert not (home / "trust.json").exists()
