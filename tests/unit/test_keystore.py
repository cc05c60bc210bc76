"""The key store: opens for its passphrase, for its own keys, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.errors import KeystoreError
from ecert.keystore import MAX_SECRET_BYTES, Cost, Keystore

QUICK = Cost(log_n=2)
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def made() -> tuple[bytes, Keystore]:
    return Keystore.create(PASSPHRASE, QUICK)


def test_what_was_sealed_opens_after_unlocking(made: tuple[bytes, Keystore]) -> None:
    header, store = made
    sealed = store.seal("signing/a", b"secret")
    assert b"secret" not in sealed
    assert Keystore.unlock(header, PASSPHRASE).open("signing/a", sealed) == b"secret"


@pytest.mark.parametrize("wrong", ["", "correct horse battery stapl", PASSPHRASE + "\n"])
def test_a_wrong_passphrase_has_its_own_error(made: tuple[bytes, Keystore], wrong: str) -> None:
    with pytest.raises(KeystoreError, match="passphrase_wrong"):
        Keystore.unlock(made[0], wrong)


def test_a_key_does_not_open_under_another_name(made: tuple[bytes, Keystore]) -> None:
    sealed = made[1].seal("signing/a", b"secret")
    with pytest.raises(KeystoreError, match="sealed_key_invalid"):
        made[1].open("signing/b", sealed)


def test_a_key_does_not_open_in_another_store(made: tuple[bytes, Keystore]) -> None:
    _, other = Keystore.create(PASSPHRASE, QUICK)
    with pytest.raises(KeystoreError, match="sealed_key_invalid"):
        other.open("signing/a", made[1].seal("signing/a", b"secret"))


def test_sealing_twice_never_gives_the_same_bytes(made: tuple[bytes, Keystore]) -> None:
    assert made[1].seal("signing/a", b"secret") != made[1].seal("signing/a", b"secret")


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_changed_bit_of_a_sealed_key_is_noticed(
    made: tuple[bytes, Keystore], position: int, bit: int
) -> None:
    sealed = bytearray(made[1].seal("signing/a", b"secret"))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(KeystoreError, match="sealed_key_invalid"):
        made[1].open("signing/a", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(5000)])
def test_impossible_lengths_are_refused(made: tuple[bytes, Keystore], sealed: bytes) -> None:
    with pytest.raises(KeystoreError, match="sealed_key_invalid"):
        made[1].open("signing/a", sealed)


def test_nothing_is_sealed_that_could_not_be_opened(made: tuple[bytes, Keystore]) -> None:
    largest = bytes(MAX_SECRET_BYTES)
    assert made[1].open("entry", made[1].seal("entry", largest)) == largest
    with pytest.raises(KeystoreError, match="secret_too_large"):
        made[1].seal("entry", largest + b"x")


def test_a_passphrase_need_not_be_utf_8() -> None:
    """An environment variable's other bytes reach Python as lone surrogates."""
    passphrase = b"caf\xe9".decode("utf-8", "surrogateescape")
    header, store = Keystore.create(passphrase, QUICK)
    assert Keystore.unlock(header, passphrase).open("a", store.seal("a", b"secret")) == b"secret"
    with pytest.raises(KeystoreError, match="passphrase_wrong"):
        Keystore.unlock(header, "caf\u00e9")


def test_a_damaged_header_opens_nothing(made: tuple[bytes, Keystore]) -> None:
    header = made[0]
    for damaged in (b"", header[:-1], header + b"\0", b"XXXX" + header[4:]):
        with pytest.raises(KeystoreError, match="keystore_malformed"):
            Keystore.unlock(damaged, PASSPHRASE)
    # A cost that would exhaust memory is refused before anything is derived.
    for cost in ((60, 8, 1), (20, 255, 1), (15, 8, 255), (0, 8, 1), (16, 1, 1)):
        with pytest.raises(KeystoreError, match="keystore_malformed"):
            Keystore.unlock(header[:4] + bytes(cost) + header[7:], PASSPHRASE)


def test_the_cost_cannot_be_lowered_unseen(made: tuple[bytes, Keystore]) -> None:
    header = made[0]
    with pytest.raises(KeystoreError, match="passphrase_wrong"):
        Keystore.unlock(header[:4] + bytes((1, 8, 1)) + header[7:], PASSPHRASE)
