"""Where the time of issuing and verifying goes: ``python -m benchmarks.parts``.

Verification is timed step by step as it runs. Of issuing, which is one step, the parts are measured
by themselves beside the whole; a part that is repeated by itself is somewhat faster than within.
"""

import hashlib
import os
import statistics
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.measure import rates
from benchmarks.sd_jwt import AUDIENCE, CLAIMS, NONCE, clear_claims
from ecert import sd_jwt
from ecert.encoding import b64url_bytes, b64url_decode, json_encode
from ecert.sd_jwt import disclosures
from ecert.sd_jwt.issuing import DIGESTS_MULTIPLE, SALT_BYTES
from ecert.sd_jwt.key_binding import check_key_binding
from ecert.sd_jwt.names import KEY_BINDING_MAX_AGE_SECONDS
from ecert.sd_jwt.revealing import reveal
from ecert.signing import SoftwareSigner

TIMES = 4_000


def main() -> None:
    """Print two tables."""
    print("issuing, 20 claims:")
    print(_shares(_issuing()))
    print("verifying, 20 claims, key binding:")
    print(_shares(_verifying()))


def _issuing() -> dict[str, float]:
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    issuer = SoftwareSigner(key)
    clear = clear_claims(SoftwareSigner.generate().public_key.jwk)
    issued = sd_jwt.issue(clear, disclosable=CLAIMS, signer=issuer)
    message = sd_jwt.parse(issued.text).issuer_jwt.signing_input
    payload = b64url_decode(message.partition(b".")[2])
    encoded = [item.encode("ascii") for item in issued.disclosures]
    plain = [b64url_decode(item) for item in encoded]
    digests = -(-len(CLAIMS) // DIGESTS_MULTIPLE) * DIGESTS_MULTIPLE
    filled = [*encoded, *encoded[: digests - len(encoded)]]
    hashed = disclosures.digests(filled)
    found = rates(
        {
            "all": lambda: sd_jwt.issue(clear, disclosable=CLAIMS, signer=issuer),
            "the bare P-256 signature": lambda: key.sign(message, algorithm),
            f"{digests} salts": lambda: os.urandom(SALT_BYTES * digests),
            f"{digests} SHA-256 of disclosures and decoys": lambda: disclosures.digests(filled),
            "disclosures as base64url": lambda: [b64url_bytes(item) for item in plain],
            "digests as base64url": lambda: disclosures.digest_texts(hashed),
            "clear claims as JSON": lambda: json_encode(clear),
            "payload as base64url": lambda: b64url_bytes(payload),
            "digest of the document": lambda: hashlib.sha256(message).digest(),
        }
    )
    spent = {name: 1e6 / rate for name, rate in found.items()}
    whole = spent.pop("all")
    return {**spent, "checks, texts of disclosures, joining": whole - sum(spent.values())}


def _verifying() -> dict[str, float]:
    issuer, holder, now = SoftwareSigner.generate(), SoftwareSigner.generate(), datetime.now(UTC)
    clear, key = clear_claims(holder.public_key.jwk), issuer.public_key
    issued = sd_jwt.issue(clear, disclosable=CLAIMS, signer=issuer)
    shown = sd_jwt.present(
        issued.text, list(CLAIMS), holder=holder, audience=AUDIENCE, nonce=NONCE, now=now
    )
    spent: dict[str, list[int]] = {}
    last = 0

    def done(step: str) -> None:
        nonlocal last
        spent.setdefault(step, []).append(time.perf_counter_ns() - last)
        last = time.perf_counter_ns()

    for _ in range(TIMES):
        last = time.perf_counter_ns()
        read = sd_jwt.parse(shown)
        done("reading: base64url, JSON, 20 SHA-256")
        jwt, binding = read.issuer_jwt, read.key_binding
        key.verify(jwt.signature, jwt.signing_input, alg=jwt.header.alg, where="SD-JWT")
        done("the issuer's signature")
        verified = sd_jwt.VerifiedSdJwt(reveal(read), key_bound=False, source=read)
        done("disclosures put where their digests are")
        sd_jwt.check_validity(verified.claims, now)
        done("validity")
        bound = verified.holder_key
        done("the holder's key, its point on the curve")
        assert binding is not None
        assert bound is not None
        check_key_binding(
            binding,
            read.sd_jwt,
            key=bound,
            audience=AUDIENCE,
            nonce=NONCE,
            now=now,
            max_age=KEY_BINDING_MAX_AGE_SECONDS,
        )
        done("key binding, with its signature")
    return {step: statistics.median(times) / 1000 for step, times in spent.items()}


def _shares(microseconds: Mapping[str, float]) -> str:
    whole = sum(microseconds.values())
    return "\n".join(
        f"  {name:42}{spent:8.1f} µs{spent / whole:7.0%}"
        for name, spent in {**microseconds, "in all": whole}.items()
    )


if __name__ == "__main__":
    main()
