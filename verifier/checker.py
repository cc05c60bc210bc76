"""The verifier as a library: from bytes of any sort to reports, online or from a snapshot."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ecert import limits
from ecert.artefact import Expectation
from ecert.card import MemoryReplayCache, ReplayCache
from ecert.client.home import Home
from ecert.client.online import online_verifier
from ecert.client.registry import Registries
from ecert.errors import EcertError, UnavailableError
from ecert.kinds.catalogue import Catalogue
from ecert.lookup import LookupUrl
from ecert.report import Report
from ecert.trust import TrustStore
from ecert.verification import Verifier, unread_report
from verifier import replay as replays
from verifier.inputs import is_text, read_input
from verifier.replay import FileReplayCache
from verifier.snapshot import Snapshot

SNAPSHOT = "snapshot.db"

PROMPT_BYTES = 32 * limits.KIB
"""The longest text that is checked promptly."""

PROMPT_WAIT_SECONDS = 0.01
"""How long a prompt check waits for another process, which writes in less."""

_WAITED_FOR = frozenset({"snapshot_busy", "seen_unusable"})
"""Codes of what another process may just be writing."""


class Checker:
    """Checks whatever a person has at hand.

    Args:
        verifier: Does the verification.
        registries: Where look-up codes lead; None when offline.
        prompt: Verifies without waiting for anything; None where there is no such way.
    """

    def __init__(
        self, verifier: Verifier, registries: Registries | None, *, prompt: Verifier | None = None
    ) -> None:
        self._verifier = verifier
        self._registries = registries
        self._prompt = prompt

    def check(
        self, data: bytes, *, now: datetime, expect: Expectation | None = None
    ) -> Sequence[Report]:
        """Return a report for each document that ``data`` holds, at least one.

        Args:
            data: A document file, an SD-JWT, a card, a look-up URL, a PDF, an evidence package,
                or a picture.
            now: The time, aware.
            expect: What was asked of the holder.

        Raises:
            TrustError: ``trust_expired``.
        """
        return self._check(self._verifier, data, now, expect)

    def check_promptly(
        self, data: bytes, *, now: datetime, expect: Expectation | None = None
    ) -> Sequence[Report] | None:
        """Do as ``check`` where that takes a few milliseconds and waits for nothing.

        Returns:
            The reports; None where it would be otherwise, and then nothing was recorded.

        Raises:
            TrustError: ``trust_expired``.
        """
        if self._prompt is None or len(data) > PROMPT_BYTES or not is_text(data):
            return None
        reports = self._check(self._prompt, data, now, expect)
        waits = any(step.code in _WAITED_FOR for report in reports for step in report.steps)
        return None if waits else reports

    def _check(
        self, verifier: Verifier, data: bytes, now: datetime, expect: Expectation | None
    ) -> Sequence[Report]:
        try:
            inputs = read_input(data, self._fetch)
        except EcertError as error:
            return (unread_report(error, now),)
        return [
            verifier.verify(found.data, now=now, expect=expect)
            if found.error is None
            else unread_report(found.error, now)
            for found in inputs
        ]

    def _fetch(self, url: LookupUrl) -> bytes:
        if self._registries is None:
            raise UnavailableError("lookup_offline")
        return self._registries.sealed(url)


def online(
    trust: TrustStore, nodes: Sequence[str], *, replay: ReplayCache | None = None
) -> Checker:
    """Return a checker that asks a node once for each document.

    Args:
        trust: The trust roots.
        nodes: JSON-RPC addresses, the preferred one first.
        replay: Remembers cards' proofs; of this process when not given.

    Raises:
        MalformedError: ``rpc_url_malformed``, also when no node is known.
    """
    registries = Registries(trust.file.registries)
    return Checker(online_verifier(trust, nodes, registries, replay=replay), registries)


def offline(
    trust: TrustStore,
    snapshot: Path,
    *,
    replay: ReplayCache | None = None,
    prompt_replay: ReplayCache | None = None,
) -> Checker:
    """Return a checker that answers from a snapshot alone.

    Args:
        trust: The trust roots.
        snapshot: The snapshot's file.
        replay: As for ``online``.
        prompt_replay: The same memory, not waited for; ``replay`` itself when not given.

    Raises:
        UnavailableError: ``snapshot_…``: there is none, or not of this chain.
    """
    replay = MemoryReplayCache() if replay is None else replay
    prompt = Snapshot.open(snapshot, trust, wait=PROMPT_WAIT_SECONDS)
    return Checker(
        Verifier(trust, Snapshot.open(snapshot, trust), replay=replay),
        None,
        prompt=Verifier(trust, prompt, replay=replay if prompt_replay is None else prompt_replay),
    )


def open_checker(home: Home, *, nodes: Sequence[str] = (), use_snapshot: bool = False) -> Checker:
    """Return the checker that a verifier's folder describes.

    Raises:
        TrustError: No good trust file is pinned.
        MalformedError: A file in the folder is damaged, or no node is known.
        UnavailableError: The snapshot cannot be used.
    """
    trust = home.trust(Catalogue.load(), now=utc_now())
    remembered = home.directory / replays.FILE
    replay = FileReplayCache(remembered)
    if use_snapshot:
        return offline(
            trust,
            home.directory / SNAPSHOT,
            replay=replay,
            prompt_replay=FileReplayCache(remembered, wait=PROMPT_WAIT_SECONDS),
        )
    return online(trust, nodes or home.nodes(), replay=replay)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
