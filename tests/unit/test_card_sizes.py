"""What cards weigh, and which QR code they take: DESIGN's sizes, over the kinds that exist."""

import secrets
from datetime import UTC, datetime

import pytest

from ecert import card, limits
from ecert.artefact import card_view
from ecert.errors import ContentError
from ecert.facts import StatusReference
from ecert.kinds import Catalogue
from ecert.receipt import CompactReceipt
from ecert.signing import SoftwareSigner
from wallet.qr_write import MAX_VERSION, write_qr

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
DEPARTMENT, HOLDER = SoftwareSigner.generate(), SoftwareSigner.generate()
CHALLENGE = secrets.token_bytes(16)
RECEIPT = CompactReceipt(
    limits.CARD_TREE_SIZE - 1,
    limits.CARD_TREE_SIZE,
    tuple(secrets.token_bytes(32) for _ in range(10)),
    87_654_321,
)
CATALOGUE = Catalogue.load()
FACE = {
    "name": "欧阳建国",
    "sex": "男",
    "ethnicity": "汉",
    "birth_date": "1949-12-31",
    "address": "广东省广州市天河区珠江新城华夏路10号富力中心1单元2001室",
    "id_number": "11010519491231002X",
    "issuing_authority": "广州市公安局天河分局",
    "issue_date": "2026-05-04",
}


def make(kind_code, view, claims, holder=HOLDER):
    kind = CATALOGUE.kind(kind_code)
    numbered = card_view(kind, kind.card(view)).to_numbers(claims)
    content = card.CardContent(
        dept="11440100007482MB2A",
        kind=kind.number,
        version=kind.version,
        view=kind.card(view).number,
        claims=numbered,
        status=StatusReference(3, limits.MAX_STATUS_INDEX),
        iat=SECONDS,
        nbf=SECONDS,
        exp=SECONDS + 20 * 365 * 86400,
        holder=holder.public_key if holder else None,
    )
    return card.issue(content, signer=DEPARTMENT).text


def size_of(text):
    """Bytes of the CBOR under the base45."""
    characters = len(text) - len(card.PREFIX)
    return characters // 3 * 2 + characters % 3 // 2


def shown(text):
    return card.with_proof(text, holder=HOLDER, now=NOW, challenge=CHALLENGE)


def test_the_sizes_of_a_card_that_says_one_thing(capsys):
    plain = make("resident-id", "over18", {"over_18": True})
    forms = {
        "alone": (plain, 225, 250, "14-Q"),
        "with proof": (shown(plain), 315, 400, "14-M"),
        "with receipt": (card.with_receipt(plain, RECEIPT), 560, 600, "20-M"),
        "with both": (shown(card.with_receipt(plain, RECEIPT)), 650, 730, "21-M"),
    }
    for name, (text, least, most, largest) in forms.items():
        image = write_qr(text)
        with capsys.disabled():
            print(f"\ncard {name}: {size_of(text)} bytes, {image.version}-{image.level}", end="")
        assert least <= size_of(text) <= most
        version, level = largest.split("-")
        assert (image.version <= int(version), image.level) == (True, level)


def test_the_sizes_of_a_whole_face(capsys):
    plain = make("resident-id", "full", FACE)
    forms = {
        "alone": (plain, 430, "17-M"),
        "with proof": (shown(plain), 520, "19-M"),
        "with receipt": (card.with_receipt(plain, RECEIPT), 770, "23-M"),
        "with both": (shown(card.with_receipt(plain, RECEIPT)), 870, f"{MAX_VERSION}-M"),
        "on paper": (
            card.with_receipt(make("resident-id", "full", FACE, None), RECEIPT),
            730,
            "23-M",
        ),
    }
    for name, (text, most, largest) in forms.items():
        image = write_qr(text)
        with capsys.disabled():
            print(f"\nface {name}: {size_of(text)} bytes, {image.version}-{image.level}", end="")
        assert size_of(text) <= most
        version, level = largest.split("-")
        assert (image.version <= int(version), image.level) == (True, level)


def test_the_printed_view_needs_no_key_and_others_do():
    kind = CATALOGUE.kind("resident-id")
    paper = card.parse(make("resident-id", kind.paper_card, FACE, None))
    assert card_view(kind, kind.card("full")).to_names(paper.content) == FACE
    bearer = card.parse(make("resident-id", "over18", {"over_18": True}, None))
    with pytest.raises(ContentError) as raised:
        card_view(kind, kind.card("over18")).to_names(bearer.content)
    assert raised.value.code == "card_holder_key_required"
