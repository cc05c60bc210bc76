"""Independent libraries as judges, both ways: sd-jwt (the reference) and openvc-core."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwcrypto.jwk import JWK
from openvc.errors import OpenvcError
from openvc.keys import Ed25519SigningKey, P256SigningKey
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from ecert import sd_jwt
from ecert.encoding import b64url_encode
from ecert.sd_jwt import Disclosable
from ecert.signing import SoftwareSigner

AUDIENCE, NONCE = "https://school.example", "n-0S6_WzA2Mj"
HIDDEN = {
    "name": "张伟",
    "age": 30,
    "address": {"country": "CN", "city": "广州"},
    "languages": ["zh", "en"],
}
NESTED = {
    "name": "张伟",
    "address": {"country": "CN", "city": Disclosable("广州")},
    "languages": [Disclosable("zh"), Disclosable("en"), "fr"],
}


class Party:
    """One key in the forms of all three libraries."""

    def __init__(self, curve):
        p256 = curve == "P-256"
        own = (
            ec.generate_private_key(ec.SECP256R1())
            if p256
            else ed25519.Ed25519PrivateKey.generate()
        )
        self.signer = SoftwareSigner(own)
        self.jwk = self.signer.public_key.jwk
        self.alg = self.signer.public_key.suite.jose
        secret = {"d": b64url_encode(self.signer.private_bytes())}
        self.reference = JWK(**self.jwk, **secret)
        self.reference_public = JWK(**self.jwk)
        openvc = P256SigningKey if p256 else Ed25519SigningKey
        self.openvc = openvc(own, self.signer.public_key.kid)


@pytest.fixture(params=["P-256", "Ed25519"])
def parties(request):
    return Party(request.param), Party(request.param)


def clear(holder):
    now = int(datetime.now(UTC).timestamp())
    return {
        "iss": "https://registry.example",
        "vct": "urn:ecert:resident-id:1",
        "iat": now - 10,
        "exp": now + 3600,
        "cnf": {"jwk": holder.jwk},
    }


def verify_here(text, issuer):
    verified = sd_jwt.verify(
        text, issuer_jwk=issuer.jwk, audience=AUDIENCE, nonce=NONCE, now=datetime.now(UTC)
    )
    assert verified.key_bound
    return verified.claims


def verify_by_reference(text, issuer):
    # It checks key binding by ES256 only; for another key it judges the rest.
    expected = (AUDIENCE, NONCE) if issuer.alg == "ES256" else (None, None)
    judge = SDJWTVerifier(text, lambda *_: issuer.reference_public, *expected)
    return judge.get_verified_payload()


def verify_by_openvc(text, issuer):
    verified = SdJwtVcProofSuite().verify(
        text,
        public_key_jwk=issuer.jwk,
        audience=AUDIENCE,
        nonce=NONCE,
        require_key_binding=True,
    )
    assert verified.key_bound
    return verified.claims


@pytest.mark.parametrize("judge", [verify_by_reference, verify_by_openvc, verify_here])
@pytest.mark.parametrize(
    ("paths", "shown"),
    [
        ([], {}),
        (["name"], {"name": "张伟"}),
        (
            ["name", ("address", "city"), ("languages", 1)],
            {
                "name": "张伟",
                "address": {"country": "CN", "city": "广州"},
                "languages": ["en", "fr"],
            },
        ),
    ],
)
def test_others_accept_what_is_presented_here(parties, judge, paths, shown):
    issuer, holder = parties
    claims = clear(holder)
    issued = sd_jwt.issue(claims, disclosable=NESTED, signer=issuer.signer)
    text = sd_jwt.present(
        issued.text,
        paths,
        holder=holder.signer,
        audience=AUDIENCE,
        nonce=NONCE,
        now=datetime.now(UTC),
    )
    assert judge(text, issuer) == claims | shown


def test_what_openvc_presents_is_accepted_here(parties):
    issuer, holder = parties
    suite = SdJwtVcProofSuite()
    issued = suite.issue(
        clear(holder) | HIDDEN, signing_key=issuer.openvc, disclosable=list(HIDDEN), decoys=3
    )
    shown = sd_jwt.disclose(issued, ["name", "languages"])
    text = suite.create_presentation(
        shown, holder_key=holder.openvc, audience=AUDIENCE, nonce=NONCE
    )
    claims = verify_here(text, issuer)
    assert {name: claims.get(name) for name in HIDDEN} == HIDDEN | {"age": None, "address": None}
    assert claims == verify_by_openvc(text, issuer) == verify_by_reference(text, issuer)


def test_what_the_reference_presents_is_accepted_here(parties):
    issuer, holder = parties
    claims = clear(holder)
    claims |= {
        SDObj("name"): "张伟",
        SDObj("address"): {"country": "CN", SDObj("city"): "广州"},
        "languages": [SDObj("zh"), SDObj("en"), "fr"],
    }
    issued = SDJWTIssuer(
        claims,
        issuer.reference,
        sign_alg=issuer.alg,
        add_decoy_claims=True,
        extra_header_parameters={"typ": "dc+sd-jwt", "kid": "did:example:issuer#1"},
    )
    wallet = SDJWTHolder(issued.sd_jwt_issuance)
    wallet.create_presentation(
        {"address": {"city": True}, "languages": [False, True]},
        NONCE,
        AUDIENCE,
        holder.reference,
        holder.alg,
    )
    text = wallet.sd_jwt_presentation
    claims = verify_here(text, issuer)
    assert claims["address"] == {"country": "CN", "city": "广州"}
    assert claims["languages"] == ["en", "fr"]
    assert "name" not in claims
    assert claims == verify_by_reference(text, issuer) == verify_by_openvc(text, issuer)


def test_a_presentation_made_here_of_what_others_issued(parties):
    issuer, holder = parties
    issued = SdJwtVcProofSuite().issue(
        clear(holder) | HIDDEN, signing_key=issuer.openvc, disclosable=list(HIDDEN)
    )
    text = sd_jwt.present(
        issued,
        ["age"],
        holder=holder.signer,
        audience=AUDIENCE,
        nonce=NONCE,
        now=datetime.now(UTC),
    )
    claims = verify_by_openvc(text, issuer)
    assert claims["age"] == 30
    assert "name" not in claims
    assert claims == verify_here(text, issuer)


def test_openvc_refuses_the_same_disclosures():
    """The negative vectors before a judge, where it has the same rules."""
    names = {case["name"] for case in VECTORS["cases"] if not refused_by_openvc(case)}
    accepted = {name for name in names if name.startswith("disclosures: ")}
    assert accepted == OPENVC_ACCEPTS
    assert not refused_by_openvc({"input": VECTORS["valid"]})


def refused_by_openvc(case):
    case = VECTORS | case
    try:
        SdJwtVcProofSuite().verify(
            case["input"],
            public_key_jwk=case["issuer"],
            audience=case["audience"],
            nonce=case["nonce"],
            require_key_binding=case["require_key_binding"],
            now=datetime.fromtimestamp(case["now"], UTC),
            check_temporal=False,
        )
    except OpenvcError:
        return True
    return False


VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "negative" / "sd_jwt.json").read_text("utf-8")
)
OPENVC_ACCEPTS = {
    "disclosures: _sd is null",
    "disclosures: _sd_alg within a claim",
    "disclosures: nested too deep across disclosures",  # its bound is higher
}
