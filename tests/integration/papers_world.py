"""Documents of a real registry in all the forms that a third party may be given."""

import io
from dataclasses import dataclass

import httpx
import pytest
import segno
from api_world import ApiWorld
from PIL import Image

from ecert import card as cards
from ecert import sd_jwt
from ecert.document import DocumentFile
from ecert.kinds import Catalogue
from ecert.receipt import Receipt
from ecert.signing import SoftwareSigner
from registry.documents.delivery import paper_input
from wallet import claims
from wallet.library import utc_now
from wallet.qr_write import write_qr

AUDIENCE, NONCE = "https://school.example", "n-0S6_WzA2Mj"


@dataclass(frozen=True)
class Held:
    """A document that was claimed, as a wallet has it."""

    text: str
    receipt: Receipt
    key: SoftwareSigner
    card: str
    card_key: SoftwareSigner

    def presentation(self, *names: str) -> bytes:
        text = sd_jwt.present(
            self.text, names, holder=self.key, audience=AUDIENCE, nonce=NONCE, now=utc_now()
        )
        return DocumentFile(text, self.receipt).to_bytes()

    def shown_card(self, challenge: bytes = b"") -> str:
        return cards.with_proof(self.card, holder=self.card_key, now=utc_now(), challenge=challenge)


@dataclass(frozen=True)
class Papers:
    """What a department handed out of one document, by form."""

    file: bytes
    pdf: bytes
    card: str
    lookup: str


@pytest.fixture(scope="module")
def issued(api: ApiWorld) -> list[str]:
    return api.issue(4, seed=90)


@pytest.fixture(scope="module")
def papers(api: ApiWorld, issued: list[str]) -> list[Papers]:
    with api.client("clerk") as clerk:
        return [_papers(api, clerk, document) for document in issued]


def _papers(api: ApiWorld, clerk: httpx.Client, document: str) -> Papers:
    with api.registry.transaction() as services:
        actor = services.officers.authenticate(api.tokens["clerk"])
        paper = paper_input(services, actor, document)
    return Papers(
        file=clerk.get(f"/v1/documents/{document}/file").content,
        pdf=clerk.get(f"/v1/documents/{document}/pdf").content,
        card=paper.card,
        lookup=paper.lookup_url,
    )


@pytest.fixture(scope="module")
def held(api: ApiWorld, issued: list[str]) -> Held:
    with api.client("clerk") as clerk:
        code = clerk.post(f"/v1/documents/{issued[0]}/claim-code").json()["code"]
    pending = claims.redeem(claims.prepare(api.url, code, Catalogue.load()))
    api.drain()
    found = {artefact.view: artefact for artefact in claims.fetch(pending) or ()}
    document, card = found[""], found["over18"]
    return Held(
        text=document.text,
        receipt=document.receipt,
        key=pending.keys[""],
        card=cards.with_receipt(card.text, card.receipt.compact()),
        card_key=pending.keys["over18"],
    )


def altered(file: bytes) -> bytes:
    signature = file.partition(b"~")[0].rpartition(b".")[2]
    return file.replace(signature, (b"B" if signature[:1] == b"A" else b"A") + signature[1:])


def picture(*texts: str, kind: str = "PNG") -> bytes:
    """One picture with a QR code for each text."""
    codes = []
    for text in texts:
        if text.startswith(cards.PREFIX):
            png = write_qr(text, scale=4).png
        else:
            file = io.BytesIO()
            segno.make_qr(text).save(file, kind="png", scale=4, border=6)
            png = file.getvalue()
        codes.append(Image.open(io.BytesIO(png)).convert("L"))
    sheet = Image.new("L", (sum(c.width for c in codes), max(c.height for c in codes)), 255)
    left = 0
    for code in codes:
        sheet.paste(code, (left, 0))
        left += code.width
    out = io.BytesIO()
    sheet.save(out, kind)
    return out.getvalue()
