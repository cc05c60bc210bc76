"""Tables as text that every database engine can be filled from.

A piece of a table is lines of JSON: first its columns, each with how its values are written, then
a row a line. What the database holds decides, not the program's models: a backup can be made of an
older schema, and restored by a program that has grown since.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import orjson
import pybase64
import sqlalchemy as sa

from ecert.errors import MalformedError
from ecert.limits import MIB
from registry.backup.errors import BackupError

MAX_PIECE_BYTES = 256 * MIB
"""One piece; the largest row, a batch with 2^20 leaves, takes 43 MiB."""

VERSIONS = "alembic_version"
"""Alembic's own table; its content is in the head."""

_DUTY = "chain_duty"
"""Says that a worker has compared database and chain: of what is restored nobody has."""

_PIECE_BYTES = 4 * MIB
_FETCH = 500
_MAX_NAME_CHARS = 63

Written = Literal["plain", "flag", "bytes", "json"]
_TYPES: dict[Written, sa.types.TypeEngine[Any]] = {
    "plain": sa.types.NullType(),
    "flag": sa.Boolean(),
    "bytes": sa.LargeBinary(),
    "json": sa.JSON(none_as_null=True),
}


def tables_of(connection: sa.Connection) -> list[sa.Table]:
    """Return a database's tables, those that others refer to first."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name not in (VERSIONS, _DUTY)]


def pieces(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[bytes, int]]:
    """Yield a table's rows in pieces, with how many are in each; at least one piece."""
    written = {column.name: _written(column.type) for column in table.columns}
    head = orjson.dumps(list(written.items()))
    blobs = [place for place, kind in enumerate(written.values()) if kind == "bytes"]
    lines, size = [head], 0
    for row in _rows(connection, table, written):
        values = list(row)
        for place in blobs:
            if values[place] is not None:
                values[place] = pybase64.b64encode(values[place]).decode("ascii")
        line = orjson.dumps(values)
        lines.append(line)
        size += len(line)
        if size >= _PIECE_BYTES:
            yield b"\n".join(lines), len(lines) - 1
            lines, size = [head], 0
    if size or lines == [head]:
        yield b"\n".join(lines), len(lines) - 1


def _rows(
    connection: sa.Connection, table: sa.Table, written: dict[str, Written]
) -> Iterable[sa.Row[Any]]:
    keys: list[sa.ColumnElement[Any]] = [
        sa.column(column.name) for column in table.primary_key.columns
    ]
    statement = sa.select(*_columns(written)).select_from(sa.table(table.name)).order_by(*keys)
    streamed = connection.execution_options(stream_results=True, yield_per=_FETCH)
    found = streamed.execute(statement)
    own = [key for key in table.foreign_keys if key.column.table is table]
    if not own:
        return found
    return _parents_first(found.all(), list(written), own)


def _parents_first(
    rows: Sequence[sa.Row[Any]], names: list[str], own: list[sa.ForeignKey]
) -> Iterator[sa.Row[Any]]:
    """Sort the rows of a table that refers to itself, such as departments; a small one."""
    places = [(names.index(key.parent.name), names.index(key.column.name)) for key in own]
    done: set[tuple[int, Any]] = set()
    waiting = list(rows)
    while waiting:
        ready: list[sa.Row[Any]] = []
        later: list[sa.Row[Any]] = []
        for row in waiting:
            whole = all(row[here] is None or (there, row[here]) in done for here, there in places)
            (ready if whole else later).append(row)
        if not ready:
            raise BackupError("backup_rows_circular")
        done |= {(there, row[there]) for row in ready for _, there in places}
        yield from ready
        waiting = later


def read_piece(data: bytes, where: str) -> tuple[list[tuple[str, Written]], Iterator[list[Any]]]:
    """Return the columns of a piece, and its rows with their values as they were.

    Raises:
        MalformedError: ``field_malformed``, here or when rows are taken.
    """
    lines = iter(data.split(b"\n"))
    columns = [_column(pair, where) for pair in _line(next(lines), where)]
    return columns, _values(lines, columns, where)


def _values(
    lines: Iterator[bytes], columns: list[tuple[str, Written]], where: str
) -> Iterator[list[Any]]:
    blobs = [place for place, (_, kind) in enumerate(columns) if kind == "bytes"]
    for line in lines:
        values = _line(line, where)
        if len(values) != len(columns):
            raise _malformed(where)
        for place in blobs:
            if values[place] is not None:
                values[place] = _blob(values[place], where)
        yield values


def fill(
    connection: sa.Connection,
    table: str,
    columns: Sequence[tuple[str, Written]],
    rows: Iterator[list[Any]],
) -> None:
    """Insert rows into a table."""
    written = dict(columns)
    target = sa.table(table, *_columns(written))
    names = list(written)
    while chunk := [dict(zip(names, row, strict=True)) for row in itertools.islice(rows, _FETCH)]:
        connection.execute(sa.insert(target), chunk)


def _columns(written: dict[str, Written]) -> list[sa.ColumnClause[Any]]:
    return [sa.column(name, _TYPES[kind]) for name, kind in written.items()]


def _written(column: sa.types.TypeEngine[Any]) -> Written:
    if isinstance(column, sa.JSON):
        return "json"
    if isinstance(column, sa.Boolean):
        return "flag"
    return "bytes" if isinstance(column, sa.LargeBinary) else "plain"


def _column(pair: object, where: str) -> tuple[str, Written]:
    match pair:
        case [str(name), "plain" | "flag" | "bytes" | "json" as kind] if (
            len(name) <= _MAX_NAME_CHARS
        ):
            return name, kind
    raise _malformed(where)


def _line(line: bytes, where: str) -> list[Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _malformed(where) from error
    if not isinstance(value, list):
        raise _malformed(where)
    return value


def _blob(value: object, where: str) -> bytes:
    try:
        return pybase64.b64decode(value, validate=True)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise _malformed(where) from error


def _malformed(where: str) -> MalformedError:
    return MalformedError("field_malformed", where=where, field="(row)")
