"""The form of an evidence package: deterministic CBOR (RFC 8949 section 4.2.1), docs/formats.md.

::

    evidence  = { 1: "ecert-evidence/1", 2: statement, 3: document, 4: proof, 5: trust version,
                  6: { 3: SHA-256 of document, 4: SHA-256 of proof } }
    statement = what it proves and what not: the text that proof determines (statement.py)
    document  = bytes of a document file, or of a card's text: what was signed, with its receipt
    proof     = bytes of { ? 1: header, ? 2: handovers, ? 3: checkpoint, 4: nodes, ? 5: timestamp }

The proof stands by itself: it is what a registry or a node gives, whoever holds the document. The
statement stands before all that is not text, where whoever opens the file with any tool meets it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ecert import limits
from ecert.cbor import cbor_decode, cbor_encode
from ecert.chain.block_proof import BlockProof
from ecert.chain.state_proof import StateProof
from ecert.chain.validators import Handover
from ecert.checkpoint import MAX_CHECKPOINT_BYTES
from ecert.errors import MalformedError
from ecert.evidence.statement import statement

FORMAT = "ecert-evidence/1"
SUFFIX = ".ecert-evidence"
MEDIA_TYPE = "application/vnd.ecert.evidence+cbor"

_FORMAT, _STATEMENT, _DOCUMENT, _PROOF, _TRUST_VERSION, _MANIFEST = range(1, 7)
_HEADER, _HANDOVERS, _CHECKPOINT, _NODES, _TIMESTAMP = range(1, 6)
_DEPTH = 5


@dataclass(frozen=True, slots=True)
class ChainProof:
    """What proves the chain's records about one document.

    Attributes:
        state: Proves them in the state of one block.
        timestamp: A timestamping authority's token over that block's hash (RFC 3161, DER).
    """

    state: StateProof
    timestamp: bytes | None

    @property
    def statement(self) -> str:
        """What a package with this proof must say of itself."""
        sealed = self.state.block.header is not None
        return statement(sealed=sealed, stamped=self.timestamp is not None)

    def encode(self) -> bytes:
        """Return its bytes."""
        block = self.state.block
        value: dict[int, Any] = {_NODES: list(self.state.nodes)}
        if block.header is not None:
            value[_HEADER] = block.header
        if block.handovers:
            value[_HANDOVERS] = [[list(step.votes), step.first] for step in block.handovers]
        if block.checkpoint is not None:
            value[_CHECKPOINT] = block.checkpoint
        if self.timestamp is not None:
            value[_TIMESTAMP] = self.timestamp
        return cbor_encode(value)

    @classmethod
    def decode(cls, data: bytes) -> "ChainProof":
        """Read its bytes.

        Raises:
            MalformedError: ``too_large``, ``evidence_malformed``, ``field_malformed``.
        """
        value = _map(data, limits.MAX_EVIDENCE_BYTES, "evidence.proof")
        parts = _Parts(value, "evidence.proof")
        parts.only(_HEADER, _HANDOVERS, _CHECKPOINT, _NODES, _TIMESTAMP)
        block = BlockProof(
            header=parts.optional_bytes(_HEADER, limits.MAX_HEADER_BYTES),
            handovers=tuple(parts.handovers(_HANDOVERS)),
            checkpoint=parts.optional_bytes(_CHECKPOINT, MAX_CHECKPOINT_BYTES),
        )
        nodes = parts.byte_strings(_NODES, limits.MAX_PROOF_NODES)
        timestamp = parts.optional_bytes(_TIMESTAMP, limits.MAX_TIMESTAMP_BYTES)
        return cls(StateProof(block, nodes), timestamp)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document with what proves it; whoever gave it is not trusted.

    Attributes:
        document: A document file with the chosen disclosures, or a card's text.
        proof: What proves the chain's records about it.
        trust_version: The trust file with which it was made.
    """

    document: bytes
    proof: ChainProof
    trust_version: int

    def encode(self) -> bytes:
        """Return the package.

        Raises:
            MalformedError: ``too_large``.
        """
        proof = self.proof.encode()
        data = cbor_encode(
            {
                _FORMAT: FORMAT,
                _STATEMENT: self.proof.statement,
                _DOCUMENT: self.document,
                _PROOF: proof,
                _TRUST_VERSION: self.trust_version,
                _MANIFEST: _manifest(self.document, proof),
            }
        )
        _check_size(data, limits.MAX_EVIDENCE_BYTES, "evidence")
        return data

    @classmethod
    def decode(cls, data: bytes) -> "Evidence":
        """Read a package.

        Raises:
            MalformedError: ``too_large``; ``evidence_unrecognised`` for what begins otherwise than
                a package; ``evidence_malformed``, ``field_malformed``;
                ``evidence_manifest_differs`` for one that was damaged or changed;
                ``evidence_statement_differs`` for one that says of itself what it must not.
        """
        _check_size(data, limits.MAX_EVIDENCE_BYTES, "evidence")
        if not is_evidence(data):
            raise MalformedError("evidence_unrecognised")
        value = _map(data, limits.MAX_EVIDENCE_BYTES, "evidence")
        parts = _Parts(value, "evidence")
        parts.only(_FORMAT, _STATEMENT, _DOCUMENT, _PROOF, _TRUST_VERSION, _MANIFEST)
        said = value.get(_STATEMENT)
        if not isinstance(said, str):
            raise parts.fail(_STATEMENT)
        document = parts.octets(_DOCUMENT, limits.MAX_DOCUMENT_FILE_BYTES)
        proof = parts.octets(_PROOF, limits.MAX_EVIDENCE_BYTES)
        version = value.get(_TRUST_VERSION)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise parts.fail(_TRUST_VERSION)
        if value.get(_MANIFEST) != _manifest(document, proof):
            raise MalformedError("evidence_manifest_differs")
        decoded = ChainProof.decode(proof)
        if said != decoded.statement:
            raise MalformedError("evidence_statement_differs")
        return cls(document, decoded, version)


