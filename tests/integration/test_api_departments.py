"""Departments, forged artefacts and officers over HTTP."""

import json

from api_world import ApiWorld
from registry_world import DEPARTMENT

KIND = "resident-id"


def test_departments_are_admitted_with_keys_and_kinds(api: ApiWorld) -> None:
    code = "11440300000000000N"
    body = {"code": code, "name": "Third office", "kind": "PS", "kinds": [KIND]}
    with api.client("operator") as operator, api.client("custodian") as custodian:
        made = operator.post("/v1/departments", json=body)
        assert (made.status_code, made.json()["state"]) == (201, "requested")
        twice = operator.post("/v1/departments", json=body)
        assert (twice.status_code, twice.json()["code"]) == (409, "department_exists")
        api.drain()
        details = operator.get(f"/v1/departments/{code}").json()
        assert details["state"] == "admitted"
        assert [key["state"] for key in details["keys"]] == ["registered"]
        assert details["kinds"] == [{"kind": KIND, "state": "granted"}]
        assert code in {d["code"] for d in operator.get("/v1/departments").json()["departments"]}

        granted = operator.post(f"/v1/departments/{code}/kinds", json={"kind": "drivers-licence"})
        assert granted.status_code == 201
        assert operator.delete(f"/v1/departments/{code}/kinds/{KIND}").status_code == 204
        assert operator.post(f"/v1/departments/{code}/suspend").json()["state"] == "suspended"
        api.drain()
        assert operator.post(f"/v1/departments/{code}/lift").status_code == 200
        api.drain()
        assert operator.get(f"/v1/departments/{code}").json()["state"] == "admitted"

        key = custodian.post(f"/v1/departments/{DEPARTMENT}/keys", json={"suite": "EdDSA"})
        assert (key.status_code, key.json()["jwk"]["crv"]) == (201, "Ed25519")
        api.drain()
        ended = custodian.post(f"/v1/keys/{key.json()['kid']}/withdraw", json={})
        assert ended.json()["state"] == "withdrawn"
        api.drain()


def test_what_a_forger_made_is_revoked_by_digest(api: ApiWorld) -> None:
    body = {"target": "digest", "hash": "0x" + "ab" * 32, "reason": "A stolen key"}
    with api.client("custodian") as custodian, api.client("other-custodian") as other:
        made = custodian.post(f"/v1/departments/{DEPARTMENT}/revocations", json=body)
        assert (made.status_code, made.json()["state"]) == (201, "requested")
        path = f"/v1/changes/{made.json()['id']}"
        api.drain()
        assert custodian.get(path).json() == made.json() | {"state": "final"}
        assert other.get(path).json()["code"] == "change_unknown"
        assert other.get("/v1/changes/999999").json()["code"] == "change_unknown"


def test_officers_are_added_renewed_and_disabled(api: ApiWorld) -> None:
    body = {"department": DEPARTMENT, "label": "Counter 3", "roles": ["clerk"]}
    with api.client("operator") as operator, api.client() as anybody:
        made = operator.post("/v1/officers", json=body).json()
        first = {"authorization": f"Bearer {made['token']}"}
        me = anybody.get("/v1/me", headers=first).json()
        assert me == {"id": made["id"], "department": DEPARTMENT, "roles": ["clerk"]}
        renewed = operator.post(f"/v1/officers/{made['id']}/token").json()["token"]
        assert anybody.get("/v1/me", headers=first).status_code == 401
        second = {"authorization": f"Bearer {renewed}"}
        assert anybody.get("/v1/me", headers=second).status_code == 200
        assert operator.delete(f"/v1/officers/{made['id']}").status_code == 204
        assert anybody.get("/v1/me", headers=second).status_code == 401
        listed = {row["id"]: row for row in operator.get("/v1/officers").json()["officers"]}
        assert listed[made["id"]]["disabled_at"] is not None
        assert "token" not in json.dumps(listed)
        nowhere = operator.post("/v1/officers", json=body | {"department": "NOWHERE"})
        assert nowhere.json()["code"] == "department_unknown_here"
