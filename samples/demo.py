"""The whole way once, as its people would go it: issue, anchor, hold, show, verify, revoke.

Every step runs a program's command line or the registry's HTTP interface, as a user's would, and
names the verdict it expects. ``--once`` ends after the summary; the exit code is 0 only if every
step came out as expected.
"""

import argparse
import json
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ecert.encoding import b64url_decode, b64url_encode, json_encode
from ecert.kinds.catalogue import Catalogue
from samples.make_samples import main as make_samples
from samples.programs import Stopped, chain_ended, end_on_signals
from samples.stage import Demo, Office, alone, free_port, prepare, styled

Staff = dict[str, tuple[Office, Office]]
"""Clerk and approver by department."""

AUDIENCE = "https://school.example"
PROVINCE, CITY, EDUCATION, MARKET = (
    "11350000003590471T", "11350100003605390A", "11350000003590666L", "11350000MB01234599",
)  # fmt: skip
DEPARTMENTS = (
    # code, name, sort, kinds of document, parent
    (
        PROVINCE,
        "样例省公安厅",
        "PS",
        ("resident-id", "no-criminal-record", "drivers-licence"),
        None,
    ),
    (
        CITY,
        "样例市公安局",
        "PS",
        ("resident-id", "no-criminal-record", "drivers-licence"),
        PROVINCE,
    ),
    (EDUCATION, "样例省教育厅", "ED", ("student-record",), None),
    (MARKET, "样例省市场监督管理局", "MR", ("business-licence",), None),
)
ISSUERS = {
    "resident-id": CITY,
    "no-criminal-record": CITY,
    "drivers-licence": CITY,
    "student-record": EDUCATION,
    "business-licence": MARKET,
}
SPOILT = "student-record"
"""The kind whose table has wrong rows."""

CLAIMED = ("resident-id", "drivers-licence")


def set_up(demo: Demo) -> tuple[str, str]:
    """Make registry, chain, contracts and trust file; return operator's token and origin."""
    port = free_port(8480)
    origin = f"http://127.0.0.1:{port}"
    printed = demo.run(
        "registry", "init", "--development", "--origin", origin,
        "--port", str(port), "--council-delay", "1", "--batch-seconds", "0.5",
    )  # fmt: skip
    print("\n".join(f"    {line}" for line in printed.splitlines()[:-2]))
    return printed.splitlines()[-1], origin


def admit(demo: Demo, operator: Office, origin: str) -> Staff:
    """Admit the departments; return clerks and approvers.

    The council admits those at the top, all at once, since each of its acts waits for its delay;
    the police of the province then admits that of the city.
    """
    for parent in (None, PROVINCE):
        asking = operator if parent is None else _officer(operator, origin, parent, "custodian")
        level = [department for department in DEPARTMENTS if department[-1] == parent]
        for code, name, sort, kinds, _ in level:
            request = {"code": code, "name": name, "kind": sort, "kinds": kinds, "parent": parent}
            asking.post("/departments", request)
            print(f"    {code} {name}")
        codes = [department[0] for department in level]
        demo.wait_for("admissions", partial(_may_issue, operator, codes))
    return {
        code: (
            _officer(operator, origin, code, "clerk"),
            _officer(operator, origin, code, "approver"),
        )
        for code in set(ISSUERS.values())
    }


def _may_issue(operator: Office, codes: Sequence[str]) -> bool:
    for found in (operator.get(f"/departments/{code}") for code in codes):
        states = [entry["state"] for entry in (*found["keys"], *found["kinds"])]
        if found["state"] != "admitted" or not set(states) <= {"registered", "granted"}:
            return False
    return True


def _officer(operator: Office, origin: str, department: str, role: str) -> Office:
    request = {"label": f"sample {role}", "roles": [role], "department": department}
    return Office(origin, operator.post("/officers", request)["token"])


@dataclass(frozen=True)
class Table:
    """One kind's CSV file, and what is known of it beforehand.

    Attributes:
        path: The file.
        rows: How many rows it has.
        wrong: How many of them must be refused.
    """

    path: Path
    rows: int
    wrong: int

    @property
    def good(self) -> int:
        """How many rows become documents."""
        return self.rows - self.wrong


def make_tables(folder: Path) -> dict[str, Table]:
    """Write a table of each kind, and put mistakes into one of them."""
    make_samples([str(folder)])
    made: dict[str, Table] = {}
    for kind in ISSUERS:
        path = folder / f"{kind}.csv"
        wrong = spoil(path) if kind == SPOILT else 0
        made[kind] = Table(path, len(path.read_text("utf-8-sig").splitlines()) - 1, wrong)
    return made


