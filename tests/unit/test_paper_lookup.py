"""Look-up codes: what is sealed opens with its own id and key only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecert import limits
from ecert.errors import EcertError, MalformedError
from ecert.lookup import (
    ID_BYTES,
    KEY_BYTES,
    MAX_CIPHERTEXT_BYTES,
    LookupUrl,
    Sealed,
    is_lookup_url,
    open_,
    parse_url,
    seal,
    url_of,
)


def code_of(call, *arguments):
    with pytest.raises(MalformedError) as caught:
        call(*arguments)
    assert caught.value.message("zh")
    return caught.value.code


@given(st.binary(min_size=1, max_size=9000))
def test_what_is_sealed_opens(document):
    sealed = seal(document)
    assert open_(sealed.ciphertext, sealed.id, sealed.key) == document


def test_largest_document_opens_and_a_larger_or_empty_one_is_refused():
    document = bytes(limits.MAX_DOCUMENT_FILE_BYTES)
    sealed = seal(document)
    assert len(sealed.ciphertext) <= MAX_CIPHERTEXT_BYTES
    assert open_(sealed.ciphertext, sealed.id, sealed.key) == document
    assert code_of(seal, document + b"\0") == "lookup_document_size"
    assert code_of(seal, b"") == "lookup_document_size"


def test_documents_of_like_length_have_ciphertexts_of_one_length():
    assert len({len(seal(bytes(n)).ciphertext) for n in (1, 900, 2000, 4092)}) == 1
    assert len(seal(bytes(4093)).ciphertext) > len(seal(bytes(4092)).ciphertext)


def test_one_document_sealed_twice_shares_nothing():
    first, second = seal(b"x"), seal(b"x")
    assert len({first.id, second.id, first.key, second.key}) == 4
    assert first.ciphertext[:40] != second.ciphertext[:40]


def test_key_is_not_in_any_text_of_the_objects():
    sealed = seal(b"x")
    assert sealed.key not in repr(sealed)
    assert sealed.key not in repr(parse_url(url_of("https://a.example", sealed)))


def test_other_id_other_key_or_other_bytes_do_not_open():
    sealed, other = seal(b"x"), seal(b"x")
    assert code_of(open_, sealed.ciphertext, other.id, sealed.key) == "lookup_not_opened"
    assert code_of(open_, sealed.ciphertext, sealed.id, other.key) == "lookup_not_opened"
    assert code_of(open_, other.ciphertext, sealed.id, sealed.key) == "lookup_not_opened"


@given(st.data())
def test_any_flipped_bit_is_noticed(data):
    sealed = seal(b"document")
    altered = bytearray(sealed.ciphertext)
    at = data.draw(st.integers(0, len(altered) - 1))
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    code = code_of(open_, bytes(altered), sealed.id, sealed.key)
    assert code == ("lookup_entry_malformed" if at == 0 else "lookup_not_opened")


def test_entries_of_another_form():
    sealed = seal(b"document")
    whole = sealed.ciphertext
    for entry in (b"", whole[:1], whole[:-1], whole + b"\0", whole.hex().encode()):
        assert code_of(open_, entry, sealed.id, sealed.key) == "lookup_entry_malformed"


def test_oversized_entry_is_refused_before_decryption():
    sealed = seal(b"x")
    entry = sealed.ciphertext + bytes(4096 * 300)
    assert code_of(open_, entry, sealed.id, sealed.key) == "lookup_entry_malformed"


@pytest.mark.parametrize("text", ["", "A", "=" * 16, "A" * 15 + "é", "A" * 400, "A" * 17])
def test_ids_and_keys_of_another_form(text):
    sealed = seal(b"x")
    assert code_of(open_, sealed.ciphertext, text, sealed.key) == "lookup_code_malformed"
    assert code_of(open_, sealed.ciphertext, sealed.id, text) == "lookup_code_malformed"


@pytest.mark.parametrize(
    "origin",
    [
        "https://certificates.example.gov.cn",
        "https://xn--fiqs8s.example:8443",
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://[::1]:8000",
    ],
)
def test_url_round_trip(origin):
    sealed = seal(b"x")
    url = url_of(origin, sealed)
    assert parse_url(url) == LookupUrl(origin, sealed.id, sealed.key)
    assert is_lookup_url(url)
    assert len(url) <= 150
    path, fragment = url.split("#")
    assert path == origin + "/p"
    assert fragment == f"{sealed.id}.{sealed.key}"


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "certificates.example",
        "http://certificates.example",
        "ftp://certificates.example",
        "https://",
        "https://user@certificates.example",
        "https://certificates.example/",
        "https://certificates.example/path",
        "https://certificates.example?x=1",
        "https://certificates.example#x",
        "https://certificates.example:port",
        "https://certificates.example:99999",
        "https://Certificates.example",
        "https://例子.example",
        "https://[::1",
        "https://" + "a" * 100,
        "http://127.0.0.1.attacker.example",
        "http://localhost@attacker.example",
    ],
)
def test_origins_that_are_none(origin):
    assert code_of(url_of, origin, seal(b"x")) == "lookup_origin_malformed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://a.example",
        "https://a.example/p",
        "https://a.example/p#",
        f"https://a.example/q#{'A' * 16}.{'A' * 22}",
        f"https://a.example/p?x#{'A' * 16}.{'A' * 22}",
        f"https://a.example/p#{'A' * 16}{'A' * 22}",
        f"https://a.example/p#{'A' * 16}.{'A' * 22}\n",
        f"https://a.example/p#{'A' * 16}.{'A' * 21}B",
        f"https://a.example/p#{'A' * 15}é.{'A' * 22}",
        f"https://{'a' * 200}/p#{'A' * 16}.{'A' * 22}",
        f"javascript:alert(1)/p#{'A' * 16}.{'A' * 22}",
        "EC1:ABC",
    ],
)
def test_texts_that_are_no_look_up_codes(text):
    assert code_of(parse_url, text) == "lookup_code_malformed"


def test_url_of_a_stranger_is_held_to_the_same_rule():
    text = f"http://attacker.example/p#{'A' * 16}.{'A' * 22}"
    assert code_of(parse_url, text) == "lookup_origin_malformed"


@given(st.text(max_size=80))
def test_any_text_gives_an_error_of_ours(text):
    with pytest.raises(EcertError):
        parse_url(text)


def test_strength():
    sealed = seal(b"x")
    assert (ID_BYTES, KEY_BYTES) == (12, 16)
    assert (len(sealed.id), len(sealed.key)) == (16, 22)
    assert isinstance(sealed, Sealed)
