"""Importing a file of any size as a stream: read here, checked by processes, kept here.

Memory is the same for a thousand rows and for millions. What is kept is committed every some
thousand rows; where it is broken off, the same file is imported again.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ecert import limits
from ecert.errors import MalformedError, reason_of
from registry.access.actor import Actor
from registry.access.models import Role
from registry.application import Registry
from registry.clock import day_in_china
from registry.documents.importing import CHUNK, Tally, chunks
from registry.documents.models import ImportJob
from registry.documents.reading import Chunk, Origin, Read, read_chunk, told
from registry.imports.model import Lines
from registry.imports.table import Header, open_table
from registry.processes import Mapper, Pool

COMMIT_CHUNKS = 16
"""Chunks of rows that are kept in one transaction: fewer commits, and another writer waits for less
than a second."""

POOL_FROM = 10_000
"""Rows from which on processes are worth their start."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come.

    Attributes:
        rows: Rows read.
        total: Rows that the file has.
    """

    rows: int
    total: int


Report = Callable[[Progress], None]


def import_stream(
    registry: Registry,
    actor: Actor,
    *,
    department: str,
    kind: str,
    path: Path,
    report: Report = lambda _: None,
) -> ImportJob:
    """Make a submitted document of each good row of a file that is not one already.

    Args:
        registry: Where they are kept, some thousand in a transaction.
        actor: A clerk of the department.
        department: The issuing department.
        kind: The kind of all rows.
        path: The file. It is read to its end before any of it is kept.
        report: Told the progress after each transaction.

    Raises:
        ForbiddenError: The actor is no clerk of the department.
        ConflictError: ``department_not_admitted``, ``kind_not_granted_now``.
        KindError: ``kind_unknown``.
        MalformedError: The file as a whole cannot be read; see ``registry.imports.read_table``.
        UnavailableError: The database or a process failed; what was kept is taken over when the
            file is imported again.
    """
    actor.require(Role.CLERK, department)
    catalogue, clock = registry.context.catalogue, registry.context.clock
    known = catalogue.kind(kind)
    with _readable(path) as stream:
        total = _count(stream, path.name)
        header, lines = _open(stream, path.name)
        _, problems = header.columns(known)
        tally = Tally()
        with registry.transaction() as services:
            origin = services.imports.start(
                actor, department=department, kind=kind, filename=path.name
            )
            if problems:
                tally.bad = 1
                tally.note([told(problem) for problem in problems], len(problems))
                return services.imports.finish(actor, origin, tally)
        today = day_in_china(clock())
        tasks = (Chunk(origin, header, today, rows) for rows in chunks(lines, CHUNK))
        with _processes(registry, total) as run:
            for group in chunks(run(read_chunk, tasks), COMMIT_CHUNKS):
                _keep(registry, origin, group, tally)
                report(Progress(tally.rows, total))
    with registry.transaction() as services:
        return services.imports.finish(actor, origin, tally)


def _readable(path: Path) -> IO[bytes]:
    try:
        stream = path.open("rb")
    except OSError as error:
        reason = reason_of(error)
        raise MalformedError("file_unreadable", path=str(path), reason=reason) from error
    if not path.is_file():  # a pipe cannot be read twice
        stream.close()
        raise MalformedError("file_unreadable", path=str(path), reason="no file")
    return stream


def _open(stream: IO[bytes], filename: str) -> tuple[Header, Lines]:
    stream.seek(0)
    return open_table(stream, filename, max_bytes=limits.MAX_STREAM_BYTES)


def _count(stream: IO[bytes], filename: str) -> int:
    """Return how many rows a file has: all of it can be read, or nothing of it is kept."""
    _, lines = _open(stream, filename)
    limit = limits.MAX_STREAM_ROWS
    rows = 0
    for rows, _ in enumerate(lines, 1):
        if rows > limit:
            raise MalformedError("import_too_many_rows", limit=limit)
    if not rows:
        raise MalformedError("import_empty")
    return rows


@contextmanager
def _processes(registry: Registry, rows: int) -> Iterator[Mapper]:
    count = registry.settings.cores
    if count < 2 or rows < POOL_FROM:
        yield map
        return
    with Pool(count, ahead=COMMIT_CHUNKS) as pool:
        yield pool.map


def _keep(registry: Registry, origin: Origin, group: Iterable[Read], tally: Tally) -> None:
    with registry.transaction() as services:
        for read in group:
            tally.rows += read.rows_read
            tally.bad += read.rows_read - len(read.rows)
            doubled = services.imports.add(origin, read.rows, tally)
            problems = sorted([*read.problems, *doubled], key=lambda problem: problem["row"])
            tally.note(problems, read.problems_total + len(doubled))
        services.imports.note(origin, tally)
