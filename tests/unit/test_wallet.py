"""What a wallet does with documents: verify before keeping, disclose what was chosen, remember."""

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from ecert import sd_jwt
from ecert.artefact import Expectation
from ecert.document import DocumentFile
from ecert.errors import EcertError, HolderBindingError, MalformedError, UnavailableError
from ecert.keystore import Cost
from ecert.kinds.catalogue import Catalogue
from ecert.report import Report, Verdict
from ecert.signing import ES256, SoftwareSigner
from tests.fakes.claim_desk import ClaimDesk, running
from tests.fakes.world import NOW, POLICE, RESIDENT, World
from wallet.errors import NotInWalletError, NotVerifiedError
from wallet.library import MAX_AUDIENCE_CHARS, Wallet
from wallet.model import MAX_HISTORY, HeldDocument, Shown
from wallet.qr_write import write_qr
from wallet.vault import Vault

AUDIENCE, NONCE, CHALLENGE = "https://school.example", "n-0S6_WzA2Mj", bytes(range(16))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault(tmp_path / "wallet.db", "a wallet for tests", cost=Cost(log_n=4)) as opened:
        yield opened


@pytest.fixture
def wallet(vault: Vault, world: World) -> Wallet:
    return Wallet(vault, Catalogue.load(), world.verifier())


@pytest.fixture
def held(wallet: Wallet, world: World) -> str:
    """A resident's document with its cards, claimed into the wallet."""
    with running(ClaimDesk(world)) as desk:
        wallet.claim(desk.url, desk.new_code())
        (entry,) = wallet.collect(now=NOW).new
    return entry


def paper(world: World, **values: Any) -> bytes:
    issued = world.issue(**values)
    return world.file(issued.text, world.anchor(issued.digest)[0])


def verify(world: World, data: bytes | str, **expected: Any) -> Report:
    return world.verifier(lookup=True).verify(data, now=NOW, expect=Expectation(**expected))


# -- keeping files


def test_a_file_that_verifies_is_kept(wallet: Wallet, world: World) -> None:
    entry = wallet.add_file(paper(world), now=NOW)
    document = wallet.documents()[entry]
    assert (document.kind, document.department) == ("resident-id", POLICE)
    assert document.claims() == RESIDENT
    assert (document.key, document.cards) == (None, {})
    assert wallet.check(entry, now=NOW).verdict is Verdict.VALID


def test_the_same_file_twice_is_one_document(wallet: Wallet, world: World) -> None:
    file = paper(world)
    assert wallet.add_file(file, now=NOW) == wallet.add_file(file, now=NOW)
    assert wallet.add_file(paper(world, index=9), now=NOW) not in (None, "")
    assert len(wallet.documents()) == 2


def bad_files(world: World) -> dict[str, bytes]:
    """Files that must not be kept."""
    good = paper(world)
    signature = good.partition(b"~")[0].rpartition(b".")[2]
    altered = (b"B" if signature[:1] == b"A" else b"A") + signature[1:]
    holder = SoftwareSigner.generate()
    issued = world.issue(holder=holder.public_key)
    receipt = world.anchor(issued.digest)[0]
    presented = sd_jwt.present(
        issued.text, ["name"], holder=holder, audience=AUDIENCE, nonce=NONCE, now=NOW
    )
    expired = int((NOW - timedelta(days=1)).timestamp())
    return {
        "document_not_verified tampered": good.replace(signature, altered),
        "document_not_verified foreign signer": paper(world, signer=SoftwareSigner.generate()),
        "document_not_verified expired": paper(world, clear={"exp": expired}, index=11),
        "document_not_verified receipt of another": world.file(
            world.issue().text, world.anchor(world.issue().digest)[0]
        ),
        "document_without_receipt no receipt": world.file(issued.text, None),
        "document_of_other_holder presented": world.file(presented, receipt),
        "document_of_other_holder whole": world.file(issued.text, receipt),
        "json_malformed text": b"hello",
        "field_malformed other": b"{}",
        "text_not_utf8 bytes": b"\xff\xfe\x00",
        "add_file_for_people PDF": b"%PDF-1.7\n",
        "add_file_for_people PNG": b"\x89PNG\r\n\x1a\n",
        "add_file_for_people JPEG": b"\xff\xd8\xff\xe0",
    }


def test_a_file_that_does_not_verify_is_not_kept(wallet: Wallet, world: World) -> None:
    for name, data in bad_files(world).items():
        with pytest.raises((NotVerifiedError, MalformedError)) as caught:
            wallet.add_file(data, now=NOW)
        code = name.split()[0]
        assert caught.value.code == code, name
        assert caught.value.message("zh")
    assert wallet.documents() == {}


