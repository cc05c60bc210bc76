"""Cards: issuing, reading, and verifying with receipt and holder's proof."""

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.documents import Document
from benchmarks.measure import rates
from benchmarks.table import Mark, Row, Unit
from ecert import card
from ecert.receipt import receipts_of

LEAVES = 1_024
CHALLENGE = b"benchmark-challenge"


def rows() -> list[Row]:
    """Measure, and return the rows of the report."""
    document = Document()
    issuer, now = document.issuer, document.now
    text = document.card_text()
    read = card.parse(text)
    others = [hashlib.sha256(number.to_bytes(4)).digest() for number in range(LEAVES - 1)]
    whole = receipts_of(
        [read.digest, *others],
        department=read.content.dept,
        chain_id=1,
        contract=bytes(20),
        block=1,
    )[0]
    shown = card.with_proof(
        card.with_receipt(text, whole.compact()),
        holder=document.holder,
        now=now,
        challenge=CHALLENGE,
    )

    def verify() -> None:
        found = card.parse(shown)
        card.verify_issuer(found, issuer.public_key)
        assert found.receipt is not None
        compact = found.receipt
        expanded = compact.expand(
            found.digest, department=found.content.dept, chain_id=1, contract=bytes(20)
        )
        if expanded.root != whole.root:
            raise RuntimeError("the card's path leads elsewhere")
        # A cache of its own: the same proof is verified again and again here.
        card.verify_holder(found, now=now, challenge=CHALLENGE, replay=card.MemoryReplayCache())

    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    signature, public_key = key.sign(read.signed_bytes, algorithm), key.public_key()
    found = rates(
        {
            "sign": lambda: key.sign(read.signed_bytes, algorithm),
            "issue": lambda: card.issue(read.content, signer=issuer),
            "parse": lambda: card.parse(shown),
            "verify": verify,
            "check": lambda: public_key.verify(signature, read.signed_bytes, algorithm),
        }
    )
    half = Mark("two P-256 checks", found["check"] / 2)
    return [
        Row("issue a card", Unit.RATE, found["issue"], limit=Mark("P-256 sign", found["sign"])),
        Row(f"read a card ({len(shown)} characters)", Unit.RATE, found["parse"]),
        Row("verify a card: issuer, path, holder", Unit.RATE, found["verify"], limit=half),
    ]
