"""Status lists: the vectors of draft-ietf-oauth-status-list, the contract's words, bad input."""

import json
import re
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert.encoding import b64url_encode
from ecert.errors import MalformedError
from ecert.limits import MAX_STATUS_INDEX, STATUS_LIST_SIZE
from ecert.status import BITS, ENTRIES_PER_WORD, Status, StatusList, entry_of, uri_of

SECTION = re.compile(r"^## (\d)-bit Status List$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"status\[(\d+)\]\s*=\s*0b([01]+)")


@pytest.mark.parametrize("bits", BITS)
def test_the_drafts_vectors(vectors: Path, bits: int) -> None:
    folder = vectors / "status-list"
    sections = dict(SECTION.findall((folder / "expected.md").read_text("utf-8")))
    (file,) = folder.glob(f"*encoding{bits}_*json.md")
    # The file folds the text of "lst" over lines, which JSON does not allow.
    example = json.loads(re.sub(r"\n\s+(?=[\w-]+[\"\n])", "", file.read_text("utf-8")))
    decoded = StatusList.decode(example["bits"], example["lst"])
    assert (decoded.bits, len(decoded)) == (bits, 1 << 20)
    expected = {int(index): int(value, 2) for index, value in ENTRY.findall(sections[str(bits)])}
    assert len(expected) > 10
    for index, value in expected.items():
        assert decoded[index] == value
    others = set(range(0, 1 << 20, 997)) - set(expected)
    assert not any(decoded[index] for index in others)
    # What we write, we and others read alike.
    encoded = decoded.encode()
    assert StatusList.decode(bits, str(encoded["lst"])).data == decoded.data


@given(st.dictionaries(st.integers(0, STATUS_LIST_SIZE - 1), st.integers(0, 3), max_size=40))
def test_words_of_the_contract_become_a_list(entries: dict[int, int]) -> None:
    words: dict[int, int] = {}
    for index, value in entries.items():
        shift = 2 * (index % ENTRIES_PER_WORD)
        words[index // ENTRIES_PER_WORD] = words.get(index // ENTRIES_PER_WORD, 0) | value << shift
    made = StatusList.from_words(words)
    assert len(made) == STATUS_LIST_SIZE
    for index, value in entries.items():
        assert made[index] == value == entry_of(words[index // ENTRIES_PER_WORD], index)
    assert sum(made[index] > 0 for index in entries) == sum(v > 0 for v in entries.values())
    assert StatusList.decode(2, str(made.encode()["lst"])).data == made.data


@pytest.mark.parametrize(
    "words",
    [
        {STATUS_LIST_SIZE // ENTRIES_PER_WORD: 1},  # would be appended, out of its place
        {8191: 1},
        {-1: 1},
        {0: 1 << 256},
        {0: -1},
    ],
    ids=str,
)
def test_a_word_that_has_no_room_is_refused(words: dict[int, int]) -> None:
    with pytest.raises(MalformedError) as caught:
        StatusList.from_words(words)
    assert caught.value.code == "status_list_malformed"
    assert "word" in caught.value.message("en")


def test_a_larger_list_has_room_for_all_words_of_the_contract() -> None:
    last = MAX_STATUS_INDEX // ENTRIES_PER_WORD
    made = StatusList.from_words({last: 2 << 254}, MAX_STATUS_INDEX + 1)
    assert made[MAX_STATUS_INDEX] == Status.SUSPENDED


@pytest.mark.parametrize("index", [-1, STATUS_LIST_SIZE, 1 << 64])
def test_an_entry_that_is_none(index: int) -> None:
    with pytest.raises(MalformedError) as caught:
        _ = StatusList.from_words({})[index]
    assert caught.value.code == "status_list_malformed"


@given(st.binary(max_size=200), st.sampled_from(BITS))
def test_any_bytes_are_a_list_or_refused(data: bytes, bits: int) -> None:
    with suppress(MalformedError):
        StatusList.decode(bits, b64url_encode(data))
    packed = zlib.compress(data)
    assert StatusList.decode(bits, b64url_encode(packed)).data == data


def test_the_largest_list_is_taken() -> None:
    packed = b64url_encode(zlib.compress(bytes(MAX_STATUS_INDEX + 1)))
    assert len(StatusList.decode(8, packed)) == MAX_STATUS_INDEX + 1


def test_the_uri_names_the_department() -> None:
    assert uri_of("https://a.example", "440100.GA", 3) == "https://a.example/v1/status/440100.GA/3"
