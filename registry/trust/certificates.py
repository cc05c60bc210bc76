"""Certificates of timestamp authorities, as files hold them."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ecert.client.home import read_file
from ecert.errors import MalformedError
from ecert.trust_file import MAX_CERTIFICATE_BYTES


def read_certificate(path: Path) -> bytes:
    """Return a certificate (X.509, PEM or DER) as DER.

    Raises:
        MalformedError: ``certificate_malformed``, ``file_unreadable``, ``too_large``.
    """
    data = read_file(path, limit=2 * MAX_CERTIFICATE_BYTES)
    load = (
        x509.load_pem_x509_certificate
        if b"-----BEGIN" in data
        else (x509.load_der_x509_certificate)
    )
    try:
        der = load(data).public_bytes(Encoding.DER)
    except Exception as error:  # of a version that there is not, among others
        raise MalformedError("certificate_malformed", path=path) from error
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise MalformedError(
            "too_large", where=path.name, size=len(der), limit=MAX_CERTIFICATE_BYTES
        )
    return der
