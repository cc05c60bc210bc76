"""Which proofs of cards were accepted, remembered across processes.

A command line ends after each check: a cache in its memory would let the same proof, photographed,
pass at the next one. The service's processes share the same file.
"""

from pathlib import Path

from ecert import limits
from ecert.errors import HolderBindingError, UnavailableError
from verifier.seen import BUSY_SECONDS, Seen, SeenOnce

FILE = "replay.db"


class FileReplayCache:
    """A replay cache (``ecert.card.ReplayCache``) for all processes that use one folder.

    Args:
        path: The file; made when it does not exist.
        capacity: Proofs remembered at once; none is forgotten early for another.
        wait: How long to wait for another process, seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        capacity: int = limits.REPLAY_CACHE_ENTRIES,
        wait: float = BUSY_SECONDS,
    ) -> None:
        self._capacity = capacity
        self._seen = SeenOnce(path, capacity=capacity, wait=wait)

    def remember(self, proof_id: bytes, *, now: int) -> None:
        """Record a proof.

        Raises:
            HolderBindingError: ``card_proof_replayed``.
            UnavailableError: ``card_replay_cache_full``, ``seen_unusable``.
        """
        match self._seen.record(proof_id, now=now, seconds=limits.REPLAY_CACHE_SECONDS):
            case Seen.AGAIN:
                raise HolderBindingError("card_proof_replayed")
            case Seen.FULL:
                raise UnavailableError("card_replay_cache_full", limit=self._capacity)

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        self._seen.close()