def test_a_withdrawn_file_is_not_kept_and_a_silent_chain_is_no_verdict(
    wallet: Wallet, world: World
) -> None:
    file = paper(world, index=7)
    world.statuses[POLICE, 1, 7] = 1
    with pytest.raises(NotVerifiedError) as caught:
        wallet.add_file(file, now=NOW)
    assert caught.value.details["verdict"] == "revoked"
    world.down = True
    with pytest.raises(UnavailableError) as unknown:
        wallet.add_file(file, now=NOW)
    assert unknown.value.code == "document_undecided"
    assert wallet.documents() == {}


def test_a_wallet_without_verifier_keeps_nothing_new(vault: Vault, world: World) -> None:
    only_shows = Wallet(vault, Catalogue.load(), None)
    with pytest.raises(NotVerifiedError, match="verifier_missing"):
        only_shows.add_file(paper(world), now=NOW)


def test_a_document_kept_is_checked_again(wallet: Wallet, world: World, held: str) -> None:
    assert wallet.check(held, now=NOW).verdict is Verdict.VALID
    world.statuses[POLICE, 1, 20] = 1
    assert wallet.check(held, now=NOW).verdict is Verdict.REVOKED


# -- finding


def test_the_beginning_of_an_id_is_enough_unless_two_begin_so(
    wallet: Wallet, vault: Vault, world: World
) -> None:
    ids = [wallet.add_file(paper(world, index=index), now=NOW) for index in range(7, 9)]
    for entry in ids:
        assert wallet.document(entry)[0] == entry
    while len({entry[0] for entry in ids}) == len(ids):  # 16 first digits: soon two alike
        ids.append(vault.put("document", wallet.document(ids[0])[1].to_json()))
    first = next(e[0] for e in ids if sum(other[0] == e[0] for other in ids) > 1)
    with pytest.raises(NotInWalletError) as caught:
        wallet.document(first)
    assert caught.value.code == "document_id_ambiguous"
    for unknown in ("", "x", "zz" * 100, "../..", "%"):
        with pytest.raises(NotInWalletError, match="document_not_found"):
            wallet.document(unknown)


def test_what_is_removed_is_gone(wallet: Wallet, held: str) -> None:
    assert wallet.remove(held[:7]) == held
    assert wallet.documents() == {}
    for act in (wallet.remove, wallet.document):
        with pytest.raises(NotInWalletError, match="document_not_found"):
            act(held)


def test_an_entry_of_another_version_is_told(wallet: Wallet, vault: Vault) -> None:
    entry = vault.put("document", {"format": "of the future"})
    for act in (wallet.documents, lambda: wallet.document(entry)):
        with pytest.raises(EcertError, match="wallet_entry_other_version"):
            act()
    assert wallet.remove(entry) == entry


# -- presenting


def test_a_presentation_shows_what_was_chosen_to_whom_it_was_made_for(
    wallet: Wallet, world: World, held: str
) -> None:
    file = wallet.present(held, ["name", "birth_date"], audience=AUDIENCE, nonce=NONCE, now=NOW)
    for data in (file.to_bytes(), file.presentation):
        report = verify(world, data, audience=AUDIENCE, nonce=NONCE, required=True)
        assert report.verdict is Verdict.VALID
        assert report.subject is not None
        assert set(report.subject.claims) == {"name", "birth_date"}
    elsewhere = verify(world, file.to_bytes(), audience="https://else.example", nonce=NONCE)
    assert elsewhere.verdict is Verdict.HOLDER_NOT_PROVEN


def test_a_presentation_may_disclose_nothing(wallet: Wallet, world: World, held: str) -> None:
    file = wallet.present(held, [], audience=AUDIENCE, nonce=NONCE, now=NOW)
    report = verify(world, file.to_bytes(), audience=AUDIENCE, nonce=NONCE)
    assert report.verdict is Verdict.VALID
    assert report.subject is not None
    assert report.subject.claims == {}
    assert RESIDENT["name"] not in file.presentation


def test_an_unknown_claim_is_told_with_those_there_are(wallet: Wallet, held: str) -> None:
    with pytest.raises(NotInWalletError) as caught:
        wallet.present(held, ["name", "salary"], audience=AUDIENCE, nonce=NONCE, now=NOW)
    assert caught.value.code == "claim_not_found"
    sentence = caught.value.message("en")
    assert '"salary"' in sentence
    assert all(name in sentence for name in RESIDENT)
    assert wallet.documents()[held].history == ()


