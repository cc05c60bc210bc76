"""The world of ``make_verification.py``: keys, kinds, chain, trust file, documents, receipts.

Everything is fixed or derived, signatures are deterministic (RFC 6979): a run makes the same bytes.
"""

import hashlib
import json
from typing import Any

import make_cards
from cryptography.hazmat.primitives.asymmetric import ec
from sd_jwt_parts import (
    BIRTH,
    HEADER,
    ISSUER,
    NAME,
    NOW,
    OTHER,
    _key,
    bind,
    payload,
    sd_jwt,
)

from ecert import envelope
from ecert.encoding import canonical_json
from ecert.merkle import MerkleTree, leaf_hash
from ecert.signing import PublicKey, public_key_of

CHAIN_ID = 8_213_001
CONTRACTS = {
    name: bytes([n + 1]) * 20
    for n, name in enumerate(("departments", "anchors", "statuses", "view"))
}
CITY, POLICE, TAX = "440100", "440100.GA", "440100.SW"
ORIGIN = "https://registry.example"
KINDS = ("permit", "register", "urgent")
LEAVES = 11  # odd on several levels, so that a path skips some

Json = dict[str, Any]


class Deterministic:
    """A signer whose signatures are the same in every run."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key, self.public_key = key, public_key_of(key)

    def sign(self, data: bytes) -> bytes:
        return make_cards.sign(self._key, data)


COUNCIL = [Deterministic(_key(f"council {n}")) for n in range(3)]
NEXT_COUNCIL = [Deterministic(_key(f"next council {n}")) for n in range(3)]
OPERATOR, STRANGER = Deterministic(_key("operator")), Deterministic(_key("stranger"))


def kind(code: str, number: int, **changes: object) -> Json:
    """A kind's data file, as small as may be."""

    def names(text: str) -> Json:
        return {"zh": text, "en": text}

    def text(name: str, **rules: object) -> Json:
        return {"type": "string", "maxLength": 50, "x-names": names(name), **rules}

    properties = {
        "name": text("name", minLength=1),
        "birth_date": text("birth date", format="date", maxLength=10),
        "number": text("number", minLength=1),
        "certificate_identifier": text(
            "identifier", maxLength=160, format="certificate-identifier"
        ),
        "issuing_authority": text("authority", minLength=1),
        "issue_date": text("date of issue", format="date", maxLength=10),
        "points": {"type": "integer", "minimum": 0, "maximum": 12, "x-names": names("points")},
    }
    card = {"names": names("card"), "holder_key": True}
    over_18 = {"names": names("over 18"), "age_at_least": 18, "from": "birth_date"}
    return {
        "code": code,
        "number": number,
        "version": 1,
        "names": names(code),
        "type_code": {"value": f"11100000000013338W{number:03}", "sample": True},
        "issuer_kinds": ["PS"],
        "holder": "person",
        "subject": {"name": "name", "id": "number", "id_type": "099"},
        "issuer_adds": [],
        "validity": {"type": "permanent"},
        "claims": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "certificate_identifier", "issuing_authority", "issue_date"],
            "properties": properties,
        },
        "consistency": [],
        "sensitive": {"name": ["N"], "birth_date": ["D"], "certificate_identifier": ["I"]},
        "columns": {rules["x-names"]["zh"]: name for name, rules in properties.items()},
        "face": ["name"],
        "paper_card": "full",
        "cards": [
            {
                **card,
                "view": "full",
                "number": 1,
                "claims": {"name": 1, "birth_date": 2, "number": 3},
            },
            {
                **card,
                "view": "over18",
                "number": 2,
                "derive": {"over_18": over_18},
                "claims": {"over_18": 1},
            },
        ],
        "display": {"order": list(properties), "title": names("{name}")},
        "max_status_age": 86_400,
        "fresh_challenge": False,
    } | changes


CATALOGUE = [
    kind("permit", 1),
    kind("register", 2, holder="organisation"),
    kind("urgent", 3, fresh_challenge=True),
]


def key_json(key: PublicKey, *intervals: list[int | None], since: int | None = None) -> Json:
    return {
        "suite": 1,
        "x": "0x" + key.x.hex(),
        "y": "0x" + key.y.hex(),
        "intervals": list(intervals) or [[10, None]],
        "compromised_since": since,
    }


ISSUER_KEY, OTHER_KEY = public_key_of(ISSUER), public_key_of(OTHER)
ISSUER_ID, OTHER_ID = ISSUER_KEY.thumbprint.hex(), OTHER_KEY.thumbprint.hex()


def department(parent: str | None) -> Json:
    kinds = {name: [[5, None]] for name in KINDS}
    return {"admitted_at": 5, "parents": [[parent, 5]], "suspensions": [], "kinds": kinds}


CHAIN: Json = {
    "chain_id": CHAIN_ID,
    "block": 100,
    "time": NOW,
    "final_block": 100,
    "departments": {CITY: department(None), POLICE: department(CITY), TAX: department(CITY)},
    "keys": {POLICE: {ISSUER_ID: key_json(ISSUER_KEY)}, TAX: {OTHER_ID: key_json(OTHER_KEY)}},
    "anchors": {},
    "statuses": {},
    "revoked_digests": {},
    "revoked_roots": {},
}


