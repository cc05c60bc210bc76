"""The layout of ``partitioned.sql``, filled with rows that the registry made once.

Rows are multiplied within the server: real texts and claims, and for each copy an identifier of its
time, a digest, a fingerprint and a status entry of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from benchmarks.scale.growth import CROWD
from ecert.limits import STATUS_LIST_SIZE
from registry.database import Database
from registry.status.lists import USABLE

MONTHS = 24
SPREAD = 16
_FIRST = 1_735_689_600_000  # 2025-01-01, in milliseconds
_MONTH = 30 * 86_400_000
_BY_DEPARTMENT = ("document", "artefact", "batch")
_BY_MONTH = ("document_claims", "artefact_text")
_SCRAMBLE = 40_503
"""Odd, and so it takes every entry of a list to another one."""
TREE = 1_024

# Row ``i`` of the copies: its time, its department, and the sample that it copies.
_ROWS = f"""
    SELECT i,
        lpad(to_hex({_FIRST} + (i * {MONTHS * _MONTH}::numeric / %(number)s)::bigint), 12, '0')
            || left(md5(i::text), 20) AS id,
        (%(departments)s::text[])[1 + i %% cardinality(%(departments)s::text[])] AS department,
        i / cardinality(%(departments)s::text[]) AS place,
        s.*
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
    JOIN sample s ON s.n = i %% (SELECT count(*) FROM sample)
"""
_FILL = {
    "document": f"""
        INSERT INTO document SELECT id, department, kind, kind_version, certificate_identifier,
            sha256(('f' || i)::bytea), state, created_by, approved_by, import_id, row_number,
            issued_at, valid_until, 0, NULL, created_at, updated_at
        FROM ({_ROWS}) AS r
    """,
    "document_claims": f"INSERT INTO document_claims SELECT id, claims FROM ({_ROWS}) AS r",
    "artefact": f"""
        INSERT INTO artefact SELECT id, department, id, form, NULL, sha256(('d' || i)::bytea),
            place / {USABLE}, (place %% {USABLE} * {_SCRAMBLE}) %% {STATUS_LIST_SIZE},
            NULL, NULL, 'anchored',
            lpad(to_hex(place / {TREE}), 12, '0') || left(md5(department), 20), place %% {TREE}, iat
        FROM ({_ROWS}) AS r
    """,
    "artefact_text": f"INSERT INTO artefact_text SELECT id, text FROM ({_ROWS}) AS r",
}
_SAMPLE = ("kind", "kind_version", "claims", "certificate_identifier", "state", "created_by",
           "approved_by", "import_id", "row_number", "issued_at", "valid_until", "created_at",
           "updated_at", "form", "text", "iat")  # fmt: skip
_CHUNK = 100_000
_LOOKUP = """
    SELECT digest, batch_id, leaf_index FROM artefact
    WHERE digest BETWEEN %s AND %s AND state = 'anchored'
"""


Sample = list[tuple[Any, ...]]
"""Documents with their SD-JWTs, as the registry keeps them, in the columns of ``_SAMPLE``."""


def sample_of(database: Database) -> Sample:
    """Return the documents of a registry that makes no cards."""
    theirs = ("form", "text", "iat")
    columns = ", ".join(f"{'a' if name in theirs else 'd'}.{name}" for name in _SAMPLE)
    with database.engine.connect() as connection:
        found = connection.exec_driver_sql(
            f"SELECT {columns} FROM document d JOIN artefact a ON a.document_id = d.id"
        )
        return [tuple(row) for row in found]


class Partitioned:
    """A database of this layout.

    Args:
        connection: To an empty database; each statement commits.
        departments: Codes of departments.
        spread: Partitions by department.
    """

    def __init__(
        self, connection: psycopg.Connection, departments: list[str], *, spread: int = SPREAD
    ) -> None:
        self._connection, self._departments = connection, departments
        connection.execute(Path(__file__).with_name("partitioned.sql").read_bytes())
        for table in _BY_DEPARTMENT:
            for part in range(spread):
                self._partition(
                    table,
                    part,
                    sql.SQL("WITH (MODULUS {}, REMAINDER {})").format(spread, part),
                )
        for table in _BY_MONTH:
            for month in range(MONTHS):
                bounds = [f"{_FIRST + m * _MONTH:012x}" for m in (month, month + 1)]
                self._partition(table, month, sql.SQL("FROM ({}) TO ({})").format(*bounds))

    def fill(self, sample: Sample, number: int) -> None:
        """Insert copies of the sample, spread over the departments and the months."""
        columns = sql.SQL(", ").join(map(sql.Identifier, _SAMPLE))
        self._connection.execute(
            "CREATE TEMPORARY TABLE sample (n bigint, kind text, kind_version integer, claims json,"
            " certificate_identifier text, state text, created_by text, approved_by text,"
            " import_id text, row_number integer, issued_at bigint, valid_until bigint,"
            " created_at bigint, updated_at bigint, form text, text text, iat bigint)"
        )
        with (
            self._connection.cursor() as cursor,
            cursor.copy(sql.SQL("COPY sample (n, {}) FROM STDIN").format(columns)) as copy,
        ):
            for place, row in enumerate(sample):
                copy.write_row((place, *row))
        self._connection.execute("ANALYZE sample")
        for first in range(0, number, _CHUNK):
            values = {
                "first": first,
                "last": min(first + _CHUNK, number) - 1,
                "number": number,
                "departments": self._departments,
            }
            for statement in _FILL.values():
                self._connection.execute(statement, values)

    def sizes(self) -> tuple[int, int]:
        """Return the bytes of all tables and of all their indexes."""
        row = self._connection.execute(
            "SELECT sum(pg_table_size(oid)), sum(pg_indexes_size(oid)) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def detach(self, month: int) -> int:
        """Take a month's texts and claims out; return the bytes that they held."""
        freed = 0
        for table in _BY_MONTH:
            part = f"{table}_{month:02}"
            row = self._connection.execute(
                "SELECT pg_total_relation_size(%s::regclass)", [part]
            ).fetchone()
            assert row is not None
            freed += int(row[0])
            self._connection.execute(
                sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(
                    sql.Identifier(table), sql.Identifier(part)
                )
            )
        return freed

    def execute(self, statement: LiteralString) -> None:
        """Run a statement."""
        self._connection.execute(statement)

    def lookup(self, records: int) -> int:
        """Find the leaves whose digests begin alike, some 1,200 of them; return how many."""
        row = self._connection.execute(
            f"SELECT count(*) FROM ({_LOOKUP}) AS f", self._range(records)
        )
        return int(row.fetchone()[0])

    def plan_of_lookup(self, records: int) -> str:
        """Return how the server finds them."""
        rows = self._connection.execute(f"EXPLAIN (COSTS OFF) {_LOOKUP}", self._range(records))
        return "\n".join(row[0] for row in rows)

    @staticmethod
    def _range(records: int) -> list[bytes]:
        width = min(1 << 256, (1 << 256) * CROWD // records) - 1
        return [bytes(32), width.to_bytes(32)]

    def _partition(self, table: str, part: int, values: sql.Composed) -> None:
        self._connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES {}").format(
                sql.Identifier(f"{table}_{part:02}"), sql.Identifier(table), values
            )
        )


@contextmanager
def connect(url: str) -> Iterator[psycopg.Connection]:
    """Connect to a database; each statement commits, and none waits for the disk."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        yield connection
