"""``registry evidence``: packages of a department's own documents, by the command line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from registry_world import table

from ecert.evidence import EvidenceReport, check_evidence
from ecert.facts import Basis
from ecert.kinds import Catalogue
from ecert.report import Verdict
from tests.integration.office_world import (  # noqa: F401  # a fixture
    KIND,
    POLICE,
    Office,
    office,
    told,
    wait_for,
)

CATALOGUE = Catalogue.load()


@pytest.fixture(scope="module")
def anchored(office: Office, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("tables") / "rows.csv"
    path.write_bytes(table(KIND, 2, seed=90))
    job = office.done("clerk", "import", str(path), "--kind", KIND, "--department", POLICE).split()[
        0
    ]
    office.done("approver", "approve", "--import", job)
    wait_for(lambda: {row["state"] for row in office.documents(job)} == {"anchored"})
    return [row["id"] for row in office.documents(job)]


def examined(office: Office, path: Path) -> EvidenceReport:
    trust = (office.directory / "trust.json").read_bytes()
    return check_evidence(path.read_bytes(), trust, CATALOGUE, now=datetime.now(UTC))


def test_a_package_of_the_departments_own(
    office: Office, anchored: list[str], tmp_path: Path
) -> None:
    face, whole = tmp_path / "face.ecert-evidence", tmp_path / "all.ecert-evidence"
    assert office.done("clerk", "evidence", anchored[0], "-o", str(face)) == str(face)
    office.done("clerk", "evidence", anchored[0], "-o", str(whole), "--all")
    shown = []
    for path in (face, whole):
        report = examined(office, path)
        assert (report.verdict, report.report.basis) == (Verdict.VALID, Basis.OPERATOR)
        assert report.report.subject is not None
        assert path.stat().st_mode & 0o077 == 0
        shown.append(set(report.report.subject.claims))
    assert shown[0] < shown[1]
    assert shown[0] <= set(CATALOGUE.kind(KIND).face)


def test_what_is_refused_and_writes_nothing(
    office: Office, anchored: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "a.ecert-evidence"
    told(office.run("clerk", "evidence", "0" * 32, "-o", str(path)), 1, "document_unknown")
    told(office.run(None, "evidence", anchored[0], "-o", str(path)), 1, "token_missing")
    assert not path.exists()
    path.write_bytes(b"dear")
    told(office.run("clerk", "evidence", anchored[0], "-o", str(path)), 3, "file_exists")
    assert path.read_bytes() == b"dear"
    office.done("clerk", "evidence", anchored[0], "-o", str(path), "--force")
    assert examined(office, path).verdict is Verdict.VALID


def test_one_that_is_withdrawn_is_told(office: Office, anchored: list[str], tmp_path: Path) -> None:
    office.done("approver", "revoke", anchored[1], "--reason", "For a test")

    def verdict() -> Verdict:
        path = tmp_path / "a.ecert-evidence"
        done = office.run("clerk", "evidence", anchored[1], "-o", str(path), "--force")
        assert (done.code, "it is revoked" in done.err) == (0, True)
        return examined(office, path).verdict

    wait_for(lambda: verdict() is Verdict.REVOKED)