def import_tables(demo: Demo, staff: Staff, tables: dict[str, Table]) -> dict[str, str]:
    """Hand the tables in; return the imports by kind."""
    imports: dict[str, str] = {}
    for kind, table in tables.items():
        with table.path.open("rb") as file:
            job = staff[ISSUERS[kind]][0].post(
                "/imports", None, data={"kind": kind}, files={"file": (table.path.name, file)}
            )
        for error in job["errors"]:
            print(f"      row {error['row']}, {error['column']}: {error['zh']} / {error['en']}")
        demo.expect(f"{kind}: rows kept, rows wrong", (job["good"], job["bad"]),
                    (table.good, table.wrong))  # fmt: skip
        imports[kind] = job["id"]
    return imports


def spoil(path: Path) -> int:
    """Put mistakes into a table of students; return how many rows are wrong then."""
    header, first, second, *rest = path.read_text("utf-8-sig").splitlines()
    names, kind = header.split(","), Catalogue.load().kind(SPOILT)
    impossible, mistyped = first.split(","), second.split(",")
    impossible[names.index(kind.label("birth_date", "zh"))] = "2005-02-30"
    number = names.index(kind.label("id_number", "zh"))
    last = mistyped[number][-1]
    mistyped[number] = mistyped[number][:-1] + ("0" if last != "0" else "1")
    lines = (header, ",".join(impossible), ",".join(mistyped), *rest)
    path.write_text("\n".join(lines) + "\n", "utf-8-sig")
    return 2


def issue(demo: Demo, staff: Staff, imports: dict[str, str], good: int) -> None:
    """Approve the imports and wait until every document is anchored in a final block."""
    approved = 0
    for kind, job in imports.items():
        approver = staff[ISSUERS[kind]][1]
        approved += approver.post("/documents/approve", {"import_id": job})["approved"]
    demo.wait_for("anchoring", lambda: _anchored(staff) >= approved, 120)
    demo.expect("documents anchored", _anchored(staff), good)


def _anchored(staff: Staff) -> int:
    counts = (approver.get("/documents/counts")["counts"] for _, approver in staff.values())
    return sum(count.get("anchored", 0) for count in counts)


def claim(demo: Demo, staff: Staff, imports: dict[str, str], origin: str) -> dict[str, str]:
    """Take two documents of one citizen into a wallet; return the registry's ids by kind."""
    clerk, approver = staff[CITY]
    chosen: dict[str, str] = {}
    for kind in CLAIMED:
        page = approver.get(f"/documents?import_id={imports[kind]}&limit=1")
        chosen[kind] = page["documents"][0]["id"]
        code = clerk.post(f"/documents/{chosen[kind]}/claim-code")["code"]
        print(f"    {demo.run('wallet', 'add', code, '--registry', origin)}")
    return chosen


def held(demo: Demo, title: str) -> str:
    """Return the wallet's id of a document."""
    lines = demo.run("wallet", "list").splitlines()
    return next(line.split()[0] for line in lines if title in line)


def show(demo: Demo, staff: Staff, chosen: dict[str, str]) -> tuple[str, str]:
    """Make the four things that a third party may be given; return nonce and challenge."""
    nonce, challenge = secrets.token_urlsafe(16), b64url_encode(secrets.token_bytes(16))
    resident, licence = held(demo, "居民身份证"), held(demo, "机动车驾驶证")
    demo.run(
        "wallet", "present", resident, "--disclose", "name,birth_date",
        "--audience", AUDIENCE, "--nonce", nonce, "-o", "presentation.ecert.json",
    )  # fmt: skip
    demo.run(
        "wallet", "card", licence, "--view", "licence-class", "--qr", "card.png",
        "--challenge", challenge,
    )  # fmt: skip
    approver = staff[CITY][1]
    for name, path in (("paper.pdf", "pdf"), ("paper.ecert.json", "file")):
        data = approver.download(f"/documents/{chosen['resident-id']}/{path}")
        (demo.directory / name).write_bytes(data)
        print(f"    {name}: {len(data)} bytes")
    return nonce, challenge


def tampered(demo: Demo) -> str:
    """Copy the presentation with another value in its first disclosure, in perfect form."""
    text = (demo.directory / "presentation.ecert.json").read_text()
    issuer, disclosure, *rest = text.split("~")
    salt, name, _ = json.loads(b64url_decode(disclosure))
    forged = b64url_encode(json_encode([salt, name, "1999-09-09"]).encode())
    (demo.directory / "tampered.ecert.json").write_text("~".join((issuer, forged, *rest)))
    return "tampered.ecert.json"


