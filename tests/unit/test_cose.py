"""COSE_Sign1 and COSE_Key against RFC 8392's example and an independent reading of RFC 9053."""

import pytest

from ecert.cbor import Tag, cbor_decode, cbor_encode
from ecert.cose import key_from_cose, key_to_cose, sig_structure
from ecert.errors import MalformedError, SignatureInvalidError
from ecert.signing import ED25519, ES256, PublicKey, SoftwareSigner

# RFC 8392 appendix A.2.3 and A.3: a key and a CWT that it signed.
RFC8392_KEY = PublicKey(
    ES256,
    bytes.fromhex("143329cce7868e416927599cf65a34f3ce2ffda55a7eca69ed8919a394d42f0f"),
    bytes.fromhex("60f7f1a780d8a783bfb7a2dd6b2796e8128dbbcef9d3d168db9529971a36e7b9"),
)
RFC8392_PROTECTED = bytes.fromhex("a10126")
RFC8392_PAYLOAD = bytes.fromhex(
    "a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f61703a2f2f6c69676874"
    "2e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b71"
)
RFC8392_SIGNATURE = bytes.fromhex(
    "5427c1ff28d23fbad1f29c4c7c6a555e601d6fa29f9179bc3d7438bacaca5acd08c8d4d4f96131680c429a01f8"
    "5951ecee743a52b9b63632c57209120e1c9e30"
)


def test_the_signed_bytes_are_those_of_the_standard():
    signed = sig_structure(RFC8392_PROTECTED, RFC8392_PAYLOAD)
    RFC8392_KEY.verify(RFC8392_SIGNATURE, signed, alg=-7, where="CWT")
    other = sig_structure(RFC8392_PROTECTED, RFC8392_PAYLOAD + b"\0")
    with pytest.raises(SignatureInvalidError):
        RFC8392_KEY.verify(RFC8392_SIGNATURE, other, alg=-7, where="CWT")


@pytest.mark.parametrize("suite", [ES256, ED25519])
def test_a_key_comes_back(suite):
    for _ in range(8):  # both signs of y
        key = SoftwareSigner.generate(suite).public_key
        encoded = cbor_encode(key_to_cose(key))
        assert key_from_cose(cbor_decode(encoded, max_depth=1)) == key


def test_the_sign_of_y_is_that_of_sec_1():
    assert RFC8392_KEY.y[-1] % 2 == 1
    assert key_to_cose(RFC8392_KEY) == {1: 2, -1: 1, -2: RFC8392_KEY.x, -3: True}


X = RFC8392_KEY.x


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        [],
        {},
        {1: 2, -1: 1, -2: X},
        {1: 2, -1: 1, -2: X, -3: RFC8392_KEY.y},
        {1: 2, -1: 1, -2: X, -3: 1},
        {1: 2, -1: 1, -2: X[1:], -3: True},
        {1: 2, -1: 1, -2: b"\0" + X, -3: True},
        {1: 2, -1: 1, -2: X.hex(), -3: True},
        {1: 2, -1: 2, -2: X, -3: True},
        {1: 3, -1: 1, -2: X, -3: True},
        {1: True, -1: 1, -2: X, -3: True},
        {1: 2, -1: 1, -2: X, -3: True, -4: b"secret"},
        {1: 2, 3: -7, -1: 1, -2: X, -3: True},
        {1: 2, -1: 1, -2: b"\xff" * 32, -3: True},
        {1: 2, -1: 1, -2: bytes(31) + b"\x01", -3: True},  # x = 1: no such point
        {1: 1, -1: 6, -2: X, -3: True},
        {1: 1, -1: 7, -2: X},
        {1: 1, -1: 6, -2: Tag(18, X)},
    ],
    ids=str,
)
def test_any_other_key_is_refused(value):
    with pytest.raises(MalformedError) as raised:
        key_from_cose(value)
    assert raised.value.code == "cose_key_malformed"
    assert raised.value.message("zh")
