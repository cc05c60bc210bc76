"""A document's whole way over HTTP, with the real wallet and verifier at the other end."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from api_world import OTHER, ApiWorld, claim_body, make_claim, upload
from registry_world import DEPARTMENT, table

from ecert import lookup
from ecert.checkpoint import Checkpoint
from ecert.client.http import Origin
from ecert.client.online import online_verifier
from ecert.client.registry import Registries, get_json
from ecert.document import MEDIA_TYPE, DocumentFile
from ecert.errors import UnavailableError
from ecert.kinds import Catalogue
from ecert.merkle import MerkleTree, leaf_hash
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from ecert.status import Status, StatusList
from ecert.trust import TrustStore
from ecert.verification import Verifier
from wallet import claims as wallet_claims

KIND = "resident-id"


@pytest.fixture(scope="module")
def public(api: ApiWorld) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


@pytest.fixture(scope="module")
def clerk(api: ApiWorld) -> Iterator[httpx.Client]:
    with api.client("clerk") as client:
        yield client


@pytest.fixture(scope="module")
def approver(api: ApiWorld) -> Iterator[httpx.Client]:
    with api.client("approver") as client:
        yield client


@pytest.fixture(scope="module")
def issued(api: ApiWorld) -> list[str]:
    return api.issue(4, seed=1)


@pytest.fixture
def registries(api: ApiWorld) -> Registries:
    return Registries([api.url])


def verifier_of(api: ApiWorld, registries: Registries) -> Verifier:
    """What a stranger has: the trust file and a node."""
    trust = TrustStore(registries.trust(), Catalogue.load(), now=datetime.now(UTC))
    rpc = api.registry.settings.rpc_url
    assert rpc is not None
    return online_verifier(trust, [rpc], registries)


def test_a_file_is_imported_approved_anchored_and_verified(
    api: ApiWorld, clerk: httpx.Client, approver: httpx.Client, registries: Registries
) -> None:
    answer = upload(clerk, 3, KIND, seed=40)
    job = answer.json()
    assert answer.status_code == 201
    assert (job["rows"], job["good"], job["bad"], job["errors"]) == (3, 3, 0, [])
    assert clerk.get(f"/v1/imports/{job['id']}").json() == job

    again = upload(clerk, 3, KIND, seed=40).json()
    assert (again["good"], again["known"]) == (0, 3)

    pending = clerk.get("/v1/documents", params={"import_id": job["id"]}).json()["documents"]
    assert [row["state"] for row in pending] == ["submitted"] * 3
    assert "claims" not in pending[0]

    approved = approver.post("/v1/documents/approve", json={"import_id": job["id"]})
    assert approved.json() == {"approved": 3}
    api.drain()
    document = clerk.get(f"/v1/documents/{pending[0]['id']}").json()
    assert document["state"] == "anchored"
    assert document["approved_by"] != document["created_by"]
    assert {artefact["form"] for artefact in document["artefacts"]} == {"sd-jwt", "card"}
    assert all(artefact["receipt"] for artefact in document["artefacts"])

    verifier = verifier_of(api, registries)
    for disclose, names in (("face", None), ("all", set(document["claims"]))):
        file = clerk.get(f"/v1/documents/{document['id']}/file", params={"disclose": disclose})
        assert file.headers["content-type"] == MEDIA_TYPE
        report = verifier.verify(file.content, now=datetime.now(UTC))
        assert report.verdict is Verdict.VALID
        assert report.subject is not None
        face = {name for name in Catalogue.load().kind(KIND).face if name in document["claims"]}
        assert set(report.subject.claims) == (names or face)


def test_all_errors_of_a_file_come_in_one_answer_and_good_rows_stay(clerk: httpx.Client) -> None:
    lines = table(KIND, 4, seed=41).decode("utf-8-sig").splitlines()
    broken = [lines[0], lines[1], lines[2].replace(lines[2][-3:], "???"), "one,cell", lines[4]]
    files = {"file": ("errors.csv", "\r\n".join(broken).encode(), "text/csv")}
    job = clerk.post("/v1/imports", files=files, data={"kind": KIND}).json()
    assert (job["rows"], job["good"], job["bad"]) == (4, 2, 2)
    assert {error["row"] for error in job["errors"]} == {3, 4}
    assert all(error["zh"] and error["en"] and error["code"] for error in job["errors"])


def test_one_application_goes_through_its_states(
    clerk: httpx.Client, approver: httpx.Client, issued: list[str]
) -> None:
    claims = clerk.get(f"/v1/documents/{issued[0]}").json()["claims"]
    claims = {k: v for k, v in claims.items() if k != "certificate_identifier"}
    body = {"kind": KIND, "claims": claims}
    same = clerk.post("/v1/documents", json=body)
    assert (same.status_code, same.json()["code"]) == (409, "document_exists")

    body["claims"]["address"] += "1号"
    made = clerk.post("/v1/documents", json=body)
    assert (made.status_code, made.json()["state"]) == (201, "draft")
    path = f"/v1/documents/{made.json()['id']}"

    early = approver.post(f"{path}/approve")
    assert (early.status_code, early.json()["code"]) == (409, "document_state")
    assert clerk.post(f"{path}/submit").json()["state"] == "submitted"
    assert clerk.post(f"{path}/approve").status_code == 403
    refused = approver.post(f"{path}/reject", json={"reason": "Entered twice"}).json()
    assert (refused["state"], refused["reason"]) == ("rejected", "Entered twice")

    body["claims"]["birth_date"] = "1990-02-30"
    wrong = clerk.post("/v1/documents", json=body)
    assert wrong.status_code == 422
    assert wrong.json()["code"].startswith("claim_")


def test_a_wallet_claims_a_document_and_it_is_delivered(
    api: ApiWorld, clerk: httpx.Client, issued: list[str], registries: Registries
) -> None:
    document = issued[1]
    code = clerk.post(f"/v1/documents/{document}/claim-code").json()["code"]
    pending = wallet_claims.redeem(wallet_claims.prepare(api.url, code, Catalogue.load()))
    assert wallet_claims.fetch(pending) is None
    api.drain()
    artefacts = wallet_claims.fetch(pending)
    assert artefacts is not None
    assert [a.view for a in artefacts] == ["", "full", "over18"]
    verifier = verifier_of(api, registries)
    file = DocumentFile(artefacts[0].text, artefacts[0].receipt).to_bytes()
    report = verifier.verify(file, now=datetime.now(UTC))
    assert report.steps[3].outcome.value == "passed"
    assert clerk.get(f"/v1/documents/{document}").json()["state"] == "delivered"
    assert len(wallet_claims.fetch(pending) or ()) == 3  # also when asked again

    used = httpx.post(f"{api.url}/v1/claims/kind", json={"code": code}, trust_env=False)
    assert (used.status_code, used.json()["code"]) == (404, "claim_code_unknown")


def test_a_refused_claim_counts_as_a_try(
    api: ApiWorld, clerk: httpx.Client, public: httpx.Client, issued: list[str]
) -> None:
    """The request fails, and yet what it changed is kept."""
    code = clerk.post(f"/v1/documents/{issued[2]}/claim-code").json()["code"]
    jwk = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}
    body = {"code": code, "holder": {"jwk": jwk, "proof": "A" * 86}, "cards": []}
    for _ in range(api.registry.settings.claim_code_attempts):
        assert public.post("/v1/claims/kind", json={"code": code}).status_code == 200
        refused = public.post("/v1/claims", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "claim_keys_invalid")
    ended = public.post("/v1/claims", json=body)
    assert (ended.status_code, ended.json()["code"]) == (404, "claim_code_unknown")


def test_a_wallet_that_missed_the_answer_asks_again_with_the_same_keys(
    api: ApiWorld, public: httpx.Client, clerk: httpx.Client
) -> None:
    document, *_ = api.issue(1, seed=43)
    code = clerk.post(f"/v1/documents/{document}/claim-code").json()["code"]
    keys = {"": SoftwareSigner.generate(), "over18": SoftwareSigner.generate()}
    body = claim_body(api.url, code, keys)
    first = public.post("/v1/claims", json=body).json()
    again = public.post("/v1/claims", json=body).json()
    assert again["id"] == first["id"]
    for secret, status in ((first["secret"], 401), (again["secret"], 200)):
        headers = {"authorization": f"Bearer {secret}"}
        answer = public.get(f"/v1/claims/{first['id']}", headers=headers)
        assert answer.status_code == status
    assert len(answer.json()["artefacts"]) == 2

    fewer = claim_body(api.url, code, {"": keys[""]})
    others = claim_body(api.url, code, keys | {"over18": SoftwareSigner.generate()})
    unproven = json.loads(json.dumps(body))
    unproven["holder"]["proof"] = unproven["cards"][0]["proof"]
    for wrong in (fewer, others, unproven):
        assert public.post("/v1/claims", json=wrong).json()["code"] == "claim_code_unknown"

    api.drain()
    assert public.get(f"/v1/claims/{first['id']}", headers=headers).json()["complete"]
    delivered = public.post("/v1/claims", json=body)
    assert delivered.json()["code"] == "claim_code_unknown"


def test_a_claim_is_shown_to_whoever_has_its_secret_only(
    api: ApiWorld, clerk: httpx.Client, public: httpx.Client, issued: list[str]
) -> None:
    code = clerk.post(f"/v1/documents/{issued[2]}/claim-code").json()["code"]
    made = make_claim(public, api.url, code)
    path = f"/v1/claims/{made.id}"
    for headers in ({}, {"authorization": f"Bearer {made.secret[:-2]}xx"}):
        refused = public.get(path, headers=headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    other = f"/v1/claims/{'0' * 32}"
    unknown = public.get(other, headers=made.headers)
    assert unknown.json() == public.get(path, headers=headers).json()


def test_the_pdf_leads_to_its_ciphertext_and_the_ciphertext_to_the_document(
    clerk: httpx.Client, issued: list[str], registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[lookup.Sealed] = []
    seal = lookup.seal
    monkeypatch.setattr(lookup, "seal", lambda data: sealed.append(seal(data)) or sealed[-1])
    pdf = clerk.get(f"/v1/documents/{issued[3]}/pdf")
    assert pdf.status_code == 200
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    [entry] = sealed
    origin = str(clerk.base_url).rstrip("/")
    url = lookup.parse_url(lookup.url_of(origin, entry))
    opened = lookup.open_(registries.sealed(url), url.id, url.key)
    face = clerk.get(f"/v1/documents/{issued[3]}/file").content
    assert opened == face
    assert entry.key.encode() not in pdf.content


def test_revocation_shows_in_list_and_verdict(
    api: ApiWorld,
    clerk: httpx.Client,
    approver: httpx.Client,
    public: httpx.Client,
    registries: Registries,
) -> None:
    document, *_ = api.issue(1, seed=42)
    file = clerk.get(f"/v1/documents/{document}/file").content
    entry = clerk.get(f"/v1/documents/{document}").json()["artefacts"][0]
    verifier, path = verifier_of(api, registries), f"/v1/documents/{document}"
    list_path = f"/v1/status/{DEPARTMENT}/{entry['status_list']}"

    for act, verdict, value in (
        ("suspend", Verdict.SUSPENDED, Status.SUSPENDED),
        ("reinstate", Verdict.VALID, Status.VALID),
        ("revoke", Verdict.REVOKED, Status.REVOKED),
    ):
        changed = approver.post(f"{path}/{act}", json={"reason": "For a test"})
        assert changed.status_code == 200
        api.drain()
        assert verifier.verify(file, now=datetime.now(UTC)).verdict is verdict
        published = public.get(list_path).json()
        encoded = published["status_list"]
        assert StatusList.decode(encoded["bits"], encoded["lst"])[entry["status_index"]] == value
        assert published["sub"] == f"{api.url}{list_path}"
    again = approver.post(f"{path}/reinstate", json={"reason": "A change of mind"})
    assert (again.status_code, again.json()["code"]) == (409, "document_revoked")


def test_a_status_list_is_not_sent_twice(public: httpx.Client, issued: list[str]) -> None:
    assert issued
    path = f"/v1/status/{DEPARTMENT}/0"
    first = public.get(path)
    assert first.headers["cache-control"] == "public, max-age=60"
    second = public.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")
    assert public.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_published_leaves_rebuild_every_tree(
    public: httpx.Client, api: ApiWorld, issued: list[str]
) -> None:
    assert issued
    after, seen = 0, []
    while True:
        page = public.get("/v1/leaves", params={"after": after, "limit": 1}).json()
        seen += page["batches"]
        if page["next"] is None:
            break
        after = page["next"]
    assert len(seen) >= 2
    assert [batch["sequence"] for batch in seen] == sorted({b["sequence"] for b in seen})
    for batch in seen:
        leaves = [bytes.fromhex(leaf[2:]) for leaf in batch["leaves"]]
        assert len(leaves) == batch["size"] >= api.registry.settings.batch_minimum
        assert "0x" + MerkleTree(map(leaf_hash, leaves)).root.hex() == batch["root"]
        assert public.get(f"/v1/batches/{batch['department']}/{batch['root']}").json() == batch
    assert public.get(f"/v1/batches/{OTHER}/{seen[0]['root']}").status_code == 404


def test_receipts_are_found_without_telling_the_digest(
    public: httpx.Client, clerk: httpx.Client, issued: list[str], registries: Registries
) -> None:
    artefact = clerk.get(f"/v1/documents/{issued[0]}").json()["artefacts"][0]
    digest = bytes.fromhex(artefact["digest"][2:])
    receipt = registries.receipt(digest)
    assert receipt is not None
    assert receipt.to_json() == artefact["receipt"]
    receipt.check_inclusion(digest)
    assert registries.receipt(hashlib.sha256(digest).digest()) is None

    longest = public.get("/v1/receipts/longest-prefix").json()["bits"]
    told = public.get("/v1/receipts", params={"bits": 64, "prefix": digest[:8].hex()})
    assert (told.status_code, told.json()["code"]) == (422, "prefix_too_long")
    assert told.json()["details"]["longest"] == longest


def test_checkpoint_trust_and_kinds_are_what_was_signed(
    api: ApiWorld, public: httpx.Client, registries: Registries
) -> None:
    trust = TrustStore(registries.trust(), Catalogue.load(), now=datetime.now(UTC))
    checkpoint = Checkpoint.verify(registries.checkpoint(), trust.file.operators)
    assert checkpoint.number >= trust.file.checkpoint.number
    kinds = public.get("/v1/kinds").json()
    assert kinds["hash"] == "0x" + trust.file.catalogue_hash.hex()
    assert KIND in {kind["code"] for kind in kinds["kinds"]}
    path = api.registry.settings.directory / "trust.json"
    kept = path.read_bytes()
    path.unlink()
    missing = public.get("/v1/trust")
    path.write_bytes(kept)
    assert (missing.status_code, missing.json()["code"]) == (404, "trust_file_missing")


def test_documents_are_paged_and_counted(clerk: httpx.Client, issued: list[str]) -> None:
    ids, after = [], ""
    while True:
        page = clerk.get("/v1/documents", params={"after": after, "limit": 2}).json()
        ids += [row["id"] for row in page["documents"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert ids == sorted(set(ids))
    assert set(issued) <= set(ids)
    counts = clerk.get("/v1/documents/counts").json()
    assert sum(counts["counts"].values()) == len(ids)
    anchored = clerk.get("/v1/documents", params={"state": "anchored", "limit": 500}).json()
    assert len(anchored["documents"]) == counts["counts"]["anchored"]


def test_a_registry_that_wallets_reach_speaks_as_their_client_expects(api: ApiWorld) -> None:
    """A problem's own sentences reach the wallet's user."""
    with pytest.raises(UnavailableError) as caught:
        get_json(Origin(api.url), f"/v1/claims/{'0' * 32}", token="x")
    assert caught.value.code == "registry_refused"
    assert "claim" in str(caught.value.details["en"])