def verify(demo: Demo, nonce: str, challenge: str) -> None:
    """Verify what was shown, and what was altered."""
    asked = ("--audience", AUDIENCE, "--nonce", nonce)
    demo.check("QR code picture", "valid", "card.png", "--challenge", challenge)
    demo.check("PDF", "valid", "paper.pdf")
    demo.check("presentation file", "valid", "presentation.ecert.json", *asked)
    demo.check("the same, one value changed", "tampered", tampered(demo), *asked)
    demo.check(
        "the same, shown to another verifier", "holder_not_proven", "presentation.ecert.json",
        "--audience", "https://elsewhere.example", "--nonce", nonce,
    )  # fmt: skip
    demo.check("something else", "unreadable", "-", stdin=b"not a certificate")


def offline(demo: Demo) -> None:
    """Take a snapshot and verify from it with no network."""
    print(f"    {demo.run('verifier', 'sync')}")
    nowhere = "http://127.0.0.1:9"
    demo.check("PDF, offline", "valid", "paper.pdf", "--offline", ECERT_RPC=nowhere)
    demo.check("file, offline", "valid", "paper.ecert.json", "--offline", ECERT_RPC=nowhere)


def revoke(demo: Demo, staff: Staff, document: str) -> None:
    """Revoke a document and see every form of it fail."""
    approver = staff[CITY][1]
    approver.post(f"/documents/{document}/revoke", {"reason": "demonstration"})
    demo.wait_for("revocation", lambda: demo.verdict("paper.ecert.json") == "revoked")
    demo.check("PDF of the revoked document", "revoked", "paper.pdf")
    demo.check("its wallet copy", "revoked", "presentation.ecert.json")
    demo.check("offline, before the next sync", "valid", "paper.pdf", "--offline")
    demo.run("verifier", "sync")
    demo.check("offline, after it", "revoked", "paper.pdf", "--offline")


def summary(demo: Demo) -> None:
    """Print each step with its time."""
    print(f"\n{styled(1, 'Summary')}")
    for number, (title, took, good) in enumerate(demo.steps, 1):
        print(f"  {'✔' if good else '✘'} {number:2} {title:58} {took:6.1f} s")
    print(f"  {'✔' if not demo.failures else '✘'} in all{'':55} {demo.seconds:6.1f} s")
    for failure in demo.failures:
        print(f"    not as expected: {failure}")


def main() -> int:
    """Run the demonstration; end what it started however it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("build/demo"))
    parser.add_argument("--once", action="store_true", help="end after the summary")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    end_on_signals()
    try:
        with alone(options.directory):
            return go(prepare(options.directory), once=options.once)
    except Stopped:
        print("\nStopped before the end.", file=sys.stderr)
        return 130


def go(demo: Demo, *, once: bool) -> int:
    """Go through all steps, then serve unless ``once``; return the exit code."""
    with demo.step("Make the registry: keys, chain, contracts, trust file"):
        token, origin = set_up(demo)
    with (
        chain_ended(demo.directory / "registry" / "chain"),
        demo.running("registry", "registry", "run"),
    ):
        with demo.step("Start chain, worker and web service; admit departments"):
            operator = Office(origin, token)
            demo.wait_for("the registry", operator.ready)
            staff = admit(demo, operator, origin)
        with demo.step("Import tables of five kinds, two rows of them wrong"):
            tables = make_tables(demo.directory / "tables")
            imports = import_tables(demo, staff, tables)
        with demo.step("Approve, sign, build trees, anchor, make final"):
            issue(demo, staff, imports, sum(table.good for table in tables.values()))
        with demo.step("Wallet and verifier pin the council's trust file"):
            rpc = demo.run("registry", "rpc")
            for program in ("wallet", "verifier"):
                demo.run(program, "--rpc", rpc, "trust", "registry/trust.json")
        with demo.step("A citizen claims two documents into a wallet"):
            chosen = claim(demo, staff, imports, origin)
        with demo.step("The citizen shows: presentation, card, paper"):
            nonce, challenge = show(demo, staff, chosen)
        with demo.step("A third party verifies, online"):
            verify(demo, nonce, challenge)
        with demo.step("A third party verifies, offline from a snapshot"):
            offline(demo)
        with demo.step("The department revokes one document"):
            revoke(demo, staff, chosen["resident-id"])
        summary(demo)
        if not once and not demo.failures:
            serve(demo, origin)
    return 1 if demo.failures else 0


def serve(demo: Demo, origin: str) -> None:
    """Serve the web pages until Ctrl-C."""
    port = free_port(8090)
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with demo.running("verifier-page", "verifier", "serve", "--port", str(port)):
        print(f"\n  Verifier page:        http://127.0.0.1:{port}/")
        print(f"  Registry's interface: {origin}/v1/openapi.json")
        print(f"  Files to try:         {demo.directory}/*.pdf, *.png, *.ecert.json")
        print("  Ctrl-C to stop")
        while not stop.wait(1):
            demo.require_running()


if __name__ == "__main__":
    sys.exit(main())
