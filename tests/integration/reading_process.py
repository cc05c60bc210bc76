"""A reader in a process of its own, as a web service is one: run by the tests of migrations.

    python reading_process.py DATABASE-URL COUNTER

Reads on as long as its standard input is open, and writes how often it has into COUNTER; ends with
the first error.
"""

import os
import sys
import threading
from pathlib import Path

import sqlalchemy as sa

from registry.database import Database

PAGE = sa.text(
    "SELECT id, claims, state FROM document WHERE department = :code AND id > :after"
    " ORDER BY id LIMIT 100"
)
ARTEFACT = sa.text("SELECT text, digest, state FROM artefact WHERE document_id = :id")


def main(url: str, counter: Path) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    database, after, count = Database(url), "", 0
    while not ended.is_set():
        with database.reading() as session:
            rows = session.execute(PAGE, {"code": "43", "after": after}).all()
            after = rows[-1].id if rows else ""
            for row in rows[:3]:
                found = session.execute(ARTEFACT, {"id": row.id}).all()
                assert len(found) == 1
        count += 1
        beside = counter.with_suffix(".new")
        beside.write_text(str(count))
        os.replace(beside, counter)  # noqa: PTH105


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
