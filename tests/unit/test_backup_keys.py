"""The key of backups: as age has it, under a passphrase, and in shares."""

from itertools import combinations
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.errors import EcertError
from registry.backup import bech32
from registry.backup.keys import BackupKey, MakingKey, new_secret, seal, unseal
from registry.backup.shares import join, split

PASSPHRASE = "correct horse battery staple"


def written(folder: Path, secret: bytes, needed: int, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number, text in enumerate(split(secret, needed, count), 1):
        path = folder / f"{number}.txt"
        path.write_text(text, "utf-8")
        paths.append(path)
    return paths


@given(st.binary(min_size=32, max_size=32))
def test_age_takes_the_identity_and_finds_the_same_checksum(secret: bytes) -> None:
    key = BackupKey.of(secret)
    assert str(key.opened) == key.identity


def test_bech32_is_that_of_its_own_vectors() -> None:
    """BIP 173, valid address of BIP 350's list in the original encoding."""
    text = bech32.encode("abcdef", bytes.fromhex("00443214c74254b635cf84653a56d7c675be77df"))
    assert text == "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"


def test_what_the_registry_keeps_opens_nothing_and_says_nothing(tmp_path: Path) -> None:
    key = BackupKey.of(new_secret())
    key.making.save(tmp_path)
    assert MakingKey.load(tmp_path) == key.making
    text = (tmp_path / "backup-key.json").read_text()
    assert key.identity not in text
    assert (tmp_path / "backup-key.json").stat().st_mode & 0o077 == 0
    assert key.identity not in repr(key)
    assert key.making.authentication.hex() not in repr(key.making)
    assert BackupKey.of(new_secret()).making.authentication != key.making.authentication


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "backup_key_missing"),
        ("{", "json_malformed"),
        ('{"recipient": "age1x", "authentication": "0x00"}', "field_malformed"),
        ('{"recipient": 1}', "field_malformed"),
        ('{"other": 1}', "field_malformed"),
        ("[]", "field_malformed"),
    ],
)
def test_a_damaged_key_makes_no_backup(tmp_path: Path, text: str | None, code: str) -> None:
    if text is not None:
        (tmp_path / "backup-key.json").write_text(text)
    with pytest.raises(EcertError) as raised:
        MakingKey.load(tmp_path)
    assert raised.value.code == code


def test_a_key_under_a_passphrase() -> None:
    key = BackupKey.of(new_secret())
    sealed = seal(key, PASSPHRASE)
    assert unseal(sealed, PASSPHRASE, where="key.age") == key
    assert key.identity.encode() not in sealed
    # age itself reads it: an identity file under a passphrase.
    assert key.identity in pyrage.passphrase.decrypt(sealed, PASSPHRASE).decode()
    damaged = bytes([*sealed[:-1], sealed[-1] ^ 1])
    other = pyrage.passphrase.encrypt(b"no key\n", PASSPHRASE)
    for data, passphrase, code in (
        (sealed, "another passphrase", "backup_passphrase_wrong"),
        (damaged, PASSPHRASE, "backup_passphrase_wrong"),
        (sealed[:100], PASSPHRASE, "backup_passphrase_wrong"),
        (b"", PASSPHRASE, "backup_key_file_malformed"),
        (other, PASSPHRASE, "backup_secret_malformed"),
    ):
        with pytest.raises(EcertError) as raised:
            unseal(data, passphrase, where="key.age")
        assert raised.value.code == code
    with pytest.raises(EcertError, match="backup_passphrase_short"):
        seal(key, "short")


def test_any_two_of_three_shares_give_the_key_back_and_one_does_not(tmp_path: Path) -> None:
    secret = new_secret()
    paths = written(tmp_path, secret, 2, 3)
    for pair in combinations(paths, 2):
        assert join(pair) == BackupKey.of(secret)
    assert join(paths) == BackupKey.of(secret)
    for few in ([paths[0]], [paths[1], paths[1]]):
        with pytest.raises(EcertError, match="shares_too_few"):
            join(few)


def test_a_share_tells_its_keeper_what_to_do(tmp_path: Path) -> None:
    secret = new_secret()
    path = written(tmp_path, secret, 2, 3)[1]
    text = path.read_text("utf-8")
    for words in ("2/3", "Share 2 of 3", "任意 2 份", BackupKey.of(secret).making.recipient):
        assert words in text
    path.write_text(text.replace("\n", "\r\n"), "utf-8")
    assert join([path, tmp_path / "1.txt"]) == BackupKey.of(secret)


def test_shares_that_do_not_fit_are_told_apart(tmp_path: Path) -> None:
    ours = written(tmp_path / "ours", new_secret(), 2, 3)
    theirs = written(tmp_path / "theirs", new_secret(), 2, 3)
    with pytest.raises(EcertError, match="shares_of_different_keys"):
        join([ours[0], theirs[1]])
    text = ours[0].read_text("utf-8")
    words = text.rpartition("share: ")[2].split()
    for wrong in (
        text.replace(words[-1] + "\n", "academic\n" if words[-1] != "academic" else "acid\n"),
        text.replace("share: ", "share: notaword "),
        text.partition("share:")[0],
        text + text,
        "",
    ):
        (tmp_path / "wrong.txt").write_text(wrong, "utf-8")
        with pytest.raises(EcertError, match="share_malformed"):
            join([tmp_path / "wrong.txt", ours[1]])
    with pytest.raises(EcertError, match="file_unreadable"):
        join([tmp_path / "absent.txt", ours[1]])
    with pytest.raises(EcertError, match="shares_of_different_keys"):
        join([])


@pytest.mark.parametrize("numbers", [(1, 1), (1, 3), (3, 2), (2, 17), (0, 0)])
def test_numbers_of_shares_that_make_no_sense(numbers: tuple[int, int]) -> None:
    with pytest.raises(EcertError, match="shares_numbers_wrong"):
        split(new_secret(), *numbers)
