"""The negative vectors for cards, and that they are what their script makes."""

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecert import card
from ecert.encoding import b64url_decode
from ecert.errors import EcertError
from ecert.signing import PublicKey

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = json.loads((FOLDER / "negative" / "cards.json").read_text("utf-8"))


def check(text):
    read = card.parse(text)
    card.verify_issuer(read, PublicKey.from_jwk(VECTORS["issuer"]))
    card.verify_holder(
        read,
        now=datetime.fromtimestamp(VECTORS["now"], UTC),
        challenge=b64url_decode(VECTORS["challenge"]),
        replay=card.MemoryReplayCache(),
    )


def test_the_card_that_the_cases_spoil_is_valid():
    check(VECTORS["valid"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_spoiled_card_is_refused_with_its_code(case):
    with pytest.raises(EcertError) as raised:
        check(case["input"])
    assert raised.value.code == case["code"]
    for language in ("zh", "en"):
        sentence = raised.value.message(language)
        assert sentence
        assert "<" not in sentence  # no detail is missing


def test_the_script_makes_this_very_file():
    spec = importlib.util.spec_from_file_location("make_cards", FOLDER / "make_cards.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.make() == VECTORS
