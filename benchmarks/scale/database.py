"""What one more record takes in the database, tables and indexes apart, in both engines.

Everything is real: imported, approved, signed, anchored, claimed and revoked by the registry.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.scale.office import KINDS, Office
from benchmarks.scale.postgres import postgres
from registry.database import Database
from registry.tables import METADATA

ROWS = 400
"""Documents of each kind."""
CLAIMS = REVOCATIONS = 400
ALONE = 40
"""Documents that are issued one by one, each in a tree filled up with random leaves."""

_SQLITE = """
    SELECT m.tbl_name, m.type = 'index', SUM(s.pgsize)
    FROM dbstat s JOIN sqlite_master m ON m.name = s.name
    WHERE s.aggregate = TRUE GROUP BY 1, 2
"""
_POSTGRESQL = """
    SELECT relname, kind, CASE WHEN kind = 1
        THEN pg_indexes_size(oid) ELSE pg_table_size(oid) END
    FROM pg_class, (VALUES (0), (1)) AS kinds (kind)
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Bytes:
    """Sizes of the tables and of their indexes, by table."""

    tables: Counter[str]
    indexes: Counter[str]

    def since(self, before: "Bytes", number: int) -> dict[str, list[int]]:
        """Return what each of ``number`` things added: table and indexes, by table."""
        names = [table.name for table in METADATA.sorted_tables]
        grown = {
            name: [
                round((self.tables[name] - before.tables[name]) / number),
                round((self.indexes[name] - before.indexes[name]) / number),
            ]
            for name in names
        }
        return {name: sizes for name, sizes in grown.items() if any(sizes)}


def sizes(database: Database, *, packed: bool = True) -> Bytes:
    """Measure a database.

    Args:
        database: The database.
        packed: Without the room that updates have left in PostgreSQL, which the next rows fill;
            SQLite leaves none.
    """
    found = Bytes(Counter(), Counter())
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if database.is_server and packed:
            connection.exec_driver_sql("VACUUM FULL")
        statement = _POSTGRESQL if database.is_server else _SQLITE
        for table, index, size in connection.exec_driver_sql(statement):
            (found.indexes if index else found.tables)[table] += int(size)
    return found


def measure() -> dict[str, Any]:
    """Return bytes of a record, a certificate, a claim and a revocation, by engine."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="ecert-scale-")))
        server = stack.enter_context(postgres())
        urls: dict[str, Callable[[str], str | None]] = {
            "sqlite": lambda _: None,
            "postgresql": server.new_database,
        }
        return {engine: _measure(directory / engine, url) for engine, url in urls.items()} | {
            "texts": _texts(directory / "texts")
        }


def _measure(directory: Path, url: Callable[[str], str | None]) -> dict[str, Any]:
    number = ROWS * len(KINDS)
    with _office(directory / "records", url("records"), cards=False) as office:
        database = office.registry.database
        empty = sizes(database)
        start = time.process_time()
        _issue(office)
        found: dict[str, Any] = {"seconds": {"record": _seconds_since(start, number)}}
        found["record"] = sizes(database).since(empty, number)
    with _office(directory / "certificates", url("certificates"), cards=True) as office:
        database = office.registry.database
        empty = sizes(database)
        start = time.process_time()
        _issue(office)
        found["seconds"]["certificate"] = _seconds_since(start, number)
        found["certificate, not yet vacuumed"] = sizes(database, packed=False).since(empty, number)
        steps = [empty, sizes(database)]
        for act, many in (
            (office.claim, CLAIMS),
            (office.revoke, REVOCATIONS),
            (lambda many: _issue_alone(office, many), ALONE),
        ):
            act(many)
            steps.append(sizes(database))
    for place, (name, many) in enumerate(
        {
            "certificate": number,
            "claim": CLAIMS,
            "revocation": REVOCATIONS,
            "certificate alone": ALONE,
        }.items()
    ):
        found[name] = steps[place + 1].since(steps[place], many)
    return found


def _seconds_since(start: float, number: int) -> float:
    """Return the processor time of this process for each of ``number`` things."""
    return round((time.process_time() - start) / number, 6)


def _office(directory: Path, url: str | None, *, cards: bool) -> Office:
    directory.mkdir(parents=True)
    return Office(directory, database_url=url, paper_cards=cards)


def _issue(office: Office) -> None:
    for kind in KINDS:
        office.issue(kind, ROWS)


def _issue_alone(office: Office, number: int) -> None:
    kinds = list(KINDS)
    for place in range(number):
        office.issue(kinds[place % len(kinds)], 1, first=ROWS + place)


def _texts(directory: Path) -> dict[str, dict[str, float]]:
    """Return the mean length of the signed texts, by kind and form."""
    statement = """
        SELECT d.kind, a.form, AVG(LENGTH(a.text)) FROM artefact a
        JOIN document d ON d.id = a.document_id GROUP BY 1, 2
    """
    found: dict[str, dict[str, float]] = {}
    with _office(directory, None, cards=True) as office:
        for kind in KINDS:
            office.issue(kind, 100)
        with office.registry.database.engine.connect() as connection:
            for kind, form, length in connection.exec_driver_sql(statement):
                found.setdefault(kind, {})[form] = round(length)
    return found
