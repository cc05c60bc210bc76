"""Claiming: what a wallet keeps when registries answer, break off, lie or come back later."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecert.errors import EcertError, MalformedError, UnavailableError
from ecert.keystore import Cost
from ecert.kinds.catalogue import Catalogue
from ecert.signing import SoftwareSigner
from tests.fakes.claim_desk import BreakOff, ClaimDesk, running
from tests.fakes.world import NOW, World
from wallet.errors import ClaimRefusedError, NotVerifiedError
from wallet.library import Wallet
from wallet.vault import Vault

PASSPHRASE = "a wallet for tests"
CARDS = {"full", "over18"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def desk(world: World) -> Iterator[ClaimDesk]:
    with running(ClaimDesk(world)) as opened:
        yield opened


@pytest.fixture
def open_wallet(world: World, tmp_path: Path) -> Iterator[Callable[[], Wallet]]:
    """Opens the one wallet, as each process would."""
    opened: list[Wallet] = []

    def make() -> Wallet:
        vault = Vault(tmp_path / "wallet.db", PASSPHRASE, cost=Cost(log_n=4))
        opened.append(Wallet(vault, Catalogue.load(), world.verifier()))
        return opened[-1]

    yield make
    for wallet in opened:
        wallet.close()


@pytest.fixture
def wallet(open_wallet: Callable[[], Wallet]) -> Wallet:
    return open_wallet()


def test_a_claim_brings_document_and_cards(wallet: Wallet, desk: ClaimDesk) -> None:
    claim = wallet.claim(desk.url, desk.new_code())
    assert list(wallet.pending()) == [claim]
    done = wallet.collect(now=NOW)
    assert (done.new, done.waiting, done.failed) == ((claim,), (), {})
    held = wallet.documents()[claim]
    assert held.key is not None
    assert set(held.cards) == CARDS
    assert held.claims()["name"] == "林晓雨"
    assert wallet.pending() == {}
    assert len({held.key.public_key.kid, *(c.key.public_key.kid for c in held.cards.values())}) == 3


def test_keys_are_on_disk_before_the_registry_hears_of_them(
    open_wallet: Callable[[], Wallet], desk: ClaimDesk, tmp_path: Path
) -> None:
    seen: list[int] = []

    def count(method: str, path: str) -> None:
        if (method, path) == ("POST", "/v1/claims"):
            with sqlite3.connect(tmp_path / "wallet.db") as database:
                seen.extend(database.execute("SELECT count(*) FROM entry").fetchone())
            database.close()

    desk.before = count
    open_wallet().claim(desk.url, desk.new_code())
    assert seen == [1]


def test_a_lost_answer_loses_no_document(
    open_wallet: Callable[[], Wallet], desk: ClaimDesk
) -> None:
    """The registry took the claim, and the wallet never heard of it."""

    def lose(method: str, path: str, status: int, value: Any) -> tuple[int, Any]:
        if (method, path) == ("POST", "/v1/claims"):
            raise BreakOff
        return status, value

    honest, desk.alter = desk.alter, lose
    code = desk.new_code()
    with pytest.raises(UnavailableError) as caught:
        open_wallet().claim(desk.url, code)
    assert caught.value.code == "claim_unanswered"
    assert "wallet collect" in caught.value.message("en")
    (taken,) = desk.claims()

    desk.alter = honest
    later = open_wallet()
    (claim,) = later.collect(now=NOW).new
    key = later.documents()[claim].key
    assert key is not None
    assert key.public_key == taken.keys[""]
    assert len(desk.claims()) == 1


def test_the_same_code_goes_on_with_the_same_keys(
    open_wallet: Callable[[], Wallet], desk: ClaimDesk
) -> None:
    code = desk.new_code()
    first = open_wallet()
    keep = desk.alter
    desk.alter = lambda _m, p, s, v: (500, b"") if p == "/v1/claims" else (s, v)
    with pytest.raises(UnavailableError):
        first.claim(desk.url, code)
    desk.alter = keep
    (before,) = first.pending().values()
    assert not before.answered

    second = open_wallet()
    claim = second.claim(desk.url, code.lower().replace("-", " "))
    assert list(second.pending()) == [claim]
    assert second.pending()[claim].keys[""].public_key == before.keys[""].public_key
    assert second.collect(now=NOW).new == (claim,)
    assert desk.requests.count(("POST", "/v1/claims/kind")) == 1


def test_a_claim_waits_until_it_is_anchored(wallet: Wallet, desk: ClaimDesk) -> None:
    desk.complete = False
    claim = wallet.claim(desk.url, desk.new_code())
    assert wallet.collect(now=NOW).waiting == (claim,)
    assert wallet.collect(now=NOW).waiting == (claim,)
    desk.complete = True
    assert wallet.collect(now=NOW).new == (claim,)
    assert wallet.collect(now=NOW).new == ()


def test_two_processes_collect_one_claim_once(
    open_wallet: Callable[[], Wallet], desk: ClaimDesk
) -> None:
    """The other's retry has ended this one's secret; it asks again."""
    claim = open_wallet().claim(desk.url, desk.new_code())
    one, other = open_wallet(), open_wallet()
    (taken,) = desk.claims()
    taken.secret = "another"
    assert one.collect(now=NOW).new == (claim,)
    assert other.collect(now=NOW).new == ()
    assert list(other.documents()) == [claim]


@pytest.mark.parametrize("code", ["", "short", "U" * 20, "A" * 21, "é" * 20])
def test_what_is_no_code_goes_nowhere(wallet: Wallet, desk: ClaimDesk, code: str) -> None:
    with pytest.raises(MalformedError, match="claim_code_malformed"):
        wallet.claim(desk.url, code)
    assert desk.requests == []


@pytest.mark.parametrize("path", ["/v1/claims/kind", "/v1/claims"])
def test_a_refused_code_leaves_nothing_pending(wallet: Wallet, desk: ClaimDesk, path: str) -> None:
    problem = {"code": "claim_code_unknown", "zh": "没有这个领取码。", "en": "No such code."}
    desk.alter = lambda _m, p, status, value: (404, problem) if p == path else (status, value)
    with pytest.raises(ClaimRefusedError) as caught:
        wallet.claim(desk.url, desk.new_code())
    assert "No such code." in caught.value.message("en")
    assert "没有这个领取码。" in caught.value.message("zh")
    assert wallet.pending() == {}


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (404, b"<html>Not found</html>"),
        (404, {"detail": "no route"}),
        (429, {"code": "asked_too_often", "zh": "慢一点。", "en": "Slower."}),
        (500, {"code": "service_broken", "zh": "出错。", "en": "Broken."}),
        (503, b""),
        (200, b"\xff\xfe"),
        (201, {"id": "../../v1/officers", "secret": "x"}),
        (201, {"id": "x", "secret": "a b\r\nhost: elsewhere"}),
        (201, {"id": 7, "secret": None}),
        (201, []),
        (301, {}),
    ],
)
def test_what_is_no_answer_keeps_the_claim(
    wallet: Wallet, desk: ClaimDesk, status: int, value: Any
) -> None:
    """Whatever stands between, or breaks within, the registry: the keys stay for another try."""
    honest = desk.alter
    desk.alter = lambda _m, p, s, v: (status, value) if p == "/v1/claims" else (s, v)
    with pytest.raises(UnavailableError, match="claim_unanswered"):
        wallet.claim(desk.url, desk.new_code())
    (claim,) = wallet.pending()
    desk.alter = honest
    assert wallet.collect(now=NOW).new == (claim,)


def test_a_registry_that_cannot_be_reached_is_told_before_anything_is_kept(
    wallet: Wallet, desk: ClaimDesk
) -> None:
    with pytest.raises(UnavailableError, match="registry_unreachable"):
        wallet.claim("http://127.0.0.1:9", desk.new_code())
    with pytest.raises(MalformedError, match="registry_origin_malformed"):
        wallet.claim("http://registry.example", desk.new_code())
    assert wallet.pending() == {}


def test_a_kind_that_the_wallet_does_not_know_uses_no_code(wallet: Wallet, desk: ClaimDesk) -> None:
    desk.alter = lambda _m, p, s, v: (s, {"kind": "passport"}) if p.endswith("kind") else (s, v)
    with pytest.raises(EcertError, match="kind_unknown"):
        wallet.claim(desk.url, desk.new_code())
    assert desk.claims() == []


def _item(items: list[dict[str, Any]], view: str | None) -> dict[str, Any]:
    return next(item for item in items if item["view"] == view)


def tampered(_: World, items: list[dict[str, Any]]) -> None:
    item = _item(items, None)
    head, _, rest = item["text"].partition("~")
    item["text"] = f"{head[:-8]}AAAAAAAA~{rest}"


def tampered_card(_: World, items: list[dict[str, Any]]) -> None:
    item = _item(items, "over18")
    item["text"] = item["text"][:-3] + ("000" if item["text"][-3:] != "000" else "111")


def foreign_key(world: World, items: list[dict[str, Any]]) -> None:
    made = world.issue(holder=SoftwareSigner.generate().public_key, index=40)
    item = _item(items, None)
    item["text"], item["receipt"] = made.text, world.anchor(made.digest)[0].to_json()


def foreign_card_key(world: World, items: list[dict[str, Any]]) -> None:
    made = world.issue_card("over18", holder=SoftwareSigner.generate().public_key, index=41)
    item = _item(items, "over18")
    item["text"], item["receipt"] = made.text, world.anchor(made.digest)[0].to_json()


def no_key(world: World, items: list[dict[str, Any]]) -> None:
    made = world.issue(index=42)
    item = _item(items, None)
    item["text"], item["receipt"] = made.text, world.anchor(made.digest)[0].to_json()


def cards_swapped(_: World, items: list[dict[str, Any]]) -> None:
    one, other = _item(items, "full"), _item(items, "over18")
    one["view"], other["view"] = other["view"], one["view"]


def receipts_swapped(_: World, items: list[dict[str, Any]]) -> None:
    one, other = _item(items, None), _item(items, "over18")
    one["receipt"], other["receipt"] = other["receipt"], one["receipt"]


def no_document(_: World, items: list[dict[str, Any]]) -> None:
    items.remove(_item(items, None))


def no_card(_: World, items: list[dict[str, Any]]) -> None:
    items.remove(_item(items, "full"))


def doubled(_: World, items: list[dict[str, Any]]) -> None:
    items.append(_item(items, None))


def revoked(world: World, items: list[dict[str, Any]]) -> None:
    for index in range(20, 24):
        world.statuses[items[0]["receipt"]["department"], 1, index] = 1


def stranger(world: World, items: list[dict[str, Any]]) -> None:
    """The department whose key it is never registered it."""
    world.keys.clear()
    assert items


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (tampered, "document_not_verified"),
        (tampered_card, None),
        (foreign_key, "claim_key_other"),
        (foreign_card_key, "claim_key_other"),
        (no_key, "claim_key_other"),
        (cards_swapped, "claim_key_other"),
        (receipts_swapped, "document_not_verified"),
        (no_document, "claim_incomplete"),
        (no_card, "claim_incomplete"),
        (doubled, "claim_incomplete"),
        (revoked, "document_not_verified"),
        (stranger, "document_not_verified"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_does_not_verify_is_not_kept(
    wallet: Wallet,
    desk: ClaimDesk,
    world: World,
    change: Callable[[World, list[dict[str, Any]]], None],
    code: str | None,
) -> None:
    def alter(method: str, _: str, status: int, value: Any) -> tuple[int, Any]:
        if method == "GET":
            change(world, value["artefacts"])
        return status, value

    desk.alter = alter
    claim = wallet.claim(desk.url, desk.new_code())
    done = wallet.collect(now=NOW)
    assert done.new == ()
    error = done.failed[claim]
    assert error.code == code or code is None
    assert isinstance(error, NotVerifiedError | MalformedError)
    assert error.message("zh") != error.message("en")
    assert wallet.documents() == {}
    assert list(wallet.pending()) == [claim]


@pytest.mark.parametrize(
    "value",
    [
        b"garbage",
        {},
        {"complete": True},
        {"complete": True, "artefacts": {}},
        {"complete": True, "artefacts": [None]},
        {"complete": True, "artefacts": [{"view": None, "text": "x"}]},
        {"complete": True, "artefacts": [{"view": 3, "text": "x", "receipt": {}}]},
        {"complete": True, "artefacts": [{"view": None, "text": "x", "receipt": {"index": -1}}]},
        {"complete": True, "artefacts": [{}] * 17},
        {"complete": True, "artefacts": [{"view": None, "text": "x" * (1 << 18), "receipt": {}}]},
    ],
    ids=lambda value: str(value)[:60],
)
def test_garbage_from_the_registry_is_an_unavailable_registry(
    wallet: Wallet, desk: ClaimDesk, value: Any
) -> None:
    desk.alter = lambda m, _p, s, v: (s, value) if m == "GET" else (s, v)
    claim = wallet.claim(desk.url, desk.new_code())
    done = wallet.collect(now=NOW)
    if value == {}:
        assert done.waiting == (claim,)
    else:
        assert done.failed[claim].code == "registry_answer_malformed"
    assert list(wallet.pending()) == [claim]


def test_a_chain_that_does_not_answer_is_no_refusal(
    wallet: Wallet, desk: ClaimDesk, world: World
) -> None:
    claim = wallet.claim(desk.url, desk.new_code())
    world.down = True
    error = wallet.collect(now=NOW).failed[claim]
    assert isinstance(error, UnavailableError)
    assert error.code == "document_undecided"
    world.down = False
    assert wallet.collect(now=NOW).new == (claim,)


def test_one_claim_that_fails_does_not_hold_up_another(wallet: Wallet, desk: ClaimDesk) -> None:
    claims = [wallet.claim(desk.url, desk.new_code()) for _ in range(3)]
    broken = desk.claims()[0].claim_id
    desk.alter = lambda _m, p, s, v: (500, b"") if broken in p else (s, v)
    done = wallet.collect(now=NOW)
    assert len(done.new) == 2
    assert set(done.new) | set(done.failed) == set(claims)


def test_a_pending_claim_can_be_given_up(wallet: Wallet, desk: ClaimDesk) -> None:
    claim = wallet.claim(desk.url, desk.new_code())
    assert wallet.remove(claim[:6]) == claim
    assert wallet.pending() == {}
