"""The parts that ``make_sd_jwt.py`` puts presentations together from, whole or spoiled.

Keys and salts are fixed and signatures deterministic (RFC 6979). The texts are put together here
and not by ``ecert.sd_jwt``, which refuses to make such tokens.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ecert.signing import public_key_of

NOW = 1_777_896_000  # 2026-05-04T12:00:00Z
AUDIENCE = "https://school.example"
NONCE = "n-0S6_WzA2Mj"
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Claims = dict[str, Any]


def _key(label: str) -> ec.EllipticCurvePrivateKey:
    scalar = int.from_bytes(hashlib.sha256(label.encode()).digest()) % (CURVE_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


ISSUER, OTHER, HOLDER = _key("issuer"), _key("other department"), _key("holder")
ISSUER_JWK, OTHER_JWK, HOLDER_JWK = (public_key_of(key).jwk for key in (ISSUER, OTHER, HOLDER))
KID = public_key_of(ISSUER).kid
HEADER = {"alg": "ES256", "typ": "dc+sd-jwt", "kid": KID}


def b64(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def encode(value: Any) -> str:
    """Encode as JSON; text is taken to be JSON already."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def sha(text: str) -> str:
    return b64(hashlib.sha256(text.encode()).digest())


def jws(header: Any, payload: Any, key: ec.EllipticCurvePrivateKey) -> str:
    signing_input = f"{b64(encode(header))}.{b64(encode(payload))}"
    der = key.sign(signing_input.encode(), ec.ECDSA(SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return f"{signing_input}.{b64(r.to_bytes(32) + s.to_bytes(32))}"


def disclosure(*content: Any) -> str:
    """``[salt, …]``, its salt taken from its content."""
    return b64(
        encode([b64(hashlib.sha256(encode(list(content)).encode()).digest()[:16]), *content])
    )


NAME, BIRTH = disclosure("name", "Sample"), disclosure("birth_date", "1990-01-01")


def payload(*shown: str, drop: tuple[str, ...] = (), **changes: Any) -> Claims:
    """The clear claims, with the digests of ``shown`` and one decoy."""
    plain: Claims = {
        "iss": "https://registry.example",
        "vct": "urn:ecert:resident-id:1",
        "iat": NOW - 3600,
        "nbf": NOW - 3600,
        "exp": NOW + 3600,
        "cnf": {"jwk": HOLDER_JWK},
        "jti": b64(bytes(range(16))),
        "_sd": sorted([*map(sha, shown), sha("decoy")]),
        "_sd_alg": "sha-256",
    }
    return {name: value for name, value in (plain | changes).items() if name not in drop}


def sd_jwt(body: Any, *shown: str, header: Any = None, key: Any = ISSUER) -> str:
    return "~".join((jws(HEADER if header is None else header, body, key), *shown, ""))


def bind(
    text: str,
    *,
    header: Claims | None = None,
    key: Any = HOLDER,
    drop: tuple[str, ...] = (),
    **changes: Any,
) -> str:
    """Append a key binding JWT to an SD-JWT."""
    plain = {"iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": sha(text)} | changes
    body = {name: value for name, value in plain.items() if name not in drop}
    return text + jws({"alg": "ES256", "typ": "kb+jwt"} | (header or {}), body, key)


PLAIN = sd_jwt(payload(NAME, BIRTH), NAME, BIRTH)
VALID = bind(PLAIN)


def shown(body: Any, *disclosures: str, **options: Any) -> str:
    return bind(sd_jwt(body, *disclosures, **options))


def unsigned(header: Claims, signature: str) -> str:
    """A token whose issuer's signature is ``signature``, otherwise whole."""
    text = f"{b64(encode(header))}.{b64(encode(payload(NAME)))}.{signature}~{NAME}~"
    return bind(text)


def hmac_token() -> str:
    """HS256 with the public key as the secret: the classic confusion (RFC 8725 section 2.1)."""
    header = HEADER | {"alg": "HS256"}
    text = f"{b64(encode(header))}.{b64(encode(payload(NAME)))}"
    secret = encode(ISSUER_JWK).encode()
    return bind(f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}~{NAME}~")


def flip(text: str, part: int, *, at: int) -> str:
    """Change one character in one "~"-separated part to another of its alphabet."""
    parts = text.split("~")
    old = parts[part][at]
    new = "A" if old != "A" else "B"
    parts[part] = parts[part][:at] + new + (parts[part][at + 1 :] if at != -1 else "")
    return "~".join(parts)


def flip_signature(text: str, part: int) -> str:
    return flip(text, part, at=text.split("~")[part].rindex(".") + 5)
