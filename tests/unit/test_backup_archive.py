"""The form of a backup file: whole, in order and bounded, or refused."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecert.errors import EcertError
from registry.backup import archive
from registry.backup.archive import Member, reading_archive, write_archive

IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())


def packed(members: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    write_archive(file, RECIPIENT, (Member.of(name, data) for name, data in members))
    return file.getvalue()


def unpacked(data: bytes) -> list[tuple[str, bytes]]:
    with reading_archive(io.BytesIO(data), IDENTITY) as parts:
        return [(part.name, part.read(1 << 24)) for part in parts]


def crafted(plain: bytes) -> bytes:
    return pyrage.encrypt(plain, [pyrage.x25519.Recipient.from_str(RECIPIENT)])


names = st.text("abc/.-_0", min_size=1, max_size=20).filter(lambda name: name.strip("/") == name)


@settings(max_examples=40)
@given(st.lists(st.tuples(names, st.binary(max_size=3000)), max_size=6))
def test_what_was_written_is_read(members: list[tuple[str, bytes]]) -> None:
    assert unpacked(packed(members)) == members


def test_other_programs_open_it() -> None:
    data = packed([("head.json", b"{}"), ("tables/a/000000", b"x" * 700)])
    plain = gzip.decompress(pyrage.decrypt(data, [IDENTITY]))
    with tarfile.open(fileobj=io.BytesIO(plain)) as found:
        assert found.getnames() == ["head.json", "tables/a/000000"]


def test_large_parts_pass_in_pieces_and_may_be_left_unread() -> None:
    size = 3 << 20

    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            yield bytes(1 << 20)

    file = io.BytesIO()
    members = (Member("large", size, chunks()), Member.of("small", b"end"))
    write_archive(file, RECIPIENT, members)
    with reading_archive(io.BytesIO(file.getvalue()), IDENTITY) as parts:
        assert next(parts).size == size
        assert next(parts).read(10) == b"end"
        assert list(parts) == []


DATA = packed([("head.json", b"{}" * 5000), ("tables/a/000000", bytes(range(256)) * 2000)])


PARTS = 48


@pytest.mark.parametrize("part", range(PARTS + 1))
def test_a_flipped_bit_is_noticed(part: int) -> None:
    place = part * (len(DATA) - 1) // PARTS
    changed = bytearray(DATA)
    changed[place] ^= 4
    with pytest.raises(EcertError, match=r"backup_(damaged|key_does_not_fit)"):
        unpacked(bytes(changed))


@pytest.mark.parametrize("part", range(PARTS + 1))
def test_a_file_that_is_cut_off_is_noticed(part: int) -> None:
    length = part * (len(DATA) - 1) // PARTS
    with pytest.raises(EcertError, match=r"backup_(damaged|key_does_not_fit)"):
        unpacked(DATA[:length])


def test_what_follows_the_end_is_noticed() -> None:
    with pytest.raises(EcertError, match="backup_damaged"):
        unpacked(DATA + b"x")


def test_another_key_is_told() -> None:
    other = pyrage.x25519.Identity.generate()
    with (
        pytest.raises(EcertError, match="backup_key_does_not_fit"),
        reading_archive(io.BytesIO(DATA), other) as parts,
    ):
        list(parts)


def _header(name: str = "head.json", size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.type = size, kind
    return header.tobuf(tarfile.USTAR_FORMAT) + bytes(1024)


def test_what_no_registry_writes_is_refused() -> None:
    """Whoever knows the recipient can encrypt to it; nothing of that is believed or unpacked."""
    good = _header()
    for plain in (
        b"",
        b"no gzip",
        gzip.compress(b""),
        gzip.compress(b"x" * 512),
        gzip.compress(good[:-1024]),
        gzip.compress(good + b"x" * 512),
        gzip.compress(good) + b"trailing",
        gzip.compress(good) + gzip.compress(good),
        gzip.compress(_header(kind=tarfile.SYMTYPE)),
        gzip.compress(_header(kind=tarfile.DIRTYPE)),
        gzip.compress(_header(kind=tarfile.XHDTYPE)),
        gzip.compress(_header(kind=tarfile.GNUTYPE_LONGNAME)),
        gzip.compress(_header(size=512)),
    ):
        with pytest.raises(EcertError, match="backup_damaged"):
            unpacked(crafted(plain))


def test_a_part_above_its_limit_is_not_read_into_memory() -> None:
    bomb = gzip.compress(_header(size=1 << 30)[:512] + bytes(1 << 20))
    with (
        reading_archive(io.BytesIO(crafted(bomb)), IDENTITY) as parts,
        pytest.raises(EcertError, match="too_large"),
    ):
        next(parts).read(1 << 20)
    with pytest.raises(EcertError, match="too_large"):
        write_archive(io.BytesIO(), RECIPIENT, [Member("x", archive.MAX_MEMBER_BYTES + 1, ())])


def test_an_error_of_the_source_and_one_of_the_disk_come_through() -> None:
    def broken() -> Iterator[Member]:
        yield Member.of("a", b"x" * 100_000)
        raise EcertError("too_large", where="b", size=1, limit=0)

    with pytest.raises(EcertError, match="too_large"):
        write_archive(io.BytesIO(), RECIPIENT, broken())
    members = [Member.of("a", bytes(range(256)) * 4096)]
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OSError, match="No space left"),
    ):
        write_archive(full, RECIPIENT, members)
