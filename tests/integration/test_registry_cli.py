"""The registry's command line, from an empty folder to a verdict, on an embedded chain of its own.

``registry run`` is a process, as in real use; all other commands meet it through the database.
"""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from registry_world import table

from ecert.document import DocumentFile
from ecert.kinds import Catalogue
from ecert.report import Verdict
from ecert.trust import TrustStore
from tests.integration.office_world import (  # noqa: F401  # a fixture
    KIND,
    PASSPHRASE,
    POLICE,
    Office,
    office,
    told,
    wait_for,
)
from verifier.pdf_read import read_pdf

SCHOOLS, VILLAGE = "11350000003590666L", "430102"
TOKEN = re.compile(r"[0-9a-f]{32}\.[A-Za-z0-9_-]{43}")


@pytest.fixture(scope="module")
def anchored(office: Office, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Documents that went all the way."""
    path = tmp_path_factory.mktemp("tables") / "rows.csv"
    path.write_bytes(table(KIND, 6, seed=80))
    job = office.done("clerk", "import", str(path), "--kind", KIND, "--department", POLICE).split()[
        0
    ]
    assert office.done("approver", "approve", "--import", job).startswith("6 ")
    wait_for(lambda: {row["state"] for row in office.documents(job)} == {"anchored"})
    return [row["id"] for row in office.documents(job)]


# -- setting up


def test_a_new_registry_is_private_and_keeps_no_secret_in_clear(office: Office) -> None:
    for name in ("registry.sqlite3", "settings.json"):
        assert (office.directory / name).stat().st_mode & 0o077 == 0
    kept = (office.directory / "settings.json").read_text()
    assert "passphrase" not in kept
    for file in office.directory.glob("registry.sqlite3*"):
        data = file.read_bytes()
        assert PASSPHRASE.encode() not in data
        assert office.tokens["operator"].partition(".")[2].encode() not in data


def test_what_runs_is_not_made_again_and_what_is_wrong_not_at_all(
    office: Office, tmp_path: Path
) -> None:
    told(office.run(None, "init", "--origin", office.origin), 2, "chain_directory_locked")
    new = Office(tmp_path / "new")
    for origin in ("ftp://registry.example", "registry.example", ""):
        told(new.run(None, "init", "--origin", origin), 1, "settings_invalid")
    told(new.run(None, "init", "--origin", "http://registry.example"), 1, "origin_not_https")
    assert not new.directory.exists()
    (tmp_path / "file").touch()
    within = Office(tmp_path / "file" / "registry")
    told(within.run(None, "init", "--origin", "https://r.example"), 1, "directory_unusable")


def test_nothing_works_in_an_empty_folder(tmp_path: Path) -> None:
    empty = Office(tmp_path / "empty")
    told(empty.run("operator", "department", "list"), 1, "registry_not_set_up")
    told(empty.run("x" * 32 + "." + "y" * 43, "audit"), 1, "registry_not_set_up")
    told(empty.run(None, "rpc"), 1, "registry_not_set_up")


def test_the_passphrase_is_needed_and_right(office: Office, tmp_path: Path) -> None:
    told(office.run(None, "department", "list", passphrase=None), 1, "passphrase_missing")
    told(office.run(None, "department", "list", passphrase="not the right one"), 1,
         "passphrase_wrong")  # fmt: skip
    new = Office(tmp_path / "new")
    told(new.run(None, "init", "--origin", "https://r.example", passphrase=None), 1,
         "passphrase_missing")  # fmt: skip
    told(new.run(None, "init", "--origin", "https://r.example", passphrase="short"), 1,
         "passphrase_short")  # fmt: skip
    assert not (tmp_path / "new" / "registry.sqlite3").exists()


def test_the_trust_file_only_ever_rises(office: Office) -> None:
    path = office.directory / "trust.json"
    told(office.run(None, "trust", "renew", "--days", "0"), 64, "usage_wrong")
    first = path.read_bytes()
    assert "version 2" in office.done(None, "trust", "renew")
    store = TrustStore.successor(first, path.read_bytes(), Catalogue.load(), now=datetime.now(UTC))
    assert store.file.version == 2
    old = office.directory / "old.json"
    old.write_bytes(first)
    told(office.run(None, "trust", "publish", str(old)), 1, "trust_rollback")
    assert store.data == path.read_bytes()


# -- who may


def test_without_a_token_nothing_is_done(office: Office, anchored: list[str]) -> None:
    for who, code in ((None, "token_missing"), ("", "token_missing"), ("me", "credential_invalid"),
                      (f"{'0' * 32}.{'A' * 43}", "credential_invalid"),
                      ("\udcff", "credential_invalid")):  # fmt: skip
        for command in (
            ("revoke", anchored[0], "--reason", "x"),
            ("officer", "list"),
            ("status", "--department", POLICE),
        ):
            told(office.run(who, *command), 1, code)


def test_each_does_only_what_the_role_allows(office: Office, anchored: list[str]) -> None:
    for who, *command in (
        ("clerk", "revoke", anchored[0], "--reason", "x"),
        ("clerk", "officer", "list"),
        ("approver", "claim-code", anchored[0]),
        ("approver", "department", "new-key", POLICE),
        ("clerk", "department", "suspend", POLICE),
    ):
        told(office.run(who, *command), 1, "role_missing")
    told(office.run("custodian", "department", "suspend", POLICE), 1, "other_department")


def test_a_token_is_renewed_and_ended(office: Office) -> None:
    office.officer("passing", "clerk")
    old = office.tokens["passing"]
    officer = old.partition(".")[0]
    office.tokens["passing"] = office.token("operator", "renew", officer)
    assert TOKEN.fullmatch(office.tokens["passing"])
    told(office.run(old, "status", "--department", POLICE), 1, "credential_invalid")
    assert office.run("passing", "status", "--department", POLICE).code == 0
    office.done("operator", "officer", "disable", officer)
    told(office.run("passing", "status", "--department", POLICE), 1, "credential_invalid")
    listed = office.done("operator", "officer", "list")
    assert re.search(rf"{officer}  .* disabled .* passing", listed)
    told(office.run("operator", "officer", "disable", "0" * 32), 1, "officer_unknown")


def test_an_operator_whose_token_was_lost_gets_a_new_one(office: Office) -> None:
    lost = office.tokens["operator"]
    office.tokens["operator"] = office.token(None, "recover")
    assert office.tokens["operator"].partition(".")[0] == lost.partition(".")[0]
    told(office.run(lost, "officer", "list"), 1, "credential_invalid")
    office.done("operator", "officer", "list")
    assert "intact" in office.done(None, "audit")


def test_only_an_operator_says_that_the_clock_is_right(office: Office) -> None:
    told(office.run("custodian", "accept-clock"), 1, "role_missing")
    assert re.search(r"accepted: 20\d\d-\d\d-\d\dT", office.done("operator", "accept-clock"))


# -- departments


@pytest.mark.parametrize(
    ("code", "options", "error"),
    [
        ("11430000006122244X", ("--kind", "PS", "--issues", KIND), "department_code_no_issuer"),
        ("POLICE", ("--kind", "PS", "--issues", KIND), "department_code_no_issuer"),
        ("43010", ("--kind", "PS", "--issues", KIND), "department_code_no_issuer"),
        (SCHOOLS, ("--kind", "ED", "--issues", KIND), "kind_of_other_department"),
        (SCHOOLS, ("--kind", "ED", "--issues", "passport-of-mars"), "kind_unknown"),
        (SCHOOLS, ("--kind", "ED", "--parent", "NOWHERE"), "role_missing"),
        (POLICE, ("--kind", "PS"), "department_exists"),
        ("市公安局", ("--kind", "PS"), "text_not_ascii_code"),
        ("X" * 21, ("--kind", "PS"), "text_not_ascii_code"),
    ],
)
def test_a_department_that_cannot_be_admitted_is_told_why(
    office: Office, code: str, options: tuple[str, ...], error: str
) -> None:
    done = office.run("operator", "department", "admit", code, "--name", "样例", *options)
    assert done.code in (1, 3)
    told(done, done.code, error)
    assert done.code == (3 if error == "text_not_ascii_code" else 1)


def test_codes_that_can_issue_and_departments_that_do_not_issue_are_admitted(
    office: Office,
) -> None:
    """A village has a division code; a government above others issues nothing itself."""
    name = ("--name", "样例", "--kind", "PS")
    office.done("operator", "department", "admit", VILLAGE, *name, "--issues", KIND)
    office.done("operator", "department", "admit", "GOV-1", *name)
    wait_for(lambda: office.done(None, "department", "list").count("  admitted ") >= 3)
    told(
        office.run("operator", "department", "grant-kind", "GOV-1", KIND),
        1,
        "department_code_no_issuer",
    )
    office.done("operator", "department", "withdraw-kind", VILLAGE, KIND)
    office.done("operator", "department", "suspend", VILLAGE)
    assert f"{VILLAGE}  suspended" in office.done(None, "department", "list")
    office.done("operator", "department", "lift", VILLAGE)
    wait_for(lambda: f"{VILLAGE}  admitted" in office.done(None, "department", "list"))


def test_keys_are_registered_and_withdrawn(office: Office) -> None:
    kid = office.done("custodian", "department", "new-key", POLICE)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", kid)
    office.done("custodian", "department", "withdraw-key", kid)
    told(office.run("custodian", "department", "withdraw-key", kid), 1, "key_not_in_use")
    told(
        office.run("custodian", "department", "withdraw-key", "nobody's"), 1,
        "signing_key_unknown",
    )  # fmt: skip


# -- documents


def test_good_rows_are_kept_and_every_error_is_told(office: Office, tmp_path: Path) -> None:
    header, first, second, third = table(KIND, 3, seed=81).decode("utf-8-sig").splitlines()
    path = tmp_path / "rows.csv"
    date = re.compile(r"\d{4}-\d{2}-\d{2}")
    bad = date.sub("2001-02-30", second, count=1)
    path.write_text("\n".join((header, first, bad, third + ",too,much")) + "\n", "utf-8")
    done = office.run("clerk", "import", str(path), "--kind", KIND, "--department", POLICE)
    assert (done.code, done.err) == (1, "")
    assert "1 行收入 kept, 0 行已有 known, 2 行有误 wrong" in done.out
    assert re.search(r"^  3 / ", done.out, re.MULTILINE)
    assert re.search(r"^  4 / ", done.out, re.MULTILINE)
    again = office.run(
        "clerk", "import", str(path), "--kind", KIND, "--department", POLICE, "--json"
    )
    job = json.loads(again.out)
    assert (again.code, job["good"], job["known"], job["bad"]) == (1, 0, 1, 2)
    assert {error["row"] for error in job["errors"]} == {3, 4}


def test_a_file_that_is_no_table_is_told(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    options = ("--kind", KIND, "--department", POLICE)
    told(office.run("clerk", "import", str(path), *options), 3, "file_unreadable")
    for data in (b"", b"PK\3\4 not a workbook", b"\xff\xfe\0", b"a,b\n1,2\n"):
        path.write_bytes(data)
        done = office.run("clerk", "import", str(path), *options)
        assert done.code in (1, 3)
        assert done.out + done.err
        assert "Traceback" not in done.err
    told(office.run("clerk", "import", str(path), "--kind", "mars", "--department", POLICE), 1,
         "kind_unknown")  # fmt: skip


def test_who_entered_a_document_does_not_approve_it(office: Office, tmp_path: Path) -> None:
    office.officer("both", "clerk", "approver")
    path = tmp_path / "rows.csv"
    path.write_bytes(table(KIND, 2, seed=82))
    job = office.done("both", "import", str(path), "--kind", KIND, "--department", POLICE).split()[
        0
    ]
    told(office.run("both", "approve", "--import", job), 1, "four_eyes")
    first, second = (row["id"] for row in office.documents(job))
    told(office.run("approver", "approve"), 1, "approval_of_nothing")
    assert "rejected" in office.done("approver", "reject", first, "--reason", "Entered twice")
    told(office.run("approver", "approve", first), 1, "document_state")
    assert office.done("approver", "approve", second).startswith("1 ")


@pytest.mark.parametrize("form", ["file", "pdf"])
def test_what_is_exported_verifies(
    office: Office, anchored: list[str], tmp_path: Path, form: str
) -> None:
    path = tmp_path / ("a.pdf" if form == "pdf" else "a.ecert.json")
    assert office.done("clerk", "export", anchored[0], "-o", str(path)) == str(path)
    data = path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert office.verdict(read_pdf(data) if form == "pdf" else data) is Verdict.VALID


def test_what_cannot_be_exported_is_told(
    office: Office, anchored: list[str], tmp_path: Path
) -> None:
    for name in ("a.docx", "pdf", ".pdf", "a.ecert.json.zip"):
        done = office.run("clerk", "export", anchored[0], "-o", str(tmp_path / name))
        told(done, 1, "output_type_unknown")
    told(office.run("clerk", "export", "0" * 32, "-o", str(tmp_path / "a.pdf")), 1,
         "document_unknown")  # fmt: skip
    told(office.run("clerk", "export", anchored[0], "-o", "/dev/null/a.pdf"), 3,
         "file_unwritable")  # fmt: skip


def test_a_claim_code_is_one_of_the_claims_form(office: Office, anchored: list[str]) -> None:
    code = office.done("clerk", "claim-code", anchored[1])
    assert re.fullmatch(r"(?:[0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}", code)
    told(office.run("clerk", "claim-code", "0" * 32), 1, "document_unknown")


def test_a_document_is_suspended_reinstated_and_revoked(
    office: Office, anchored: list[str], tmp_path: Path
) -> None:
    document, path = anchored[2], tmp_path / "a.ecert.json"
    office.done("clerk", "export", document, "-o", str(path))
    data = path.read_bytes()
    assert DocumentFile.from_bytes(data).receipt is not None
    for command, verdict in (
        ("suspend", Verdict.SUSPENDED),
        ("reinstate", Verdict.VALID),
        ("revoke", Verdict.REVOKED),
    ):
        office.done("approver", command, document, "--reason", "For a test")
        wait_for(lambda verdict=verdict: office.verdict(data) is verdict)  # type: ignore[misc]
    told(office.run("approver", "reinstate", document, "--reason", "x"), 1, "document_revoked")
    told(office.run("approver", "revoke", "0" * 32, "--reason", "x"), 1, "document_unknown")
    done = office.run("approver", "suspend", anchored[3], "--reason", "")
    told(done, 1, "reason_invalid")
    told(office.run("clerk", "claim-code", document), 1, "document_not_valid")
    handed = office.run("clerk", "export", document, "-o", str(path))
    assert (handed.code, "it is revoked" in handed.err) == (0, True)


def test_states_are_counted_and_listed(office: Office, anchored: list[str]) -> None:
    counts = json.loads(office.done("clerk", "status", "--department", POLICE, "--json"))
    assert counts["anchored"] >= len(anchored) - 1
    plain = office.done("clerk", "status", "--department", POLICE)
    assert re.search(rf"^anchored +{counts['anchored']}$", plain, re.MULTILINE)
    listed = office.done("clerk", "list", "--department", POLICE, "--state", "anchored")
    assert anchored[0] in listed
    assert office.done("clerk", "list", "--department", POLICE, "--state", "draft") == ""
    told(office.run("clerk", "list", "--department", POLICE, "--limit", "0"), 64, "usage_wrong")


# -- the trail


def test_the_audit_trail_is_checked_and_a_changed_entry_is_found(
    office: Office, anchored: list[str], tmp_path: Path
) -> None:
    assert anchored
    found = re.match(r"(\d+) 条记录完好", office.done(None, "audit"))
    assert found is not None
    assert int(found[1]) > 10

    copy = Office(tmp_path / "copy")
    copy.directory.mkdir()
    for name in ("settings.json",):
        (copy.directory / name).write_bytes((office.directory / name).read_bytes())
    script = (
        "import sqlite3, sys\n"
        "source, copy = (sqlite3.connect(path) for path in sys.argv[1:])\n"
        "source.backup(copy)\n"
        "copy.execute(\"UPDATE audit_entry SET action = 'nothing' WHERE id = 5\")\n"
        "copy.commit()\n"
    )
    databases = [str(each.directory / "registry.sqlite3") for each in (office, copy)]
    subprocess.run([sys.executable, "-c", script, *databases], check=True)
    told(copy.run(None, "audit"), 1, "audit_broken")
    (copy.directory / "registry.sqlite3").write_bytes(b"not a database " * 1000)
    done = copy.run(None, "audit")
    assert done.code in (1, 2)
    told(done, done.code, done.err.split()[0])


# -- long work


def test_an_import_tells_its_progress_where_people_look(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(table(KIND, 5, seed=90))
    command = ("import", str(path), "--kind", KIND, "--department", POLICE)
    quiet = office.run("clerk", *command, "--json")
    assert (quiet.code, quiet.err) == (0, "")
    job = json.loads(quiet.out)
    assert (job["rows"], job["good"]) == (5, 5)
    assert not job["reading"]
    told(office.run("clerk", "progress", "--import", "0" * 32), 1, "import_unknown")
    before = json.loads(office.done("clerk", "progress", "--import", job["id"], "--json"))
    assert before == {
        "finished": True, "rows": 5, "documents": {"submitted": 5}, "anchored_per_second": 0.0,
        "seconds_left": None,
    }  # fmt: skip
    office.done("approver", "approve", "--import", job["id"])
    lines = office.done("clerk", "progress", "--import", job["id"], "--watch").splitlines()
    assert "anchored 5" in lines[-1]
    assert "完成 done" in lines[-1]
