"""The negative vectors for SD-JWT, and that they are what their script makes."""

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecert import sd_jwt
from ecert.errors import EcertError

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = json.loads((FOLDER / "negative" / "sd_jwt.json").read_text("utf-8"))


def check(case):
    return sd_jwt.verify(
        case["input"],
        issuer_jwk=case["issuer"],
        audience=case["audience"],
        nonce=case["nonce"],
        now=datetime.fromtimestamp(case["now"], UTC),
        require_key_binding=case["require_key_binding"],
    )


def test_the_presentation_that_the_cases_spoil_is_valid():
    verified = check({**VECTORS, "input": VECTORS["valid"]})
    assert verified.key_bound
    assert verified.disclosed_names == {"name", "birth_date"}


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_spoiled_presentation_is_refused_with_its_code(case):
    with pytest.raises(EcertError) as raised:
        check({**VECTORS, **case})
    assert raised.value.code == case["code"]
    for language in ("zh", "en"):
        sentence = raised.value.message(language)
        assert sentence
        assert "<" not in sentence  # no detail is missing


def test_the_script_makes_this_very_file(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    spec = importlib.util.spec_from_file_location("make_sd_jwt", FOLDER / "make_sd_jwt.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.make() == VECTORS
