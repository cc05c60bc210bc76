"""What leaves the registry with personal data in it is in the audit trail, with who took it."""

from api_world import ApiWorld


def test_files_and_prints_name_who_took_them(api: ApiWorld) -> None:
    [document] = api.issue(1, seed=71)
    with api.client("clerk") as clerk:
        me = clerk.get("/v1/me").json()["id"]
        for path in ("file", "file?disclose=all", "pdf"):
            assert clerk.get(f"/v1/documents/{document}/{path}").status_code == 200
    with api.client("other-clerk") as other:
        assert other.get(f"/v1/documents/{document}/pdf").status_code == 404
    with api.client("auditor") as auditor:
        entries = auditor.get("/v1/audit", params={"limit": 500}).json()["entries"]
    taken = [(e["action"], e["officer"]) for e in entries if e["subject"] == document]
    assert taken == [
        ("document.export", me),
        ("document.export", me),
        ("document.print", me),
    ]
    with api.registry.reading() as services:
        assert services.audit.check() == len(entries)
