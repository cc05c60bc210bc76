"""SD-JWT: what is issued can be presented and verified, and only what was chosen is shown."""

from datetime import UTC, datetime

import pytest

from ecert import sd_jwt
from ecert.signing import ED25519, ES256, SoftwareSigner

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ISSUED = int(NOW.timestamp()) - 3600


def clear_claims(holder: SoftwareSigner) -> dict[str, object]:
    return {
        "iss": "https://registry.example",
        "vct": "urn:ecert:resident-id:1",
        "iat": ISSUED,
        "nbf": ISSUED,
        "exp": ISSUED + 86_400,
        "cnf": {"jwk": holder.public_key.jwk},
    }


@pytest.mark.parametrize("suite", [ES256, ED25519])
def test_round_trip(suite):
    issuer, holder = SoftwareSigner.generate(suite), SoftwareSigner.generate(suite)
    issued = sd_jwt.issue(
        clear_claims(holder), disclosable={"name": "张伟", "age": 30, "note": "x"}, signer=issuer
    )
    presentation = sd_jwt.present(
        issued.text, ["name", "age"], holder=holder, audience="school", nonce="n1", now=NOW
    )
    verified = sd_jwt.verify(
        presentation, issuer_jwk=issuer.public_key.jwk, audience="school", nonce="n1", now=NOW
    )
    assert verified.claims == {**clear_claims(holder), "name": "张伟", "age": 30}
    assert verified.disclosed_names == {"name", "age"}
    assert verified.key_bound
    assert verified.digest == issued.digest
