"""Pages for the tests of the paper form."""

import random
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

from ecert.base45 import ALPHABET
from ecert.document import DocumentFile
from ecert.lookup import Sealed, seal, url_of
from ecert.receipt import Receipt
from registry.paper import Field, Label, PaperInput

CHINA = timezone(timedelta(hours=8))
ORIGIN = "https://certificates.example.gov.cn"
RECEIPT = Receipt(1, 2, (bytes(32),), bytes(32), "11650100010000000P", 1337, bytes(20), 7)
DOCUMENT = DocumentFile("eyJhbGciOiJFUzI1NiJ9.e30.c2ln~", RECEIPT).to_bytes()


def card_text(chars: int) -> str:
    """A card's text of a given length: random base45."""
    source = random.Random(chars)
    return "EC1:" + "".join(source.choices(ALPHABET, k=chars - 4))


def sealed() -> Sealed:
    return seal(DOCUMENT)


def paper(*, card_chars: int = 1000, **changes: Any) -> PaperInput:
    page = PaperInput(
        title=Label("居民身份证", "Resident ID"),
        department=Label("示例市公安局", "Sample City Public Security Bureau"),
        identifier="1.2.156.3005.2.11100000000013338W001.11650100010000000P.2026030100012.001.5",
        issued=datetime(2026, 3, 1, 9, 30, 15, tzinfo=CHINA),
        valid_from=date(2026, 3, 1),
        valid_until=date(2046, 2, 28),
        fields=(
            Field(Label("姓名", "Name"), "欧阳安"),
            Field(Label("出生日期", "Date of birth"), "1990年1月1日", "1 January 1990"),
        ),
        document=DOCUMENT,
        lookup_url=url_of(ORIGIN, Sealed("A" * 16, "B" * 22, b"")),
        card=card_text(card_chars),
    )
    return replace(page, **changes)
