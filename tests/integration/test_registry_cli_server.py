"""The registry's command line with a PostgreSQL server, and its audit against the chain."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from registry_world import table

from ecert.report import Verdict
from tests.databases import Postgres
from tests.fakes.console import Done
from tests.integration.office_world import KIND, POLICE, Office, running_office, told, wait_for


def test_a_registry_lives_on_a_server(postgres: Postgres, anvil: Path, tmp_path: Path) -> None:
    del anvil
    server = sa.make_url(postgres.new_database())
    url = server.set(password=server.password or "not asked for").render_as_string(
        hide_password=False
    )
    rows = tmp_path / "rows.csv"
    rows.write_bytes(table(KIND, 7, seed=90))
    with running_office(tmp_path / "registry", "--database", url) as office:
        kept = (office.directory / "settings.json").read_text()
        assert str(server.database) in kept
        assert "not asked for" not in kept
        assert not list(office.directory.glob("*.sqlite3*"))
        if server.password:  # another's server, which does ask
            pytest.skip("the rest needs the password in the environment")
        order = ("import", str(rows), "--kind", KIND, "--department", POLICE)
        job = office.done("clerk", *order).split()[0]
        office.done("approver", "approve", "--import", job)
        wait_for(lambda: {row["state"] for row in office.documents(job)} == {"anchored"})
        first = office.documents(job)[0]["id"]
        office.done("approver", "revoke", first, "--reason", "test")
        wait_for(lambda: "revoked" in office.done("clerk", "list", "--department", POLICE))
        file = tmp_path / "one.ecert.json"
        handed = office.run("clerk", "export", first, "-o", str(file))
        assert (handed.code, "it is revoked" in handed.err) == (0, True)
        wait_for(lambda: office.verdict(file.read_bytes()) == Verdict.REVOKED)
        printed = office.done(None, "audit", "--chain").splitlines()[1:]
        assert printed == [
            "7 份已签发 issued, 7 份已上链 anchored",
            "0 份丢失 lost, 0 份重复 doubled",
            "1 个批次根 roots, 2 项状态变更 changes of status",
        ]
        engine = sa.create_engine(server.set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE batch SET block = block + 1"))
        engine.dispose()
        found = office.run(None, "audit", "--chain")
        assert (found.code, found.err) == (1, "")
        assert "audit_root_missing" in found.out
    alone = office.run(None, "audit", "--chain")
    assert (alone.code, alone.err.split()[0]) == (2, "rpc_unreachable")


def test_a_database_that_is_anothers_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    def init(name: str, url: str, *more: str) -> Done:
        office = Office(tmp_path / name)
        return office.run(None, "init", "--origin", "https://a.example", "--database", url, *more)

    url = postgres.new_database()
    assert init("first", url).code == 0
    told(init("second", url), 1, "database_of_another_chain")
    assert not (tmp_path / "second" / "trust.json").exists()
    for change in (("--council-delay", "9"), ("--database", postgres.new_database())):
        told(init("first", url, *change), 1, "registry_is_set_up")
    assert init("first", url).code == 0

    full = postgres.new_database()
    engine = sa.create_engine(sa.make_url(full).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE theirs (id integer)"))
    engine.dispose()
    told(init("third", full), 1, "database_not_empty")
    told(init("fourth", postgres.new_database("SQL_ASCII")), 1, "database_encoding")
