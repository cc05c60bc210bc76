"""The holder's proof: a card is shown by who has the key that the card names.

The signature covers a tag of its own, the card's digest, the time and the verifier's challenge, so
that it serves no other purpose, no other card, no other minute and, where the verifier shows a
challenge, no other verifier.
"""

import dataclasses
import hashlib
import hmac
import threading
from datetime import datetime
from typing import Protocol

from ecert import limits
from ecert.card.check import require_bytes
from ecert.card.model import UnverifiedCard
from ecert.card.read import parse
from ecert.card.text import read_text, write_text
from ecert.errors import HolderBindingError, SignatureInvalidError, UnavailableError
from ecert.signing import Signer

_DOMAIN = b"ecert-card-proof-v1\0"


class ReplayCache(Protocol):
    """Remembers which proofs a verifier has accepted."""

    def remember(self, proof_id: bytes, *, now: int) -> None:
        """Record a proof for at least ``limits.REPLAY_CACHE_SECONDS``, in one indivisible step.

        Args:
            proof_id: 32 bytes, the same for every encoding of one proof.
            now: The verifier's time, seconds since 1970.

        Raises:
            HolderBindingError: ``card_proof_replayed``, it is recorded already.
            UnavailableError: ``card_replay_cache_full``.
        """


class MemoryReplayCache:
    """A replay cache for one process, safe between threads, bounded in size.

    When it is full of proofs still remembered it refuses new ones: to forget one early would let
    it be shown again.
    """

    def __init__(self, capacity: int = limits.REPLAY_CACHE_ENTRIES) -> None:
        self._capacity = capacity
        self._expiry: dict[bytes, int] = {}  # in order of insertion, so the oldest come first
        self._lock = threading.Lock()

    def remember(self, proof_id: bytes, *, now: int) -> None:
        """Record a proof (see ``ReplayCache``)."""
        with self._lock:
            self._forget(now)
            if proof_id in self._expiry:
                raise HolderBindingError("card_proof_replayed")
            if len(self._expiry) >= self._capacity:
                raise UnavailableError("card_replay_cache_full", limit=self._capacity)
            self._expiry[proof_id] = now + limits.REPLAY_CACHE_SECONDS

    def _forget(self, now: int) -> None:
        while self._expiry:
            oldest = next(iter(self._expiry))
            if self._expiry[oldest] > now:
                return
            del self._expiry[oldest]


def proof_input(digest: bytes, time: int, challenge: bytes) -> bytes:
    """Return the bytes that a holder signs: domain, digest, time, challenge with its length."""
    return b"".join(
        (_DOMAIN, digest, time.to_bytes(8), len(challenge).to_bytes(1), challenge),
    )


def with_proof(text: str, *, holder: Signer, now: datetime, challenge: bytes = b"") -> str:
    """Return the card ``text`` with a holder's proof made ``now``.

    Args:
        text: A card; a proof that it carries is replaced.
        holder: Signs with the key that the card names.
        now: The holder's time.
        challenge: What the verifier shows; empty if it shows nothing.

    Raises:
        MalformedError: The text is no card, or the challenge is over its bound.
        HolderBindingError: ``card_holder_key_missing`` or ``card_holder_key_other``.
    """
    card = parse(text)
    require_bytes(challenge, "proof.challenge", least=0, most=limits.MAX_CARD_CHALLENGE_BYTES)
    if card.content.holder is None:
        raise HolderBindingError("card_holder_key_missing")
    if card.content.holder != holder.public_key:
        raise HolderBindingError("card_holder_key_other")
    time = int(now.timestamp())
    signature = holder.sign(proof_input(card.digest, time, challenge))
    proof = [time, challenge, signature]
    return write_text(dataclasses.replace(read_text(text), proof=proof))


def verify_holder(
    card: UnverifiedCard, *, now: datetime, challenge: bytes | None, replay: ReplayCache
) -> None:
    """Verify the holder's proof (verification step 8).

    Args:
        card: A card whose issuer has been verified.
        now: The verifier's time.
        challenge: What this verifier showed for this check; None if it showed nothing, and then a
            proof made for somebody's challenge is refused.
        replay: What this verifier accepted lately; written last, by valid proofs only.

    Raises:
        HolderBindingError: ``card_holder_key_missing``, ``card_proof_missing``,
            ``card_proof_early``, ``card_proof_stale``, ``card_challenge_mismatch``,
            ``card_proof_signature_invalid`` or ``card_proof_replayed``.
        UnavailableError: ``card_replay_cache_full``.
    """
    key, proof = card.content.holder, card.proof
    if key is None:
        raise HolderBindingError("card_holder_key_missing")
    if proof is None:
        raise HolderBindingError("card_proof_missing")
    seconds = int(now.timestamp())
    if proof.time > seconds + limits.CARD_PROOF_AHEAD_SECONDS:
        raise HolderBindingError("card_proof_early", seconds=proof.time - seconds)
    if proof.time < seconds - limits.CARD_PROOF_SECONDS:
        raise HolderBindingError("card_proof_stale", seconds=seconds - proof.time)
    if not hmac.compare_digest(proof.challenge, challenge or b""):
        raise HolderBindingError("card_challenge_mismatch")
    signed = proof_input(card.digest, proof.time, proof.challenge)
    try:
        key.verify(proof.signature, signed, alg=key.suite.cose, where="proof")
    except SignatureInvalidError as error:
        raise HolderBindingError("card_proof_signature_invalid") from error
    # By what was signed, not by the signature: ECDSA signatures are malleable.
    replay.remember(hashlib.sha256(signed).digest(), now=seconds)
