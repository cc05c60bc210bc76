"""What a package says of itself: determined by its content, frozen, and nothing else accepted."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from ecert.cbor import cbor_decode, cbor_encode
from ecert.chain.block_proof import BlockProof
from ecert.chain.state_proof import StateProof
from ecert.errors import MalformedError
from ecert.evidence import ChainProof, Evidence, is_evidence
from ecert.evidence.statement import statement

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"
CASES = [(sealed, stamped) for sealed in (True, False) for stamped in (False, True)]


def package(*, sealed: bool, stamped: bool) -> bytes:
    block = BlockProof(b"header", (), None) if sealed else BlockProof(None, (), b"checkpoint")
    proof = ChainProof(StateProof(block, (b"node",)), b"token" if stamped else None)
    return Evidence(b"{}", proof, 1).encode()


def members(data: bytes) -> dict[int, object]:
    value = cbor_decode(data, max_depth=5)
    assert isinstance(value, dict)
    return value


def refused(value: dict[int, object], code: str) -> None:
    with pytest.raises(MalformedError) as raised:
        Evidence.decode(cbor_encode(value))
    assert raised.value.code == code


@pytest.mark.parametrize(("sealed", "stamped"), CASES)
def test_it_says_on_whose_word_it_rests(sealed: bool, stamped: bool) -> None:
    data = package(sealed=sealed, stamped=stamped)
    said = members(data)[2]
    assert said == statement(sealed=sealed, stamped=stamped)
    assert isinstance(said, str)
    for text in ("seals of a quorum of validators", "验证节点中法定多数", "the validators' word"):
        assert (text in said) is sealed, text
    for text in ("one operator's signature", "一个运营者", "the operator's word"):
        assert (text in said) is not sealed, text
    for text in ("timestamp token", "时间戳令牌"):
        assert (text in said) is stamped, text
    for text in ("No outside authority confirms", "没有外部机构的时间戳"):
        assert (text in said) is not stamped, text
    assert "{" not in said
    assert is_evidence(data)
    assert Evidence.decode(data).encode() == data


@pytest.mark.parametrize(("sealed", "stamped"), CASES)
def test_a_tool_that_knows_no_format_shows_it(sealed: bool, stamped: bool) -> None:
    """The first kilobytes, line by line, as ``strings`` and ``head`` do."""
    lines = package(sealed=sealed, stamped=stamped).split(b"\n")
    wanted = statement(sealed=sealed, stamped=stamped).strip("\n").split("\n")
    assert lines[0].startswith(b"\xa6\x01\x70ecert-evidence/1\x02\x79")
    assert [line.decode() for line in lines[1 : len(wanted) + 1]] == wanted
    english = wanted[
        wanted.index("Evidence package of an electronic certificate, ecert-evidence/1") :
    ]
    assert all(line.isascii() and len(line) < 80 for line in english)
    assert sum("verifier evidence check" in line for line in english) == 1


def test_the_texts_are_those_of_the_format() -> None:
    """They are frozen: other texts are another format."""
    table = FORMATS.read_text("utf-8")
    for sealed, stamped in CASES:
        text = statement(sealed=sealed, stamped=stamped).encode()
        block, token = "1: header" if sealed else "3: checkpoint", "yes" if stamped else "no"
        digest = hashlib.sha256(text).hexdigest()
        assert f"| {block} | {token} | {len(text):,} | `{digest}` |" in table


@pytest.mark.parametrize(("sealed", "stamped"), CASES)
def test_no_package_says_more_than_its_content_allows(sealed: bool, stamped: bool) -> None:
    value = members(package(sealed=sealed, stamped=stamped))
    said = value[2]
    assert isinstance(said, str)
    for other in CASES:
        if other != (sealed, stamped):
            others = statement(sealed=other[0], stamped=other[1])
            refused(value | {2: others}, "evidence_statement_differs")
    for text in ("", said + " ", said[1:], said.replace("not", "", 1), said.upper()):
        refused(value | {2: text}, "evidence_statement_differs")
    for wrong in (said.encode(), 7, [said]):
        refused(value | {2: wrong}, "field_malformed")
    refused({key: part for key, part in value.items() if key != 2}, "evidence_unrecognised")
    refused({0 if key == 2 else key: part for key, part in value.items()}, "evidence_unrecognised")
    refused({7 if key == 2 else key: part for key, part in value.items()}, "field_malformed")


def test_content_that_changes_takes_its_statement_along() -> None:
    data = package(sealed=True, stamped=False)
    whole = Evidence.decode(data)
    stamped = replace(whole, proof=replace(whole.proof, timestamp=b"token")).encode()
    assert stamped == package(sealed=True, stamped=True)
    refused(members(stamped) | {2: members(data)[2]}, "evidence_statement_differs")


def test_a_map_of_five_without_a_statement_is_no_package() -> None:
    value = members(package(sealed=True, stamped=True))
    document, proof = value[3], value[4]
    assert isinstance(document, bytes)
    assert isinstance(proof, bytes)
    manifest = {2: hashlib.sha256(document).digest(), 3: hashlib.sha256(proof).digest()}
    five = {1: value[1], 2: document, 3: proof, 4: 1, 5: manifest}
    assert not is_evidence(cbor_encode(five))
    refused(five, "evidence_unrecognised")


@pytest.mark.parametrize(("sealed", "stamped"), CASES)
def test_one_that_was_cut_anywhere_is_told_so(sealed: bool, stamped: bool) -> None:
    """Not as the card or the text that it is not."""
    data = package(sealed=sealed, stamped=stamped)
    for length in range(1, len(data)):
        assert is_evidence(data[:length])
        with pytest.raises(MalformedError) as raised:
            Evidence.decode(data[:length])
        assert raised.value.code == "evidence_malformed"
        assert 0 <= int(str(raised.value.details["position"])) <= length
        assert "package" in raised.value.message("en")
    with pytest.raises(MalformedError) as raised:
        Evidence.decode(data + b"\0")
    assert raised.value.details["reason"] == "cbor_trailing_bytes"


@pytest.mark.parametrize("data", [b"", b"{}", b"%PDF-1.7\n", b"\xa6\x02", b"EC1:", bytes(40)])
def test_what_is_something_else_is_told_so(data: bytes) -> None:
    assert not is_evidence(data)
    with pytest.raises(MalformedError) as raised:
        Evidence.decode(data)
    assert raised.value.code == "evidence_unrecognised"


def test_the_proofs_own_bytes_are_told_by_their_place() -> None:
    for broken in (
        b"\xa1\x04", b"\xa2\x04\x80\x04\x80", b"\x81" * 9, b"\xc1\x00", b"\xa1\x04\x9f", b"\xf6",
        b"",
    ):  # fmt: skip
        with pytest.raises(MalformedError) as raised:
            ChainProof.decode(broken)
        assert raised.value.code == "evidence_malformed"
        assert raised.value.details["where"] == "evidence.proof"
