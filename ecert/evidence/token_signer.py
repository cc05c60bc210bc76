"""Who signed a timestamp token (RFC 3161): the one certificate that its signature is bound to.

No signature covers which certificates come along with a token, nor by which issuer and number it
names its signer's. Whoever passes it on can change both, so that two readers find two signers.
"""

import hashlib
from collections.abc import Sequence

from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import TimeStampResponse

from ecert.errors import ProofError

_V1, _V2 = "signing_certificate", "signing_certificate_v2"
_HASHES = {"sha256", "sha384", "sha512"}
"""What the second version may name a certificate by. The first has SHA-1 and no other."""


def signer_of(answer: TimeStampResponse, trusted: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the certificate of who signed, after the signature and its chain were verified.

    OpenSSL looks for the signer's certificate by issuer and number among the trusted ones, then
    among those that came along. Only one of both may have them; it is then the one by which the
    signature was verified. The signed attributes must name it too (RFC 3161 section 2.4.2), for a
    key may have several certificates. As which one it is stands firm without them, the SHA-1 of
    the first version (RFC 2634) does.

    Args:
        answer: The answer with the token.
        trusted: The certificates from which the signer's descends.

    Raises:
        ProofError: ``timestamp_invalid``.
        Exception: Of the libraries', where they cannot read what came along.
    """
    signers = answer.signed_data.signer_infos
    if len(signers) != 1:
        raise _invalid("signers not one")
    (signer,) = signers
    ders = {one.public_bytes(Encoding.DER) for one in trusted} | answer.signed_data.certificates
    wanted = _key(signer.issuer, signer.serial_number)
    found = [
        (der, certificate)
        for der, certificate in ((der, x509.load_der_x509_certificate(der)) for der in ders)
        if _key(certificate.issuer, certificate.serial_number) == wanted
    ]
    if len(found) != 1:
        raise _invalid("signer's certificate not one")
    ((der, certificate),) = found
    named = _named(answer.time_stamp_token())
    if not named:
        raise _invalid("signed attributes name no certificate")
    if any(hashlib.new(algorithm, der).digest() != digest for algorithm, digest in named):
        raise _invalid("signed attributes name another certificate")
    return certificate


def _key(issuer: x509.Name, number: int) -> tuple[int, list[str]]:
    """Return what is the same wherever OpenSSL takes issuers and numbers for the same.

    It compares names without regard to capital letters, spaces and types of strings. This makes
    even more names the same, which costs no more than a refusal.
    """
    return number, sorted("".join(str(one.value).casefold().split()) for one in issuer)


def _named(token: bytes) -> list[tuple[str, bytes]]:
    """Return algorithm and hash of the certificate that each signed attribute says signed."""
    (signer,) = tsp.ContentInfo.load(token, strict=True)["content"]["signer_infos"]
    named = []
    for attribute in signer["signed_attrs"]:
        kind = attribute["type"].native
        if kind not in (_V1, _V2):
            continue
        for value in attribute["values"]:
            first = value["certs"][0]  # the others are for authorisation (RFC 5035 section 5.4)
            algorithm = "sha1" if kind == _V1 else first["hash_algorithm"]["algorithm"].native
            if kind == _V2 and algorithm not in _HASHES:
                raise _invalid("hash of the certificate")
            named.append((algorithm, first["cert_hash"].native))
    return named


def _invalid(reason: str) -> ProofError:
    return ProofError("timestamp_invalid", reason=reason)
