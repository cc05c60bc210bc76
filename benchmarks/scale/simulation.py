"""A thousandth of each step for real, compared with the model."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.chain import BRANCH
from benchmarks.scale import constants
from benchmarks.scale.chain import ChainScale
from benchmarks.scale.copies import multiply
from benchmarks.scale.database import sizes
from benchmarks.scale.growth import Growth, Workload
from benchmarks.scale.office import DEPARTMENT_KINDS, KINDS, Office
from benchmarks.scale.partitions import SPREAD, Partitioned, connect, sample_of
from benchmarks.scale.postgres import postgres
from benchmarks.scale.steps import CITY, COUNTRY, PROVINCE
from benchmarks.scale.syncing import SNAPSHOT, elsewhere
from benchmarks.scale.tables import duration, number, size
from ecert.limits import STATUS_LIST_SIZE
from ecert.signing import SoftwareSigner
from verifier.sync import sync

THOUSANDTH = 1_000
RECORDS = 250_000
"""Rows of records in the partitioned tables; a thousandth of 20 billion is eighty times as many."""


@dataclass(frozen=True, slots=True)
class Check:
    """A number beside what the model says.

    Attributes:
        what: What it counts.
        model: What the model says; None where the model says nothing.
        found: What was found.
        within: How far off it may be, as a share of the model; None where that is not judged.
        text: How to write both.
    """

    what: str
    model: float | None
    found: float
    within: float | None = None
    text: Callable[[float], str] = size

    @property
    def off(self) -> float:
        """How far off it is."""
        return self.found / self.model - 1 if self.model else 0.0

    @property
    def holds(self) -> bool:
        """Whether it is as near as it should be."""
        return self.within is None or abs(self.off) <= self.within

    def __str__(self) -> str:
        model = "" if self.model is None else self.text(self.model)
        line = f"{self.what:<46} {model:>13} {self.text(self.found):>13}"
        if self.model is not None:
            line += f" {self.off:>+7.1%}"
        if self.within is not None:
            line += f"  within {self.within:.0%}{'' if self.holds else ': NO'}"
        return line


def simulate(records: int = RECORDS) -> Iterator[tuple[str, list[Check]]]:
    """Run a thousandth of each step; yield its checks as they are made."""
    found = constants.load()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="ecert-scale-")))
        city = replace(CITY.part(THOUSANDTH), departments=len(DEPARTMENT_KINDS), keys=1)
        yield f"{city.name}: the whole pipeline", pipeline(city, found, directory / "city")
        server = stack.enter_context(postgres())
        province = PROVINCE.part(THOUSANDTH)
        yield (
            f"{province.name}: chain and verifier",
            chain_and_verifier(province, found, directory / "province"),
        )
        yield (
            f"{province.name}: PostgreSQL, tables of today",
            tables_of_today(province, found, directory / "office", server.new_database("province")),
        )
        country = COUNTRY.part(THOUSANDTH)
        yield (
            f"{country.name}: chain and verifier",
            chain_and_verifier(country, found, directory / "country"),
        )
        yield (
            f"{country.name}: PostgreSQL, partitioned, {number(records)} records",
            partitioned(records, found, directory / "records", server.new_database("country")),
        )


def pipeline(workload: Workload, found: dict[str, Any], directory: Path) -> list[Check]:
    """Issue, claim and revoke certificates in a registry of today on SQLite."""
    growth = Growth(workload, found)
    directory.mkdir()
    with Office(directory) as office:
        database = office.registry.database
        empty, gas = sizes(database), office.gas()
        start = time.process_time()
        for kind in KINDS:
            office.issue(kind, round(workload.certificates / len(KINDS)))
        seconds = time.process_time() - start
        office.claim(round(growth.claims))
        office.revoke(round(growth.revocations))
        gas, roots, transactions = office.gas() - gas, office.roots(), office.transactions()
        full = sizes(database)
        trust = office.trust()
        snapshot = directory / "snapshot.db"
        synced = sync(snapshot, trust, [office.chain.rpc_url], fetch_checkpoint=office.checkpoint)
    return [
        Check("roots: the last of each table is not full", None, roots, text=number),
        Check("database", growth.database("sqlite").all, _grown(empty, full), within=0.1),
        Check("gas", _gas_of(growth, roots, transactions), gas, within=0.2, text=number),
        Check("verifier's snapshot", None, snapshot.stat().st_size),
        Check("events of its sync", None, synced.events, text=number),
        Check("processor time of issuing", None, seconds, text=duration),
    ]


def chain_and_verifier(workload: Workload, found: dict[str, Any], directory: Path) -> list[Check]:
    """Anchor and revoke what a workload anchors and revokes, and sync a verifier from it."""
    growth = Growth(workload, found)
    departments = [*BRANCH, "1243000000000000X"][: max(1, round(workload.departments))]
    with ExitStack() as stack:
        grown = ChainScale(directory, stack, [])
        empty = grown.size()
        _grow(grown, growth, departments)
        full = grown.size()
        persisted = grown.persist_seconds
        deployed, another = grown.deployed, directory / "another"
        seconds, memory = elsewhere(
            another, deployed.trust_file(), deployed.checkpoint(), deployed.chain.rpc_url
        )
        in_one = (another / SNAPSHOT).stat().st_size - empty.verifier

    def more(name: str) -> float:
        return float(getattr(full, name) - getattr(empty, name))

    return [
        Check("roots", None, round(growth.roots), text=number),
        Check("revoked entries", None, round(growth.status_changes), text=number),
        Check("gas", growth.gas, more("gas"), within=0.1, text=number),
        Check("events, topics and data", growth.event_bytes, more("logs"), within=0.1),
        Check("embedded chain's snapshot", growth.embedded_bytes, more("embedded"), within=0.1),
        Check("written to the disk in", None, persisted, text=duration),
        Check("verifier's snapshot", growth.verifier_bytes, more("verifier"), within=0.1),
        Check("the same in one sync", growth.verifier_bytes, in_one, within=0.1),
        Check("read by a sync", growth.sync_bytes, more("synced"), within=0.1),
        Check("seconds of a sync", growth.sync_seconds, seconds, text=duration),
        Check("memory that it added", None, memory),
    ]


def tables_of_today(
    workload: Workload, found: dict[str, Any], directory: Path, url: str
) -> list[Check]:
    """Fill the tables of today, in PostgreSQL, with copies of what a registry made."""
    copies = 99
    growth = Growth(workload, found)
    one = Growth(workload.part(copies + 1), found)
    directory.mkdir()
    with Office(directory, database_url=url) as office:
        for kind in KINDS:
            office.issue(kind, round(one.workload.certificates / len(KINDS)))
        office.claim(round(one.claims))
        office.revoke(round(one.revocations))
        database = office.registry.database
        before = sizes(database)
        start = time.perf_counter()
        multiply(database, copies)
        seconds = time.perf_counter() - start
        after = sizes(database, packed=False)
        share = copies / (copies + 1)
        tables, indexes = (
            sum(now.values()) - sum(then.values())
            for now, then in ((after.tables, before.tables), (after.indexes, before.indexes))
        )
    model = growth.database("postgresql")
    return [
        Check("tables", model.tables * share, tables, within=0.1),
        Check("indexes", model.indexes * share, indexes, within=0.5),
        Check("both", model.all * share, tables + indexes, within=0.15),
        Check("filled in", None, seconds, text=duration),
    ]


def partitioned(
    records: int,
    found: dict[str, Any],
    directory: Path,
    url: str,
    *,
    spread: int = SPREAD,
    within: float = 0.15,
) -> list[Check]:
    """Fill the partitioned layout with records, and take its oldest month out.

    Few records leave the pages of many partitions half empty: allow for that by ``within``.
    """
    departments = [f"1243{place:013d}X" for place in range(6)]
    directory.mkdir()
    with Office(directory, paper_cards=False) as office:
        for kind in KINDS:
            office.issue(kind, 100)
        sample = sample_of(office.registry.database)
    workload = replace(COUNTRY, certificates=0, streams=records, streams_revoked=0)
    model = Growth(workload, found)
    without_leaves = model.database("postgresql").all - model.leaf_bytes
    with connect(url) as connection:
        layout = Partitioned(connection, departments, spread=spread)
        start = time.perf_counter()
        layout.fill(sample, records)
        filled = time.perf_counter() - start
        tables, indexes = layout.sizes()
        start = time.perf_counter()
        layout.lookup(records)
        looked_up = time.perf_counter() - start
        start = time.perf_counter()
        freed = layout.detach(0)
        detached = time.perf_counter() - start
    return [
        Check("tables and indexes", without_leaves, tables + indexes, within),
        Check("indexes alone", model.database("postgresql").indexes, indexes, within=1.0),
        Check("filled in", None, filled, text=duration),
        Check("1,200 leaves by a digest's prefix, ms", None, 1000 * looked_up, text=number),
        Check("oldest of 24 months detached, ms", None, 1000 * detached, text=number),
        Check("with it went", None, freed),
    ]


def _grow(grown: ChainScale, growth: Growth, departments: list[str]) -> None:
    workload, parent = growth.workload, None
    for code in departments:
        grown.deployed.admit(parent, code, "resident-id")
        for _ in range(round(workload.keys)):
            grown.deployed.register_key(code, SoftwareSigner.generate().public_key)
        parent = code
    rng = random.Random(0)
    lists = max(1, round(growth.status_lists / len(departments)))
    entries = growth.status_changes / len(departments) / lists
    for code in departments:
        grown.anchor(code, round(growth.roots / len(departments)))
        for status_list in range(lists):
            # Which entries were taken is as random as which of them are revoked.
            indices = rng.sample(range(STATUS_LIST_SIZE), round(entries))
            grown.revoke(code, status_list, indices)


def _gas_of(growth: Growth, roots: int, transactions: int) -> float:
    """Return the model's gas for roots and revocations in transactions that are not full."""
    costs = growth.constants["chain"]
    each = costs["root alone"]["gas"] - costs["root"]["gas"]
    return growth.status_gas + roots * float(costs["root"]["gas"]) + transactions * float(each)


def _grown(before: Any, after: Any) -> float:
    both = [sum(found.tables.values()) + sum(found.indexes.values()) for found in (before, after)]
    return float(both[1] - both[0])
