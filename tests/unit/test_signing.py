"""Keys and signatures: a key fixes its algorithm, and only its own signatures hold."""

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ecert.encoding import b64url_decode, b64url_encode
from ecert.errors import MalformedError, SignatureInvalidError
from ecert.signing import ED25519, ES256, SUITES, PublicKey, SoftwareSigner, Suite

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
SIGNERS = {suite.jose: SoftwareSigner.generate(suite) for suite in SUITES}
DATA = b"signed"


def code_of(*args: Any, key: PublicKey, alg: str | int | None = None) -> str:
    with pytest.raises(SignatureInvalidError) as caught:
        key.verify(*args, alg=key.suite.jose if alg is None else alg, where="test")
    assert "<" not in caught.value.message("zh") + caught.value.message("en")
    return caught.value.code


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.jose)
def test_round_trips(suite: Suite) -> None:
    signer = SIGNERS[suite.jose]
    key = signer.public_key
    signature = signer.sign(DATA)
    assert len(signature) == 64
    for alg in (suite.jose, suite.cose):
        key.verify(signature, DATA, alg=alg, where="test")
    assert PublicKey.from_jwk(key.jwk) == key
    assert PublicKey.from_chain(suite.chain, key.x, key.y or bytes(32)) == key
    again = SoftwareSigner.from_private_bytes(suite, signer.private_bytes())
    assert again.public_key == key
    assert key.kid == b64url_encode(key.thumbprint)


def test_the_thumbprint_is_that_of_the_rfc() -> None:
    """RFC 8037 appendix A.3."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert PublicKey.from_jwk(jwk).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("jose", SIGNERS)
@given(position=st.integers(0, 63), bit=st.integers(0, 7))
def test_any_changed_bit_of_a_signature_is_noticed(jose: str, position: int, bit: int) -> None:
    signature = bytearray(SIGNERS[jose].sign(DATA))
    signature[position] ^= 1 << bit
    assert code_of(bytes(signature), DATA, key=SIGNERS[jose].public_key) == "signature_invalid"


@pytest.mark.parametrize("jose", SIGNERS)
@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(63),
        bytes(64),
        bytes(65),
        b"\xff" * 64,
        bytes(31) + b"\1" + bytes(32),
        bytes(63) + b"\1",
        ORDER.to_bytes(32) + bytes(31) + b"\1",
        bytes(31) + b"\1" + ORDER.to_bytes(32),
        bytes(32) + ORDER.to_bytes(32),
        b"\x30\x44\x02\x20" + bytes(60),
    ],
)
def test_numbers_that_no_signature_has(jose: str, signature: bytes) -> None:
    assert code_of(signature, DATA, key=SIGNERS[jose].public_key) == "signature_invalid"


def test_a_second_signature_can_be_made_of_the_first() -> None:
    """Why digests never cover the signature: (r, n - s) holds as well as (r, s)."""
    signer = SIGNERS["ES256"]
    signature = signer.sign(DATA)
    twin = signature[:32] + (ORDER - int.from_bytes(signature[32:])).to_bytes(32)
    assert twin != signature
    signer.public_key.verify(twin, DATA, alg="ES256", where="test")


@pytest.mark.parametrize("jose", SIGNERS)
@pytest.mark.parametrize(
    "alg",
    ["none", "None", "", "HS256", "ES384", "es256", "RS256", "ES256 ", 0, 1, -37, True, False],
)
def test_another_algorithm_is_not_allowed(jose: str, alg: str | int) -> None:
    key, signature = SIGNERS[jose].public_key, SIGNERS[jose].sign(DATA)
    assert code_of(signature, DATA, key=key, alg=alg) == "algorithm_not_allowed"


def test_one_keys_algorithm_is_not_anothers() -> None:
    for jose, other in (("ES256", "EdDSA"), ("EdDSA", "ES256")):
        key, signature = SIGNERS[jose].public_key, SIGNERS[jose].sign(DATA)
        assert code_of(signature, DATA, key=key, alg=other) == "algorithm_not_allowed"
        foreign = SIGNERS[other].sign(DATA)
        assert code_of(foreign, DATA, key=key) == "signature_invalid"


P256, EDWARDS = SIGNERS["ES256"].public_key.jwk, SIGNERS["EdDSA"].public_key.jwk


def shifted(coordinate: str) -> str:
    """The same coordinate plus the field's prime, where it still fits 32 bytes."""
    number = int.from_bytes(b64url_decode(coordinate))
    return b64url_encode(((number + PRIME) % 2**256).to_bytes(32))


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "EC"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "oct", "k": "AAAA"},
        P256 | {"crv": "P-384"},
        P256 | {"kty": "OKP"},
        P256 | {"crv": ["P-256"]},
        P256 | {"d": "AAAA"},
        P256 | {"alg": "EdDSA"},
        P256 | {"alg": None},
        P256 | {"x": P256["y"]},
        P256 | {"x": P256["x"] + "A"},
        P256 | {"x": P256["x"] + "="},
        P256 | {"x": "A" * 65},
        P256 | {"x": 1},
        P256 | {"y": None},
        P256 | {"x": "A" * 43, "y": "A" * 43},
        P256 | {"x": shifted(P256["x"])},
        {"kty": "EC", "crv": "P-256", "x": P256["x"]},
        EDWARDS | {"x": EDWARDS["x"][:-1]},
        EDWARDS | {"alg": "ES256"},
        EDWARDS | {"crv": "X25519"},
        EDWARDS | {"crv": "Ed448"},
    ],
    ids=range(23),
)
def test_what_is_no_public_key(jwk: dict[str, Any]) -> None:
    with pytest.raises(MalformedError) as caught:
        PublicKey.from_jwk(jwk)
    assert caught.value.code in ("jwk_malformed", "base64url_malformed")
    assert "<" not in caught.value.message("en")


@pytest.mark.parametrize("suite", [0, 3, -1, 255, 2**256])
def test_suites_that_the_chain_may_know_and_we_do_not(suite: int) -> None:
    with pytest.raises(MalformedError, match="jwk_malformed"):
        PublicKey.from_chain(suite, bytes(32), bytes(32))


@pytest.mark.parametrize(
    ("suite", "secret"),
    [
        (ES256, bytes(32)),
        (ES256, ORDER.to_bytes(32)),
        (ES256, b"\xff" * 32),
        (ED25519, b""),
        (ED25519, bytes(31)),
    ],
)
def test_what_is_no_private_key(suite: Suite, secret: bytes) -> None:
    with pytest.raises(MalformedError, match="jwk_malformed") as caught:
        SoftwareSigner.from_private_bytes(suite, secret)
    assert secret.hex() not in str(caught.value) or not secret


def test_keys_on_other_curves_do_not_pass_for_ours() -> None:
    other = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
    jwk = {"x": b64url_encode(other.x.to_bytes(32)), "y": b64url_encode(other.y.to_bytes(32))}
    with pytest.raises(MalformedError, match="jwk_malformed"):
        PublicKey.from_jwk({"kty": "EC", "crv": "P-256", **jwk})


def test_names_of_keys_are_of_the_point_alone() -> None:
    dressed = P256 | {"kid": "another", "use": "sig", "alg": "ES256", "key_ops": ["verify"]}
    assert PublicKey.from_jwk(dressed).kid == SIGNERS["ES256"].public_key.kid
    members = f'{{"crv":"P-256","kty":"EC","x":"{P256["x"]}","y":"{P256["y"]}"}}'
    thumbprint = hashlib.sha256(members.encode()).digest()
    assert SIGNERS["ES256"].public_key.thumbprint == thumbprint
