"""Asks a timestamping authority for its word on a block (RFC 3161 over HTTP, section 3.4)."""

import logging
import threading
import time
from collections import OrderedDict
from http import HTTPStatus
from urllib.parse import urlsplit

from ecert import limits
from ecert.chain.http import Endpoint
from ecert.errors import EcertError, UnavailableError
from ecert.evidence.timestamp import (
    REQUEST_TYPE,
    RESPONSE_TYPE,
    check_answer,
    request_for,
    verify_timestamp,
)
from ecert.trust import TrustFile

_log = logging.getLogger(__name__)

SECONDS = 5.0
PAUSE_SECONDS = 10.0
"""How long an authority that failed is left alone: who asks for proofs does not wait for it again
and again, and those who wait already are not kept one after the other."""
KEPT = 64
"""Tokens that are remembered: who asks about the same block is given the same one."""


class TimestampAuthority:
    """An authority, asked once for each block.

    Args:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None  # the settings checked it
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._endpoint = Endpoint(
            parts.hostname,
            parts.port,
            secure=parts.scheme == "https",
            seconds=SECONDS,
            unreachable=lambda reason: UnavailableError(
                "timestamp_unreachable", origin=self._origin, reason=reason
            ),
            too_large=lambda limit: UnavailableError(
                "timestamp_unreachable", origin=self._origin, reason=f"> {limit} bytes"
            ),
        )
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._mutex = threading.Lock()
        self._asked_again = float("-inf")

    def token(self, block_hash: bytes, file: TrustFile) -> bytes | None:
        """Return a token over a block's hash that the trust file's authorities vouch for.

        None where it cannot be had now: evidence without it proves all but the time.
        """
        with self._mutex:  # one asks, the others wait and find its token
            found = self._kept.get(block_hash)
            if found is not None:
                return found
            if time.monotonic() < self._asked_again:
                return None
            try:
                token = self._ask(block_hash, file)
            except EcertError as error:
                self._asked_again = time.monotonic() + PAUSE_SECONDS
                _log.warning("no timestamp for a block: %s", error)
                return None
            self._kept[block_hash] = token
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return token

    def _ask(self, block_hash: bytes, file: TrustFile) -> bytes:
        request = request_for(block_hash)
        headers = {"content-type": REQUEST_TYPE, "accept": RESPONSE_TYPE}
        answer = self._endpoint.exchange(
            "POST", self._target, request.data, headers, limits.MAX_TIMESTAMP_BYTES
        )
        if answer.status != HTTPStatus.OK:
            reason = f"HTTP {answer.status}"
            raise UnavailableError("timestamp_unreachable", origin=self._origin, reason=reason)
        check_answer(answer.body, block_hash, request.nonce)
        if file.timestamp_authorities:
            verify_timestamp(answer.body, block_hash, file.timestamp_authorities)
        return answer.body
