"""Timestamps of a block by an authority outside the network (RFC 3161).

A block's time is the word of its validators. A token over its hash shows that the block, and all
that its state commits to, was there at the token's time.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from ecert import limits
from ecert.errors import MalformedError, ProofError, printable

REQUEST_TYPE = "application/timestamp-query"
RESPONSE_TYPE = "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """What a token says.

    Attributes:
        time: The authority's time, unix seconds, rounded down.
        authority: The subject of the certificate that signed.
    """

    time: int
    authority: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a token.

    Attributes:
        data: What is sent (DER).
        nonce: What must come back.
    """

    data: bytes
    nonce: int


def request_for(block_hash: bytes) -> Request:
    """Return the request for a token over a block's hash."""
    made = (
        TimestampRequestBuilder()
        .data(block_hash)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    assert made.nonce is not None  # asked for above
    return Request(made.as_bytes(), made.nonce)


def check_answer(token: bytes, block_hash: bytes, nonce: int) -> None:
    """Check that an answer is a token as asked for, whoever signed it.

    Raises:
        MalformedError: ``timestamp_malformed``: it is no token.
        ProofError: ``timestamp_invalid``: it is about other bytes, or answers another request.
    """
    info = _decode(token).tst_info
    if info.message_imprint.message != hashlib.sha256(block_hash).digest():
        raise ProofError("timestamp_invalid", reason="other message")
    if info.nonce != nonce:
        raise ProofError("timestamp_invalid", reason="other nonce")


def verify_timestamp(token: bytes, block_hash: bytes, authorities: Sequence[bytes]) -> Timestamp:
    """Check an authority's answer over a block's hash.

    Args:
        token: The answer (``TimeStampResp``, DER).
        block_hash: The block's hash.
        authorities: Certificates (DER) from which the signer's must descend.

    Raises:
        MalformedError: ``timestamp_malformed``; ``field_malformed`` for an authority's certificate.
        ProofError: ``timestamp_invalid``: of other bytes, of no known authority, or of
            one whose certificate was not valid then.
    """
    answer = _decode(token)
    try:
        roots = [x509.load_der_x509_certificate(der) for der in authorities]
    except ValueError as error:
        where = "timestamp_authorities"
        raise MalformedError("field_malformed", where="trust", field=where) from error
    try:
        VerifierBuilder(roots=roots).build().verify(answer, hashlib.sha256(block_hash).digest())
        authority = _signer(answer)
    except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
        raise ProofError("timestamp_invalid", reason=_reason(error)) from error
    return Timestamp(int(answer.tst_info.gen_time.timestamp()), authority)


def _reason(error: Exception) -> str:
    """Return the library's reason without what OpenSSL adds to it: files, lines, numbers."""
    text = str(error)
    verify = re.search(r"Verify error: ?([a-z ]+)", text)
    return verify[1] if verify else text.partition(":")[0]


def _decode(token: bytes) -> TimeStampResponse:
    if len(token) > limits.MAX_TIMESTAMP_BYTES:
        limit = limits.MAX_TIMESTAMP_BYTES
        raise MalformedError("too_large", where="timestamp", size=len(token), limit=limit)
    try:
        answer = decode_timestamp_response(token)
        answer.tst_info  # noqa: B018  # read lazily: it is what raises
    except (ValueError, TypeError) as error:
        raise MalformedError("timestamp_malformed", reason=_reason(error)) from error
    return answer


def _signer(answer: TimeStampResponse) -> str:
    """Return the subject of the certificate that signed, which came with the answer.

    No signature covers which certificates come along: whoever passes a token on can add one of the
    same issuer and serial number that nobody issued, with a name of his own.
    """
    signers = {(info.issuer, info.serial_number) for info in answer.signed_data.signer_infos}
    certificates = [x509.load_der_x509_certificate(der) for der in answer.signed_data.certificates]
    found = [one for one in certificates if (one.issuer, one.serial_number) in signers]
    if len(found) != 1:
        raise ProofError("timestamp_invalid", reason="signer's certificate not one")
    return printable(found[0].subject.rfc4514_string())
