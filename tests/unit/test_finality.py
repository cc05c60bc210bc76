"""Which word on what is final counts: the operator's, of this chain, and never an older one."""

from collections.abc import Callable

import pytest

from ecert.chain import finality
from ecert.chain.finality import NOTHING_FINAL, FinalAtOnce, FinalWhenSigned, finality_of
from ecert.checkpoint import Checkpoint
from ecert.errors import EcertError, MalformedError, TrustError, UnavailableError
from ecert.signing import SoftwareSigner
from ecert.trust import TrustStore
from tests.fakes.world import CHAIN_ID, NOW, SEALED, World

OPERATOR = SoftwareSigner.generate()
TIME = int(NOW.timestamp())


@pytest.fixture
def trust() -> TrustStore:
    world = World()
    file = world.trust_file(operators=(OPERATOR.public_key,))
    return TrustStore(file.sign([world.council]), world.catalogue, now=NOW)


def signed(
    number: int, *, time: int = TIME, chain: int = CHAIN_ID, by: SoftwareSigner = OPERATOR
) -> bytes:
    return Checkpoint(chain, number, b"h" * 32, b"s" * 32, time).sign(by)


def telling(trust: TrustStore, *words: bytes | EcertError) -> FinalWhenSigned:
    """Return a rule whose operator says ``words``, one after the other."""
    remaining = list(words)

    def fetch() -> bytes:
        word = remaining.pop(0)
        if isinstance(word, EcertError):
            raise word
        return word

    return FinalWhenSigned(trust, fetch)


def test_a_newer_word_is_taken(trust: TrustStore) -> None:
    rule = telling(trust, signed(7), signed(9), signed(9, time=TIME + 60))
    found = [rule.checkpoint(fresh=True) for _ in range(3)]
    assert [(c.number, c.time) for c in found if c] == [(7, TIME), (9, TIME), (9, TIME + 60)]
    assert rule.final_block(100, found[-1]) == 9


def test_an_older_word_is_not_taken_for_news(trust: TrustStore) -> None:
    """Whoever replays an old checkpoint makes nothing less final and no node look up to date."""
    rule = telling(trust, signed(9), signed(7, time=TIME + 60), signed(9, time=TIME - 60))
    for _ in range(3):
        found = rule.checkpoint(fresh=True)
        assert found and (found.number, found.time) == (9, TIME)


@pytest.mark.parametrize(
    "word",
    [
        UnavailableError("registry_none"),
        b"not a checkpoint",
        signed(99, by=SoftwareSigner.generate()),
        signed(99, chain=1),
    ],
    ids=["down", "garbage", "stranger", "another chain"],
)
def test_what_was_final_remains_so(trust: TrustStore, word: bytes | EcertError) -> None:
    rule = telling(trust, word, signed(9), word)
    nothing = rule.checkpoint(fresh=True)
    assert nothing is None
    assert rule.final_block(100, nothing) == NOTHING_FINAL
    for _ in range(2):
        found = rule.checkpoint(fresh=True)
        assert found and found.number == 9


@pytest.mark.parametrize(
    ("word", "error", "code"),
    [
        (b"{}", MalformedError, "envelope_malformed"),
        (signed(1, by=SoftwareSigner.generate()), TrustError, "signed_by_too_few"),
        (signed(1, chain=1), UnavailableError, "checkpoint_other_chain"),
    ],
)
def test_a_sync_is_told_why(
    trust: TrustStore, word: bytes, error: type[EcertError], code: str
) -> None:
    with pytest.raises(error) as caught:
        telling(trust, word).verified()
    assert caught.value.code == code


def test_a_word_serves_for_a_while(trust: TrustStore, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(finality.time, "monotonic", lambda: clock[0])
    rule = telling(trust, signed(7), signed(8))
    ask: Callable[[], int] = lambda: rule.checkpoint().number  # type: ignore[union-attr]  # noqa: E731
    assert [ask(), ask()] == [7, 7]
    clock[0] += finality.KEEP_SECONDS
    assert ask() == 8


def test_the_engine_decides() -> None:
    world = World()
    rules = {}
    for engine in ("anvil", "quorum", "besu"):
        pinned = {} if engine == "anvil" else {"checkpoint": SEALED}
        data = world.trust_file(engine=engine, **pinned).sign([world.council])
        store = TrustStore(data, world.catalogue, now=NOW)
        rules[engine] = type(finality_of(store, lambda: b""))
    assert rules == {"anvil": FinalWhenSigned, "quorum": FinalAtOnce, "besu": FinalAtOnce}
    assert FinalAtOnce().checkpoint(fresh=True) is None
    assert FinalAtOnce().final_block(5, None) == 5
