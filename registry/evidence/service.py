"""Proofs of what the chain holds, gathered from this registry's nodes for whoever needs them."""

import threading
from datetime import UTC, datetime

from ecert.chain.node import Nodes
from ecert.chain.state_proof import Gatherer
from ecert.client.home import read_file
from ecert.errors import MalformedError, UnavailableError
from ecert.evidence import ChainProof, make_evidence
from ecert.facts import Query
from ecert.limits import MAX_TRUST_FILE_BYTES
from ecert.trust import TrustStore
from registry.access.actor import Actor
from registry.application import Registry
from registry.documents.delivery import Disclosed, document_file
from registry.evidence.authority import TimestampAuthority
from registry.nodes import node_urls
from registry.trust.publishing import TRUST_FILE


class Prover:
    """Proves what this registry's chain holds about a document.

    Args:
        registry: The opened registry.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        url = registry.settings.timestamp_url
        self._authority = None if url is None else TimestampAuthority(url)
        self._mutex = threading.Lock()
        self._trust: TrustStore | None = None
        self._gatherers: dict[tuple[bytes, str], Gatherer] = {}

    def trust(self) -> TrustStore:
        """Return the trust file that this registry serves.

        Raises:
            UnavailableError: ``trust_file_unreadable``.
            TrustError: It is not good any more.
        """
        path = self._registry.settings.directory / TRUST_FILE
        try:
            data = read_file(path, limit=MAX_TRUST_FILE_BYTES)
        except MalformedError as error:
            raise UnavailableError("trust_file_unreadable") from error
        with self._mutex:
            if self._trust is None or self._trust.data != data:
                catalogue = self._registry.context.catalogue
                self._trust = TrustStore(data, catalogue, now=self._now())
            self._trust.check_current(self._now())
            return self._trust

    def prove(self, query: Query) -> ChainProof:
        """Return a proof of the answer to ``query`` at the newest final block, with a timestamp.

        Raises:
            MalformedError: The contracts cannot be asked such a thing.
            TrustError: The trust file is not good.
            UnavailableError: No node gives a proof.
        """
        trust = self.trust()
        state = self._gatherer(trust).gather(query).proof
        if self._authority is None:
            return ChainProof(state, None)
        block = state.block.verify(trust)
        return ChainProof(state, self._authority.token(block.hash, trust.file))

    def package(self, actor: Actor, document_id: str, disclose: Disclosed = "face") -> bytes:
        """Return an evidence package of an anchored document's paper artefact, checked.

        Raises:
            NotFoundError: ``document_unknown``.
            ConflictError: ``document_not_anchored``.
            EcertError: As ``prove`` and ``check_evidence``.
        """
        with self._registry.transaction() as services:
            document = document_file(services, actor, document_id, disclose)
        # Asking the chain takes its time, and no database.
        data, _ = make_evidence(document, self.trust(), self.prove, now=self._now())
        return data

    def _gatherer(self, trust: TrustStore) -> Gatherer:
        """Return what gathers proofs, the same one while trust file and nodes are the same.

        It remembers how the validators changed. To find that anew may take thousands of headers,
        and anybody may ask for proofs.
        """
        urls = node_urls(self._registry.settings)
        name = (trust.data, " ".join(urls))
        with self._mutex:
            if name not in self._gatherers:
                self._gatherers = {name: Gatherer(Nodes(urls), trust, self._checkpoint)}
            return self._gatherers[name]

    def _checkpoint(self) -> bytes:
        with self._registry.reading() as services:
            return services.outbox.checkpoint().signed

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._registry.context.clock(), UTC)
