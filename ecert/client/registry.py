"""What wallets and verifiers ask of registries; every answer is untrusted data."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from ecert import lookup
from ecert.checkpoint import MAX_CHECKPOINT_BYTES
from ecert.client.http import Answer, Origin
from ecert.encoding import json_decode, json_encode
from ecert.errors import MalformedError, UnavailableError
from ecert.facts import Query
from ecert.fields import Fields, hex_text
from ecert.limits import MAX_EVIDENCE_BYTES, MAX_TRUST_FILE_BYTES
from ecert.receipt import Receipt

T = TypeVar("T")
MAX_RECEIPTS = 100_000
MAX_PREFIX_BITS = 24
"""Bits of a digest that a registry is told at most: 1,000 of 20 billion leaves begin alike."""

_MAX_ANSWER = 64 << 20


class Registries:
    """Registries of one chain, asked in turn until one answers.

    Args:
        origins: Their origins, the preferred one first.

    Raises:
        MalformedError: ``registry_origin_malformed``.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = [Origin(url) for url in origins]

    def checkpoint(self) -> bytes:
        """Return the operator's latest signed checkpoint, unverified.

        Raises:
            UnavailableError: No registry gives one; so for all methods.
        """
        return self._any(
            lambda origin: _ok(origin, _get(origin, "/v1/checkpoint", MAX_CHECKPOINT_BYTES))
        )

    def trust(self) -> bytes:
        """Return the latest trust file, unverified."""
        return self._any(
            lambda origin: _ok(origin, _get(origin, "/v1/trust", MAX_TRUST_FILE_BYTES))
        )

    def trust_version(self, version: int) -> bytes:
        """Return one version of the trust file, unverified."""
        path = f"/v1/trust/{version}"
        return self._any(lambda origin: _ok(origin, _get(origin, path, MAX_TRUST_FILE_BYTES)))

    def receipt(self, digest: bytes) -> Receipt | None:
        """Return the receipt of a digest, asking for all that begin alike (DESIGN section 5)."""
        return self._any(lambda origin: _receipt(origin, digest))

    def sealed(self, url: lookup.LookupUrl) -> bytes:
        """Return the ciphertext that a look-up code names, from the registry it names.

        Raises:
            UnavailableError: ``lookup_origin_unknown`` when the trust file names no such registry:
                nothing is fetched from where a stranger's paper points.
        """
        for origin in self._origins:
            if origin.url == url.origin:
                answer = _get(origin, f"/v1/papers/{url.id}", lookup.MAX_CIPHERTEXT_BYTES)
                return _ok(origin, answer)
        raise UnavailableError("lookup_origin_unknown", origin=url.origin)

    def proof(self, query: Query) -> bytes:
        """Return the proof of the answer to a query (``ecert.evidence.ChainProof``), unverified.

        Raises:
            UnavailableError: ``registry_…``.
        """
        asked = {
            "department": query.department,
            "key": hex_text(query.key_id),
            "kind": query.kind,
            "digest": hex_text(query.digest),
            "root": hex_text(query.root or b""),
            "list": query.status.list,
            "index": query.status.index,
        }
        body = json_encode(asked).encode("utf-8")
        return self._any(
            lambda origin: _ok(
                origin,
                origin.request(
                    "POST", "/v1/evidence/proofs", body=body, max_bytes=MAX_EVIDENCE_BYTES
                ),
            )
        )

    def _any(self, ask: Callable[[Origin], T]) -> T:
        failure: UnavailableError | None = None
        for origin in self._origins:
            try:
                return ask(origin)
            except UnavailableError as error:
                failure = failure or error
        raise failure or UnavailableError("registry_none")


def get_json(origin: Origin, path: str, *, token: str | None = None) -> Fields:
    """Return a JSON object from a registry.

    Raises:
        UnavailableError: It cannot be had, or ``registry_refused`` with the registry's words.
    """
    return _object(origin, origin.request("GET", path, token=token, max_bytes=_MAX_ANSWER))


def post_json(origin: Origin, path: str, value: dict[str, Any]) -> Fields:
    """Send a JSON object and return the answer's.

    Raises:
        UnavailableError: As ``get_json``.
    """
    body = json_encode(value).encode("utf-8")
    return _object(origin, origin.request("POST", path, body=body, max_bytes=_MAX_ANSWER))


def malformed(origin: Origin, reason: str) -> UnavailableError:
    """Return the error that a registry's answer cannot be read."""
    return UnavailableError("registry_answer_malformed", origin=origin.url, reason=reason)


def _get(origin: Origin, path: str, max_bytes: int) -> Answer:
    return origin.request("GET", path, max_bytes=max_bytes)


def _ok(origin: Origin, answer: Answer) -> bytes:
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
        raise _refused(origin, answer)
    return answer.body


def _object(origin: Origin, answer: Answer) -> Fields:
    body = _ok(origin, answer)
    try:
        return Fields(json_decode(body, where=origin.url, max_bytes=_MAX_ANSWER), origin.url)
    except MalformedError as error:
        raise malformed(origin, error.code) from error


def _refused(origin: Origin, answer: Answer) -> UnavailableError:
    """Repeat a problem's own sentences (RFC 9457), cut and without control characters.

    The error's details have the HTTP ``status`` and, where the registry itself spoke and not
    something on the way to it, the problem's code as ``reason``.
    """
    zh = en = f"HTTP {answer.status}"
    reason: str | None = None
    try:
        problem = Fields(json_decode(answer.body, where="problem", max_bytes=1 << 16), "problem")
        zh, en = (_plain(problem.text(name, max_chars=500)) for name in ("zh", "en"))
        reason = _plain(problem.text("code", max_chars=64))
    except MalformedError:
        pass
    return UnavailableError(
        "registry_refused", origin=origin.url, zh=zh, en=en, status=answer.status, reason=reason
    )


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _receipt(origin: Origin, digest: bytes) -> Receipt | None:
    try:
        bits = get_json(origin, "/v1/receipts/longest-prefix").integer("bits", high=MAX_PREFIX_BITS)
        whole = -(-bits // 8)
        masked = int.from_bytes(digest[:whole]) >> (8 * whole - bits) << (8 * whole - bits)
        prefix = masked.to_bytes(whole).hex()
        found = get_json(origin, f"/v1/receipts?bits={bits}&prefix={prefix}")
        wanted = "0x" + digest.hex()
        for item in found.items("receipts", limit=MAX_RECEIPTS):
            entry = Fields(item, "receipts")
            if entry.text("digest") == wanted:
                return Receipt.from_json(entry.raw("receipt"))
    except MalformedError as error:
        raise malformed(origin, error.code) from error
    return None
