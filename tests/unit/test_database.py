"""Transactions at the edge: all or nothing, private, and never a traceback with content."""

import contextlib
import stat
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import InternalError, OperationalError, StatementError
from sqlmodel import select, text

from ecert.errors import UnavailableError
from registry.clock import new_ids
from registry.database import CONNECTIONS, Database, without_password
from registry.departments.models import Department
from registry.errors import ClaimRefusedError, ConflictError, SettingsError
from registry.settings import load_settings
from registry.tables import METADATA
from tests.databases import NewDatabase


@pytest.fixture
def database(new_database: NewDatabase, tmp_path: Path) -> Iterator[Database]:
    made = Database(new_database(tmp_path))
    METADATA.create_all(made.engine)
    yield made
    made.dispose()


def codes(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.exec(select(Department.code)).all())


def add(database: Database, code: str, error: Exception | None = None) -> None:
    with database.transaction() as session:
        session.add(Department(code=code, name=code, kind="PS"))
        session.flush()
        if error is not None:
            raise error


def test_an_error_undoes_everything(database: Database) -> None:
    with pytest.raises(ConflictError):
        add(database, "A", ConflictError("document_state", id="", state=""))
    assert codes(database) == []


def test_a_counted_try_is_kept(database: Database) -> None:
    with pytest.raises(ClaimRefusedError):
        add(database, "A", ClaimRefusedError("claim_proof_invalid"))
    assert codes(database) == ["A"]


def test_the_same_twice_is_a_conflict(database: Database) -> None:
    add(database, "A")
    with pytest.raises(ConflictError, match="concurrent_change"):
        add(database, "A")


def test_writers_wait_for_each_other(database: Database) -> None:
    def write(code: str) -> None:
        for number in range(10):
            with database.transaction() as session:
                session.exec(select(Department.code)).all()
                name = f"{code}{number}"
                session.add(Department(code=name, name=name, kind="PS"))

    threads = [threading.Thread(target=write, args=(code,)) for code in "ABCD"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes(database)) == 40


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(ConflictError), database.transaction() as session:
        session.add(Department(code="A", name="A", kind="PS", parent_code="none"))


def test_the_file_is_its_owners_alone(database: Database, tmp_path: Path) -> None:
    add(database, "A")
    for path in tmp_path.glob("registry.sqlite3*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_database_that_cannot_be_opened_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="database_unavailable"):
        codes(Database(f"sqlite:///{tmp_path / 'missing' / 'registry.sqlite3'}"))


def test_a_servers_own_words_are_told_to_the_log_only(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    words = RuntimeError('connection to server at "db.internal" failed for user "ecert"\nagain')
    with pytest.raises(UnavailableError) as caught, database.reading():
        raise OperationalError("select 1", {}, words)
    assert caught.value.details == {"reason": "RuntimeError"}
    assert 'server at "db.internal" failed for user "ecert" again' in caplog.text
    database.dispose()


def test_too_many_at_once_are_told_to_come_back(database: Database) -> None:
    at_most = CONNECTIONS if database.is_server else 15  # SQLAlchemy's own pool and overflow
    taken = [database.engine.connect() for _ in range(at_most)]
    database.engine.pool._timeout = 0.05  # type: ignore[attr-defined]
    with pytest.raises(UnavailableError, match="no connection free"):
        codes(database)
    for connection in taken:
        connection.close()
    assert codes(database) == []


def test_a_reading_sees_one_state_and_writes_nothing(database: Database) -> None:
    with database.reading() as session:
        assert session.exec(select(Department.code)).all() == []
        add(database, "A")
        assert session.exec(select(Department.code)).all() == []
    if database.is_server:  # SQLite has no such promise
        with database.reading() as session:
            session.add(Department(code="B", name="B", kind="PS"))
            with pytest.raises(InternalError):
                session.flush()
    assert codes(database) == ["A"]


def test_of_two_who_wait_for_each_other_one_goes_on(database: Database) -> None:
    """On SQLite they cannot meet: the second waits before it has anything."""
    for code in "AB":
        add(database, code)
    both = threading.Barrier(2, timeout=5)
    outcomes: list[str] = []

    def write(first: str, second: str) -> None:
        try:
            with database.transaction() as session:
                for code in (first, second):
                    row = session.get(Department, code, with_for_update=True)
                    assert row is not None
                    row.name += first
                    session.flush()
                    with contextlib.suppress(threading.BrokenBarrierError):
                        both.wait(0.2 if not database.is_server else 5)
        except ConflictError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=write, args=pair) for pair in ("AB", "BA")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == (["concurrent_change"] if database.is_server else [])


def test_no_error_repeats_what_was_to_be_stored(database: Database) -> None:
    with (
        pytest.raises((StatementError, RuntimeError)) as caught,
        database.reading() as session,
    ):
        session.execute(text("select 1 / :secret, :unfit"), {"secret": "Zhang", "unfit": ["Li"]})
    told = "".join(traceback.format_exception(caught.value)).replace('"Zhang", "unfit"', "")
    assert "Zhang" not in told
    assert "Li" not in told.replace('["Li"]', "")


def test_ids_ascend_and_never_repeat() -> None:
    ids = [one for _ in range(50) for one in new_ids(100)]
    assert len(set(ids)) == 5000
    assert all(len(one) == 32 for one in ids)


@pytest.mark.parametrize("url", ["mysql://host/name", "registry.sqlite3", "", "postgresql://[::1"])
def test_what_names_no_usable_database_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="database_url_invalid") as caught:
        Database(url)
    assert caught.value.details == {}


def test_a_url_is_kept_without_its_password() -> None:
    secret = "postgresql://ecert:hush@db.internal/ecert?password=hush&sslmode=require"
    assert without_password(secret) == "postgresql://ecert@db.internal/ecert?sslmode=require"
    settings = load_settings(
        directory=Path(), origin="https://registry.example", database_url=secret
    )
    assert "hush" not in repr(settings) + settings.model_dump_json()
