"""The simulation of growth, scaled down further, and the layout for billions of records."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from benchmarks.scale import constants
from benchmarks.scale.partitions import Partitioned, connect
from benchmarks.scale.simulation import Check, chain_and_verifier, partitioned, pipeline
from benchmarks.scale.steps import CITY, COUNTRY
from tests.databases import Postgres

FOUND = constants.load()
RECORDS, SPREAD = 6_000, 4
DEPARTMENTS = ["12430000000000000X", "12430000000000001X"]


@pytest.fixture(scope="module")
def layout(postgres: Postgres) -> Iterator[Partitioned]:
    with connect(postgres.new_database()) as connection:
        made = Partitioned(connection, DEPARTMENTS, spread=SPREAD)
        made.fill([SAMPLE], RECORDS)
        yield made


SAMPLE = ("resident-id", 1, "{}", "x", "anchored", "a", "b", None, None, 1, None, 1, 1, "sd-jwt",
          "text", 1)  # fmt: skip


def judged(checks: list[Check]) -> dict[str, Check]:
    found = {check.what: check for check in checks if check.within is not None}
    assert all(check.holds for check in found.values()), "\n".join(map(str, checks))
    return found


@pytest.mark.usefixtures("anvil")
def test_a_registry_grows_as_the_model_says(tmp_path: Path) -> None:
    city = replace(CITY.part(2_000), departments=3, keys=1)
    found = judged(pipeline(city, FOUND, tmp_path / "city"))
    assert set(found) == {"database", "gas"}


@pytest.mark.usefixtures("anvil")
def test_chain_and_verifier_grow_as_the_model_says(tmp_path: Path) -> None:
    country = replace(COUNTRY.part(10_000), departments=2)
    found = judged(chain_and_verifier(country, FOUND, tmp_path / "country"))
    assert {"gas", "embedded chain's snapshot", "verifier's snapshot"} < set(found)


@pytest.mark.usefixtures("anvil")
def test_the_layout_takes_what_the_model_says(tmp_path: Path, postgres: Postgres) -> None:
    url, directory = postgres.new_database(), tmp_path / "records"
    judged(partitioned(RECORDS, FOUND, directory, url, spread=SPREAD, within=0.3))


def test_partitions_by_month_cannot_keep_a_digest_unique(postgres: Postgres) -> None:
    with connect(postgres.new_database()) as connection:
        connection.execute("CREATE TABLE a (id text, digest bytea) PARTITION BY RANGE (id)")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="partition"):
            connection.execute("CREATE UNIQUE INDEX ON a (digest)")


def test_a_lookup_uses_an_index_in_every_partition(layout: Partitioned) -> None:
    plan = layout.plan_of_lookup(RECORDS)
    assert "digest_department_key" in plan
    assert "Seq Scan" not in plan
    assert 1_000 < layout.lookup(RECORDS) < 1_400


@pytest.mark.parametrize(
    "same",
    [
        """INSERT INTO artefact (id, department, form, digest, state, iat)
            SELECT 'another', department, form, digest, state, iat FROM artefact LIMIT 1""",
        """INSERT INTO artefact
            (id, department, form, digest, status_list, status_index, state, iat)
            SELECT 'another', department, form, 'x', status_list, status_index, state, iat
            FROM artefact LIMIT 1""",
        """INSERT INTO document (id, department, kind, kind_version, fingerprint, state,
            created_by, status, created_at, updated_at)
            SELECT 'another', department, kind, 1, fingerprint, state, 'a', 0, 1, 1
            FROM document LIMIT 1""",
    ],
    ids=["digest", "status entry", "application"],
)
def test_what_must_be_unique_stays_so(layout: Partitioned, same: str) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        layout.execute(same)


def test_a_detached_month_takes_its_texts_along_and_nothing_else(layout: Partitioned) -> None:
    before = layout.lookup(RECORDS)
    assert layout.detach(0) > 0
    assert layout.lookup(RECORDS) == before
    with pytest.raises(psycopg.errors.CheckViolation):  # nothing new is put where old months were
        layout.execute("INSERT INTO artefact_text SELECT * FROM artefact_text_00")
