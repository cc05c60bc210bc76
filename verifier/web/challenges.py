"""Challenges that this service recognises as its own, and takes once.

A challenge is 27 bytes: a tag of 3, the time (4), 8 random ones, and 12 of an HMAC-SHA-256 over
those under a key of this service, which its processes share. Nothing is stored when one is made, so
that nobody can push another's out of memory by asking for many; stored is which ones were answered,
until they expire. The same text serves as the ``nonce`` of a key binding and, decoded, as a card's
challenge.

The time is one that nobody sets, the machine's since it was started: else a challenge that was
answered before the clock jumped ahead and back again would be taken twice.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ecert.encoding import b64url_decode, b64url_encode
from ecert.errors import MalformedError
from verifier.seen import Seen, SeenOnce
from verifier.web.errors import BusyError, ChallengeError

CHALLENGE_SECONDS = 600
"""How long a challenge may be answered."""

MAX_ANSWERED = 600_000
"""Answered challenges remembered at once, a thousand a second; more are refused, none is forgotten
early."""

KEY_BYTES = 32

_TAG = b64url_decode("ecrt")
_TIME_BYTES, _RANDOM_BYTES, _MAC_BYTES = 4, 8, 12
_LENGTH = len(_TAG) + _TIME_BYTES + _RANDOM_BYTES + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a verifier asks a holder to sign.

    Attributes:
        audience: Who asks.
        nonce: What is asked, base64url.
        expires: Until when it may be answered, unix seconds.
    """

    audience: str
    nonce: str
    expires: int


class Answer:
    """One answer to a challenge, in the course of being checked."""

    accepted = False
    """To be set when the holder's proof held: the challenge is then used up."""


class Challenges:
    """Makes challenges and accepts each once.

    Args:
        clock: Unix seconds, for people; nothing is decided by them.
        monotonic: Seconds that no setting of the clock changes, the same in all processes.
        key: ``KEY_BYTES`` secret ones, the same in all processes of a service; this one's own when
            not given.
        answered: Which were answered; a memory of this process alone when not given.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        key: bytes | None = None,
        answered: SeenOnce | None = None,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._key = secrets.token_bytes(KEY_BYTES) if key is None else key
        if answered is None:
            answered = SeenOnce(None, capacity=MAX_ANSWERED)
        self._answered = answered

    def __len__(self) -> int:
        return len(self._answered)

    def make(self, audience: str) -> Challenge:
        """Return a fresh challenge."""
        made = int(self._monotonic())
        head = _TAG + made.to_bytes(_TIME_BYTES) + secrets.token_bytes(_RANDOM_BYTES)
        nonce = b64url_encode(head + self._mac(head))
        return Challenge(audience, nonce, int(self._clock()) + CHALLENGE_SECONDS)

    @contextmanager
    def answering(self, asked: str) -> Iterator[Answer]:
        """Take a challenge while its answer is checked; give it back unless that is accepted.

        A text that is no challenge of this form was made elsewhere and is not looked at.

        Raises:
            ChallengeError: ``challenge_unknown``: made by another service, or altered;
                ``challenge_expired``; ``challenge_used``, also while it is being checked.
            BusyError: ``service_busy``: more answers than are remembered.
            UnavailableError: ``seen_unusable``.
        """
        answer = Answer()
        raw = _decode(asked)
        if raw is None:
            yield answer
            return
        self._take(raw)
        try:
            yield answer
        finally:
            if not answer.accepted:
                self._answered.forget(raw)

    def _take(self, raw: bytes) -> None:
        head, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(head)):
            raise ChallengeError("challenge_unknown")
        now = int(self._monotonic())
        made = int.from_bytes(raw[len(_TAG) :][:_TIME_BYTES])
        if now >= made + CHALLENGE_SECONDS:
            raise ChallengeError("challenge_expired", minutes=CHALLENGE_SECONDS // 60)
        match self._answered.record(raw, now=now, seconds=made + CHALLENGE_SECONDS - now):
            case Seen.AGAIN:
                raise ChallengeError("challenge_used")
            case Seen.FULL:
                raise BusyError("service_busy")

    def _mac(self, head: bytes) -> bytes:
        return hmac.digest(self._key, head, hashlib.sha256)[:_MAC_BYTES]


def _decode(text: str) -> bytes | None:
    try:
        raw = b64url_decode(text)
    except MalformedError:
        return None
    return raw if len(raw) == _LENGTH and raw.startswith(_TAG) else None
