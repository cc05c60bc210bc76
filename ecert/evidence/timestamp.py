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
from ecert.errors import EcertError, MalformedError, ProofError, printable
from ecert.evidence.token_signer import signer_of

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
        MalformedError: ``timestamp_malformed``: it is no token, or not one that can be read.
        ProofError: ``timestamp_invalid``: it is about other bytes, or answers another request.
    """
    answer = _decode(token)
    try:
        imprint, answered = answer.tst_info.message_imprint.message, answer.tst_info.nonce
    except Exception as error:
        raise _malformed(error) from error
    if imprint != hashlib.sha256(block_hash).digest():
        raise ProofError("timestamp_invalid", reason="other message")
    if answered != nonce:
        raise ProofError("timestamp_invalid", reason="other nonce")


def verify_timestamp(token: bytes, block_hash: bytes, authorities: Sequence[bytes]) -> Timestamp:
    """Check an authority's answer over a block's hash.

    Args:
        token: The answer (``TimeStampResp``, DER).
        block_hash: The block's hash.
        authorities: Certificates (DER) from which the signer's must descend: roots, or signed by
            themselves.

    Raises:
        MalformedError: ``timestamp_malformed``; ``field_malformed`` for an authority's certificate.
        ProofError: ``timestamp_invalid``: of other bytes, of no known authority, or of
            one whose certificate was not valid then.
    """
    answer = _decode(token)
    try:
        roots = [x509.load_der_x509_certificate(der) for der in authorities]
    except Exception as error:
        where = "timestamp_authorities"
        raise MalformedError("field_malformed", where="trust", field=where) from error
    try:
        VerifierBuilder(roots=roots).build().verify(answer, hashlib.sha256(block_hash).digest())
        authority = signer_of(answer, roots).subject.rfc4514_string()
        time = int(answer.tst_info.gen_time.timestamp())
    except EcertError:
        raise
    except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
        raise ProofError("timestamp_invalid", reason=_reason(error)) from error
    except Exception as error:
        raise _malformed(error) from error
    return Timestamp(time, printable(authority))


def _malformed(error: Exception) -> MalformedError:
    """Return the error for what libraries cannot read.

    The bytes are a stranger's, and the libraries' errors are of many kinds: of certificates that
    are read only when asked about, ``InvalidVersion`` and ``DuplicateExtension``, for example.
    """
    return MalformedError("timestamp_malformed", reason=printable(_reason(error)))


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
    except Exception as error:
        raise _malformed(error) from error
    return answer