def is_evidence(data: bytes) -> bool:
    """Tell whether data begin as a package does: a map of six whose first is the format.

    What was cut within this beginning does so, too.
    """
    begins = bytes([0xA6, _FORMAT]) + cbor_encode(FORMAT)
    return bool(data) and data[: len(begins)] == begins[: len(data)]


def _manifest(document: bytes, proof: bytes) -> dict[int, bytes]:
    return {
        _DOCUMENT: hashlib.sha256(document).digest(),
        _PROOF: hashlib.sha256(proof).digest(),
    }


def _map(data: bytes, limit: int, where: str) -> dict[int, Any]:
    _check_size(data, limit, where)
    try:
        value = cbor_decode(data, max_depth=_DEPTH)
    except MalformedError as error:  # its own sentences speak of a card's code
        raise MalformedError(
            "evidence_malformed", where=where, reason=error.code, position=error.details["position"]
        ) from error
    if not isinstance(value, dict):
        raise MalformedError("field_malformed", where=where, field="(map)")
    return value


def _check_size(data: bytes, limit: int, where: str) -> None:
    if len(data) > limit:
        raise MalformedError("too_large", where=where, size=len(data), limit=limit)


class _Parts:
    """Reads typed members of a decoded map, each failure naming the member."""

    def __init__(self, value: dict[int, Any], where: str) -> None:
        self._value = value
        self._where = where

    def fail(self, key: int) -> MalformedError:
        return MalformedError("field_malformed", where=self._where, field=str(key))

    def only(self, *keys: int) -> None:
        for key in self._value:
            if key not in keys:
                raise self.fail(key)

    def octets(self, key: int, limit: int) -> bytes:
        value = self._value.get(key)
        if not isinstance(value, bytes) or not 0 < len(value) <= limit:
            raise self.fail(key)
        return value

    def optional_bytes(self, key: int, limit: int) -> bytes | None:
        return self.octets(key, limit) if key in self._value else None

    def byte_strings(self, key: int, limit: int) -> tuple[bytes, ...]:
        value = self._value.get(key)
        if not isinstance(value, list) or len(value) > limit:
            raise self.fail(key)
        if not all(isinstance(item, bytes) for item in value):
            raise self.fail(key)
        return tuple(value)

    def handovers(self, key: int) -> Iterable[Handover]:
        if key not in self._value:
            return
        value = self._value[key]
        if not isinstance(value, list) or not 0 < len(value) <= limits.MAX_HANDOVERS:
            raise self.fail(key)
        for item in value:
            match item:
                case [list(votes), bytes(first)] if all(isinstance(v, bytes) for v in votes):
                    yield Handover(tuple(votes), first)
                case _:
                    raise self.fail(key)
