"""Claim codes: read in one way however they are typed, and bound to whom they are given."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.claiming import CODE_CHARS, code_hash, new_code, normal_code, proof_input
from ecert.errors import MalformedError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_new_codes_are_apart_and_readable() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        assert [len(group) for group in code.split("-")] == [5] * 4
        assert set(code) <= set(ALPHABET + "-")
        assert normal_code(code) == code.replace("-", "")


@given(st.text(ALPHABET, min_size=CODE_CHARS, max_size=CODE_CHARS), st.data())
def test_a_code_is_one_however_it_is_typed(code: str, data: st.DataObject) -> None:
    typed = ""
    for char in code:
        looks = {"1": "1iIlL", "0": "0oO"}.get(char, char + char.lower())
        typed += data.draw(st.sampled_from(looks)) + data.draw(
            st.sampled_from(["", "-", " ", "\n"])
        )
    assert normal_code(typed) == code
    assert code_hash(typed) == code_hash(code)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ABCDE-FGHJK",
        "ABCDE-FGHJK-MNPQR-STVWXY",
        "ABCDE-FGHJK-MNPQR-STVWU",  # no U
        "ABCDE-FGHJK-MNPQR-STVW!",
        "ABCDE_FGHJK_MNPQR_STVWX",
        "ABCDE-FGHJK-MNPQR-STVW\u0130",
        "ABCDE-FGHJK-MNPQR-STVW\u0131",  # its capital is I, which stands for 1
        "ABCDE-FGHJK-MNPQR-\u017fTVWX",  # its capital is S
        "\uff21BCDE-FGHJK-MNPQR-STVWX",
        "ABCDE-FGHJK-MNPQR-STVW\udcff",
        "ABCDE\u00a0FGHJK-MNPQR-STVWX",
        "ABCDE-FGHJK-MNPQR-STVWX" + " " * 80 + "and more",
        "-" * 10_000,
    ],
)
def test_what_is_no_code(text: str) -> None:
    for read in (normal_code, code_hash, lambda code: proof_input(code, "https://a.example")):
        with pytest.raises(MalformedError) as caught:
            read(text)
        assert caught.value.code == "claim_code_malformed"
        assert text not in caught.value.message("en") or not text  # it may be nearly the secret


def test_what_is_signed_names_code_and_registry() -> None:
    code = new_code()
    made = proof_input(code, "https://a.example")
    tag = b"ecert-claim-v1\0"
    kept = hashlib.sha256(tag + code.replace("-", "").encode()).digest()
    assert made == tag + kept + b"https://a.example"
    assert made != proof_input(code, "https://b.example")
    assert made != proof_input(new_code(), "https://a.example")