@pytest.mark.parametrize("name", ["audience", "nonce"])
@pytest.mark.parametrize("text", ["", "x" * (MAX_AUDIENCE_CHARS + 1)])
def test_audience_and_nonce_have_bounds(wallet: Wallet, held: str, name: str, text: str) -> None:
    given = {"audience": AUDIENCE, "nonce": NONCE, name: text}
    with pytest.raises(MalformedError) as caught:
        wallet.present(held, ["name"], now=NOW, **given)
    assert caught.value.code == "argument_length"
    assert name in caught.value.message("zh")


def test_a_paper_document_has_no_holder_to_prove(wallet: Wallet, world: World) -> None:
    entry = wallet.add_file(paper(world), now=NOW)
    with pytest.raises(HolderBindingError) as caught:
        wallet.present(entry, ["name"], audience=AUDIENCE, nonce=NONCE, now=NOW)
    assert caught.value.code == "document_without_key"
    with pytest.raises(NotInWalletError, match="card_not_found"):
        wallet.card(entry, "full", now=NOW)


def test_every_showing_is_remembered(wallet: Wallet, held: str) -> None:
    wallet.present(held, ["name"], audience=AUDIENCE, nonce=NONCE, now=NOW)
    wallet.card(held, "over18", now=NOW + timedelta(minutes=1))
    at = int(NOW.timestamp())
    assert wallet.documents()[held].history == (
        Shown(at, AUDIENCE, ("name",)),
        Shown(at + 60, "", ("card:over18",)),
    )


def test_the_history_has_an_end(wallet: Wallet, held: str) -> None:
    document = wallet.documents()[held]
    for number in range(MAX_HISTORY + 3):
        document = document.shown(Shown(number, AUDIENCE, ("name",)))
    assert len(document.history) == MAX_HISTORY
    assert document.history[-1].at == MAX_HISTORY + 2


# -- cards


@pytest.mark.parametrize("view", ["full", "over18"])
@pytest.mark.parametrize("challenge", [b"", CHALLENGE, bytes(32)])
def test_a_card_is_read_from_its_picture_and_verifies(
    wallet: Wallet, world: World, held: str, view: str, challenge: bytes
) -> None:
    text = wallet.card(held, view, now=NOW, challenge=challenge)
    image = write_qr(text)
    assert image.version <= 25
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(image.png)))
    assert code.text == text
    report = verify(world, code.text, challenge=challenge or None, required=True)
    assert report.verdict is Verdict.VALID
    assert report.subject is not None
    assert report.subject.view == view
    other = verify(world, code.text, challenge=b"another verifier's", required=True)
    assert other.verdict is Verdict.HOLDER_NOT_PROVEN


def test_a_card_shown_twice_differs_and_an_old_one_is_stale(
    wallet: Wallet, world: World, held: str
) -> None:
    first = wallet.card(held, "over18", now=NOW - timedelta(minutes=2))
    assert wallet.card(held, "over18", now=NOW) != first
    assert verify(world, first, required=True).verdict is Verdict.HOLDER_NOT_PROVEN


def test_an_unknown_view_is_told_with_those_there_are(wallet: Wallet, held: str) -> None:
    with pytest.raises(NotInWalletError) as caught:
        wallet.card(held, "over21", now=NOW)
    assert caught.value.code == "card_not_found"
    assert "full, over18" in caught.value.message("en")


def test_a_challenge_has_a_bound(wallet: Wallet, held: str) -> None:
    with pytest.raises(MalformedError) as caught:
        wallet.card(held, "over18", now=NOW, challenge=bytes(33))
    assert caught.value.code == "challenge_too_long"
    assert "32" in caught.value.message("zh")
    assert wallet.documents()[held].history == ()


def test_what_is_kept_comes_back_as_it_was(wallet: Wallet, held: str) -> None:
    document = wallet.documents()[held].shown(Shown(1, "x", ("a", "b")))
    again = HeldDocument.from_json(document.to_json())
    assert again.key is not None
    assert document.key is not None
    assert again.key.public_key == document.key.public_key
    assert again.key.public_key.suite is ES256
    assert (again.sd_jwt, again.receipt, again.history) == (
        document.sd_jwt,
        document.receipt,
        document.history,
    )
    assert DocumentFile(again.sd_jwt, again.receipt).to_bytes()


def test_two_wallets_of_one_file_keep_each_others_history(
    wallet: Wallet, tmp_path: Path, held: str, world: World
) -> None:
    acts: list[Callable[[Wallet], object]] = [
        lambda one: one.present(held, ["name"], audience=AUDIENCE, nonce=NONCE, now=NOW),
        lambda one: one.card(held, "full", now=NOW),
    ]
    with Vault(tmp_path / "wallet.db", "a wallet for tests") as second:
        other = Wallet(second, Catalogue.load(), world.verifier())
        for act in acts:
            act(wallet)
            act(other)
    assert len(wallet.documents()[held].history) == 4