def trust_content(**changes: Any) -> Json:
    catalogue = hashlib.sha256(canonical_json(CATALOGUE)).digest()
    names = {
        name: {"address": "0x" + address.hex(), "code_hash": "0x" + "00" * 32}
        for name, address in CONTRACTS.items()
    }
    return {
        "version": 5,
        "expires": NOW + 30 * 86_400,
        "council": [signer.public_key.jwk for signer in COUNCIL],
        "threshold": 2,
        "chain_id": CHAIN_ID,
        "genesis_hash": "0x" + "11" * 32,
        "engine": "anvil",
        "operators": [OPERATOR.public_key.jwk],
        "checkpoint": {
            "number": 20,
            "hash": "0x" + "22" * 32,
            "state_root": "0x" + "33" * 32,
            "validators": [],
        },
        "contracts": names,
        "catalogue_hash": "0x" + catalogue.hex(),
        "registries": [ORIGIN],
    } | changes


def trust(*signers: Deterministic, **changes: Any) -> str:
    chosen = signers or tuple(COUNCIL[:2])
    return envelope.seal("trust", trust_content(**changes), chosen).decode()


# -- documents


def token(*shown: str, key: Any = ISSUER, header: Any = None, **changes: Any) -> str:
    """An SD-JWT of kind ``permit``; a change to ``...`` leaves a claim out."""
    base = {
        "vct": "urn:ecert:permit:1",
        "dept": POLICE,
        "iat": NOW - 3600,
        "nbf": NOW - 3600,
        "exp": NOW + 86_400,
        "status": {"status_list": {"idx": 7, "uri": f"{ORIGIN}/v1/status/{POLICE}/1"}},
    }
    members = base | changes
    drop = tuple(name for name, value in members.items() if value is ...)
    disclosures = shown or (NAME, BIRTH)
    return sd_jwt(payload(*disclosures, drop=drop, **members), *disclosures, key=key, header=header)


def of_other(**changes: Any) -> str:
    """An SD-JWT that is rightly signed with the tax office's key."""
    return token(key=OTHER, header=HEADER | {"kid": OTHER_KEY.kid}, **changes)


def digest_of(text: str) -> bytes:
    return hashlib.sha256(text.partition("~")[0].rpartition(".")[0].encode()).digest()


def batch(digest: bytes, index: int = 6) -> list[bytes]:
    leaves = [hashlib.sha256(f"leaf {n}".encode()).digest() for n in range(LEAVES)]
    leaves[index] = digest
    return leaves


def receipt(digest: bytes, index: int = 6, **changes: Any) -> Json:
    tree = MerkleTree(map(leaf_hash, batch(digest, index)))
    return {
        "index": index,
        "size": len(tree),
        "path": ["0x" + node.hex() for node in tree.proof(index)],
        "root": "0x" + tree.root.hex(),
        "department": POLICE,
        "chain_id": CHAIN_ID,
        "contract": "0x" + CONTRACTS["anchors"].hex(),
        "block": 50,
    } | changes


def anchored(digest: bytes, department: str = POLICE, **changes: Any) -> Json:
    """The change to the chain by which a batch with ``digest`` is anchored."""
    anchor = {"time": NOW - 3590, "block": 50, "size": LEAVES} | changes
    return {"anchors": {department: {receipt(digest)["root"]: anchor}}}


def file(text: str, found: Json | None) -> str:
    value = {"format": "ecert/1", "presentation": text}
    return json.dumps(value if found is None else value | {"receipt": found}, separators=(",", ":"))


def shown(text: str) -> str:
    return bind(text)


# -- cards


def card(
    *, view: int = 1, holder: bool = True, number: int = 1, proof: Json | None = None, **own: Any
) -> tuple[str, bytes]:
    """A card with its receipt and, where ``proof`` is given, a holder's proof; and its digest."""
    claims = {1: "Sample", 2: 7305} if view == 1 else {1: True}
    members = {"dept": POLICE, "kind": number, "view": view, "status": [1, 8], "claims": claims}
    content = make_cards.claims({make_cards.ECERT: make_cards.own(**(members | own))})
    content |= {4: NOW + 86_400, 5: NOW - 3600, 6: NOW - 3600}
    if not holder:
        del content[8]
    encoded = make_cards.cbor_encode(content)
    signed = make_cards.sig_structure(make_cards.header(), encoded)
    digest = hashlib.sha256(signed).digest()
    found = receipt(digest)
    path = b"".join(bytes.fromhex(node[2:]) for node in found["path"])
    compact = [found["index"], found["size"], path, found["block"]]
    whole = make_cards.card(content, unprotected={make_cards.ECERT: compact})
    if proof is None:
        return make_cards.text(whole), digest
    made = make_cards.proof(over=digest, **proof)
    return make_cards.shown(made, whole), digest


def case(
    name: str, text: str, step: int, code: str, verdict: str, patch: Json | None = None, **own: Any
) -> Json:
    """One case; what it does not change is left out."""
    return control(name, text, patch, **own) | {"step": step, "code": code, "verdict": verdict}


def control(name: str, text: str, patch: Json | None = None, **own: Any) -> Json:
    """A document and circumstances under which it is valid."""
    given = {} if text == FILE else {"input": text}
    return {"name": name, **given, **({"patch": patch} if patch else {}), **own}


def whole(text: str, **anchor: Any) -> tuple[str, Json]:
    """A document's file with its receipt, and the change that anchors it."""
    digest = digest_of(text)
    return file(text, receipt(digest)), anchored(digest, **anchor)


GOOD = token()
D = digest_of(GOOD)
FILE = file(GOOD, receipt(D))
