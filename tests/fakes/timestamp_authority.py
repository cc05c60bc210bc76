"""A timestamping authority (RFC 3161) on loopback, with a certificate of its own root."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Answer = Callable[["Authority", bytes], bytes]


@dataclass
class Authority:
    """Signs tokens; what it gets wrong is chosen by each test.

    Attributes:
        clock: The time it gives.
        valid: Until when its certificate is valid.
        name: What its certificate calls it.
        own: Whether it is its own root, so that its own certificate is what a trust file names.
        answered: Requests that it has answered.
    """

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    valid: timedelta = timedelta(days=365)
    name: str = "Timestamps of a test"
    own: bool = False
    answered: int = 0
    lies: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.root = _certificate("Root of a test", self._root_key, "Root of a test", self._root_key)
        self._certificate = _certificate(
            self.name, self._key, "Root of a test", self._root_key, valid=self.valid
        )
        if self.own:
            self._certificate = _certificate(self.name, self._key, self.name, self._key, signs=True)
            self.root = self._certificate
        self._namesakes: list[asn1.Certificate] = []

    @property
    def root_der(self) -> bytes:
        return self.root.public_bytes(serialization.Encoding.DER)

    @property
    def der(self) -> bytes:
        """The certificate of who signs."""
        return self._certificate.public_bytes(serialization.Encoding.DER)

    def renamed(self, name: str) -> bytes:
        """Return another certificate of the same key, which its root has issued as well."""
        made = _certificate(name, self._key, "Root of a test", self._root_key)
        return made.public_bytes(serialization.Encoding.DER)

    def token(self, message: bytes) -> bytes:
        """Return the answer to a request without a nonce."""
        return self._answer(hashlib.sha256(message).digest(), None)

    def namesake(self, subject: str, padding: int = 0, issuer: str | None = None) -> bytes:
        """Return a self-made certificate of the same issuer and number.

        Args:
            subject: Whom it names.
            padding: How many names more: sets are sorted by their members' encodings.
            issuer: How the issuer is written, if otherwise.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(f"n{number}.example") for number in range(padding + 1)]
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        made = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(self._certificate.issuer if issuer is None else _name(issuer))
            .public_key(key.public_key())
            .serial_number(self._certificate.serial_number)
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(stamping, critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.DER)

    def with_namesake(self, subject: str, padding: int) -> Callable[[bytes], bytes]:
        """Return what makes tokens that a ``namesake`` comes along with."""
        der = self.namesake(subject, padding)

        def token(message: bytes) -> bytes:
            self._namesakes = [asn1.Certificate.load(der)]
            try:
                return self.token(message)
            finally:
                self._namesakes = []

        return token

    def answer(self, request: bytes) -> bytes:
        asked = tsp.TimeStampReq.load(request)
        imprint = asked["message_imprint"]["hashed_message"].native
        return self._answer(self.lies.get("imprint", imprint), asked["nonce"].native)

    def _answer(self, imprint: bytes, nonce: int | None) -> bytes:
        self.answered += 1
        info: dict[str, Any] = {
            "version": "v1",
            "policy": "1.2.3.4.1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": "sha256"},
                "hashed_message": imprint,
            },
            "serial_number": self.answered,
            "gen_time": self.clock().replace(microsecond=0),
        }
        if nonce is not None:
            info["nonce"] = nonce + self.lies.get("nonce", 0)
        content = tsp.TSTInfo(info).dump()
        return tsp.TimeStampResp(
            {
                "status": {"status": "granted"},
                "time_stamp_token": {"content_type": "signed_data", "content": self._sign(content)},
            }
        ).dump()

    def _sign(self, content: bytes) -> cms.SignedData:
        certificate = asn1.Certificate.load(self.der)
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                *self.lies.get("named", [names(self.der)]),
            ]
        )
        signature = self._key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256()))
        return cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {
                    "content_type": "tst_info",
                    "content": core.ParsableOctetString(content),
                },
                "certificates": [certificate, *self._namesakes],
                "signer_infos": [
                    {
                        "version": "v1",
                        "sid": {
                            "issuer_and_serial_number": {
                                "issuer": certificate.issuer,
                                "serial_number": certificate.serial_number,
                            }
                        },
                        "digest_algorithm": {"algorithm": "sha256"},
                        "signed_attrs": attributes,
                        "signature_algorithm": algos.SignedDigestAlgorithm(
                            {"algorithm": "sha256_ecdsa"}
                        ),
                        "signature": signature,
                    }
                ],
            }
        )


def names(der: bytes, algorithm: str | None = "sha256") -> dict[str, Any]:
    """Return the attribute that names a certificate (RFC 5035); with no algorithm version 1's."""
    named: dict[str, Any] = {"cert_hash": hashlib.new(algorithm or "sha1", der).digest()}
    if algorithm is not None:
        named["hash_algorithm"] = {"algorithm": algorithm}
    kind = "signing_certificate" if algorithm is None else "signing_certificate_v2"
    return {"type": kind, "values": [{"certs": [named]}]}


def with_certificates(
    token: bytes, certificates: Sequence[bytes], signer: bytes | None = None
) -> bytes:
    """Return a token that other certificates come along with, as whoever passes it on can do.

    Args:
        token: An authority's answer.
        certificates: What comes along.
        signer: The certificate whose issuer and number it says signed; as before if not given.
    """
    answer = tsp.TimeStampResp.load(token)
    signed = answer["time_stamp_token"]["content"]
    signed["certificates"] = [asn1.Certificate.load(der) for der in certificates]
    if signer is not None:
        named, sid = asn1.Certificate.load(signer), signed["signer_infos"][0]["sid"].chosen
        sid["issuer"], sid["serial_number"] = named.issuer, named.serial_number
    return answer.dump(force=True)


def of_version(der: bytes, number: int) -> bytes:
    """Return a certificate that says that it is of another version of X.509."""
    version = bytes.fromhex("a003020102")  # the third
    assert version in der
    return der.replace(version, version[:-1] + bytes([number - 1]), 1)


def with_extension_twice(der: bytes) -> bytes:
    """Return a certificate with its first extension twice."""
    certificate = asn1.Certificate.load(der)
    extensions = certificate["tbs_certificate"]["extensions"]
    extensions.append(extensions[0].copy())
    return certificate.dump(force=True)


@contextmanager
def serving(authority: Authority, body: Callable[[bytes], bytes] | None = None) -> Iterator[str]:
    """Serve an authority, or what ``body`` makes of its answers; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"]))
            answer = authority.answer(asked)
            answer = answer if body is None else body(answer)
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()
            thread.join()


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    valid: timedelta = timedelta(days=3650),
    signs: bool = False,
) -> x509.Certificate:
    is_root = name == issuer and not signs
    start = datetime.now(UTC) - timedelta(days=30)
    usage = x509.KeyUsage(
        digital_signature=not is_root, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=is_root, crl_sign=is_root,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(datetime.now(UTC) + valid)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not is_root:
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(stamping, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
