"""Issuing and verifying an SD-JWT VC with 20 claims, beside the bare signatures and two libraries.

Every action starts from what its user has: verification from text and a JWK, with key binding and
all claims shown.
"""

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from jwcrypto.jwk import JWK
from openvc.keys import P256SigningKey
from openvc.proof.sd_jwt import SdJwtVcProofSuite
from sd_jwt.common import SDObj
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from benchmarks.measure import rates
from benchmarks.table import Mark, Row, Unit
from ecert import sd_jwt
from ecert.encoding import b64url_encode
from ecert.signing import SoftwareSigner

CLAIMS = {f"claim_name_{number}": f"value of claim {number}" for number in range(20)}
DECOYS = 4
AUDIENCE, NONCE = "https://verifier.example", "n-0S6_WzA2Mj"
THIRD = 1 / 3
PEERS = ("sd-jwt", "openvc-core")


def clear_claims(holder_jwk: dict[str, str]) -> dict[str, Any]:
    now = int(datetime.now(UTC).timestamp())
    return {
        "iss": "https://registry.example",
        "dept": "11330000MB1234567X",
        "vct": "urn:ecert:resident-id:1",
        "iat": now,
        "nbf": now,
        "exp": now + 315_360_000,
        "cnf": {"jwk": holder_jwk},
        "status": {
            "status_list": {
                "idx": 70_000,
                "uri": "https://registry.example/v1/status/11330000MB1234567X/1",
            }
        },
        "jti": "q83vEjRWeJCrze8SNFZ4kA",
    }


def rows() -> list[Row]:
    """Measure, and return the rows of the report."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, holder = SoftwareSigner(key), SoftwareSigner.generate()
    jwk, now = issuer.public_key.jwk, datetime.now(UTC)
    clear = clear_claims(holder.public_key.jwk)

    issued = sd_jwt.issue(clear, disclosable=CLAIMS, signer=issuer)
    shown = sd_jwt.present(
        issued.text, list(CLAIMS), holder=holder, audience=AUDIENCE, nonce=NONCE, now=now
    )
    message = issued.text.partition("~")[0].encode("ascii")
    algorithm = ec.ECDSA(SHA256())
    signature, public_key = key.sign(message, algorithm), key.public_key()

    openvc, openvc_key = SdJwtVcProofSuite(), P256SigningKey(key, issuer.public_key.kid)
    private_jwk = JWK(**jwk, d=b64url_encode(issuer.private_bytes()))
    public_jwk = JWK(**jwk)
    marked = clear | {SDObj(name): value for name, value in CLAIMS.items()}

    measured = rates(
        {
            "sign": lambda: key.sign(message, algorithm),
            "issue": lambda: sd_jwt.issue(clear, disclosable=CLAIMS, signer=issuer),
            "sd-jwt issue": lambda: SDJWTIssuer(marked, private_jwk),
            "openvc-core issue": lambda: openvc.issue(
                clear | CLAIMS, signing_key=openvc_key, disclosable=list(CLAIMS), decoys=DECOYS
            ),
            "check": lambda: public_key.verify(signature, message, algorithm),
            "verify": lambda: sd_jwt.verify(
                shown, issuer_jwk=jwk, audience=AUDIENCE, nonce=NONCE, now=now
            ),
            "sd-jwt verify": lambda: SDJWTVerifier(
                shown, lambda *_: public_jwk, AUDIENCE, NONCE
            ).get_verified_payload(),
            "openvc-core verify": lambda: openvc.verify(
                shown,
                public_key_jwk=jwk,
                audience=AUDIENCE,
                nonce=NONCE,
                require_key_binding=True,
                now=now,
            ),
        }
    )
    sign, check = measured["sign"], measured["check"]
    return [
        Row("bare P-256 signature", Unit.RATE, sign),
        Row("bare P-256 verification", Unit.RATE, check),
        *_rows(
            "issue an SD-JWT VC, 20 claims",
            "issue",
            measured,
            limit=Mark("P-256 sign", sign),
            target=Mark("1/3 of it", sign * THIRD),
        ),
        *_rows(
            "verify it with key binding, all shown",
            "verify",
            measured,
            limit=Mark("two P-256 checks", check / 2),
            target=Mark("2/3 of it", check * THIRD),
        ),
    ]


def _rows(
    name: str, act: str, measured: dict[str, float], *, limit: Mark, target: Mark
) -> list[Row]:
    return [
        Row(
            name,
            Unit.RATE,
            measured[act],
            Mark(f"{package} {version(package)}", measured[f"{package} {act}"]),
            limit,
            target,
        )
        for package in PEERS
    ]
