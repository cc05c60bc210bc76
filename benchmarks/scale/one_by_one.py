"""The model where nothing is imported: what small batches cost."""

from dataclasses import dataclass

from benchmarks.scale.growth import BATCH_MINIMUM, OFFICE_SECONDS, PAPER_ARTEFACTS, Growth
from ecert.limits import CARD_TREE_SIZE


@dataclass(frozen=True)
class OneByOne:
    """The same workload when nothing is imported: documents and claims come one by one.

    A batch closes so long after its oldest artefact; a small one is filled up with random leaves.
    Departments are equally busy here, in office hours.

    Attributes:
        growth: The workload.
        batch_seconds: The setting.
    """

    growth: Growth
    batch_seconds: float

    @property
    def arrivals(self) -> float:
        """Documents and claims."""
        return self.growth.workload.records + self.growth.claims

    @property
    def batches(self) -> float:
        """Batches that close: each with what comes while the first one waits."""
        load = self.growth.workload
        rate = self.arrivals / load.departments / (load.years * OFFICE_SECONDS)
        together = min(1 + rate * self.batch_seconds, CARD_TREE_SIZE / self._leaves_each)
        return self.arrivals / together

    @property
    def padding(self) -> float:
        """Random leaves."""
        each = self.arrivals / self.batches * self._leaves_each
        return self.batches * max(0, BATCH_MINIMUM - each)

    @property
    def gas(self) -> float:
        """Gas of anchoring, a transaction for each batch."""
        return self.batches * float(self.growth.constants["chain"]["root alone"]["gas"])

    def database_bytes(self, engine: str) -> float:
        """Return the database's bytes, those of random leaves among them."""
        found = self.growth.constants["database"][engine]
        alone, full = (
            sum(map(sum, found[thing].values())) for thing in ("certificate alone", "certificate")
        )
        row = (alone - full) / (BATCH_MINIMUM - PAPER_ARTEFACTS)
        return self.growth.database(engine).all + self.padding * row

    @property
    def verifier_bytes(self) -> float:
        """A verifier's snapshot."""
        more = self.batches - self.growth.roots
        root = float(self.growth.constants["chain"]["root"]["verifier"])
        return self.growth.verifier_bytes + more * root

    @property
    def _leaves_each(self) -> float:
        return self.growth.leaves / self.arrivals
