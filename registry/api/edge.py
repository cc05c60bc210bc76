"""What the requests of one process share, and the transactions they work in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import anyio
from fastapi import Depends, Request

from registry.api.backlog import BacklogView
from registry.api.health import Health
from registry.api.metrics import Metrics
from registry.api.rates import Rates
from registry.application import Registry
from registry.evidence.service import Prover
from registry.explorer.service import Explorer
from registry.services import Services

HEAVY_AT_ONCE = 2
"""Imports read, and pages rendered, at the same time: each takes a core and much memory."""

LOOKUPS_AT_ONCE = 2
"""Receipts looked up by prefix at the same time: each reads a thousand batches, some 40 MB."""

PAGES_AT_ONCE = 8
"""Requests about the chain that pages make, at the same time: while nodes hang, they would hold all
threads, and nothing else would be answered."""

PROOFS_AT_ONCE = 4
"""Proofs gathered at the same time: each asks a node twice, and perhaps an authority once."""


class Edge:
    """One process's registry with what its requests share.

    Args:
        registry: The opened registry.
        rates: Limits of public requests.
    """

    def __init__(self, registry: Registry, rates: Rates) -> None:
        self.registry = registry
        self.rates = rates
        self.health = Health(registry)
        self.backlog = BacklogView(registry)
        self.metrics = Metrics(registry, self.health)
        self.heavy = anyio.CapacityLimiter(HEAVY_AT_ONCE)
        self.prover = Prover(registry)
        self.explorer = Explorer(registry)
        self.pages = anyio.CapacityLimiter(PAGES_AT_ONCE)
        self.proofs = anyio.CapacityLimiter(PROOFS_AT_ONCE)
        self.lookups = anyio.CapacityLimiter(LOOKUPS_AT_ONCE)

    @contextmanager
    def writing(self) -> Iterator[Services]:
        """Give the services of a request that changes something.

        Opened inside the route's function, not around it as a dependency: a request that waits for
        the database's write lock then holds one thread, and the one that has the lock never waits
        for a thread.
        """
        with self.registry.transaction() as services:
            yield services

    @contextmanager
    def reading(self) -> Iterator[Services]:
        """Give the services of a request that changes nothing."""
        with self.registry.reading() as services:
            yield services


def edge_of(request: Request) -> Edge:
    """Return what the request's application was made with."""
    return request.app.state.edge  # type: ignore[no-any-return]


AnEdge = Annotated[Edge, Depends(edge_of)]
