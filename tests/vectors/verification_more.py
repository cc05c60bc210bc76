"""Trust files, checkpoints and status lists for ``make_verification.py``."""

import json
import zlib
from typing import Any

from sd_jwt_parts import NOW, b64
from verification_parts import (
    CHAIN_ID,
    COUNCIL,
    NEXT_COUNCIL,
    OPERATOR,
    STRANGER,
    Deterministic,
    Json,
    trust,
    trust_content,
)

from ecert import envelope

OPERATORS = [OPERATOR.public_key.jwk]


def trust_files() -> list[Json]:
    """Trust files that nobody may be given, and those that may not follow the pinned one."""

    def refused(name: str, text: str, code: str, **own: Any) -> Json:
        return {"name": name, "input": text, **own, "code": code}

    def content(name: str, code: str = "field_malformed", **changes: Any) -> Json:
        return refused(name, trust(**changes), code)

    def follows(name: str, text: str, code: str) -> Json:
        return refused(f"after the pinned one: {name}", text, code, pinned=trust())

    few, one, good = "signed_by_too_few", COUNCIL[0], trust()
    pin = trust_content()["checkpoint"]
    return [
        refused("expired", trust(expires=NOW), "trust_expired"),
        refused("expired in 1970", trust(expires=0), "trust_expired"),
        refused("unsigned", envelope.seal("trust", trust_content(), []).decode(), few),
        refused("signed by too few", trust(one), few),
        refused("one key signs twice", trust(one, one), few),
        refused("signed by a stranger as well", trust(one, STRANGER), few),
        refused("signed by strangers", trust(STRANGER, OPERATOR), few),
        refused("signed for another purpose", _sealed("checkpoint"), few),
        refused("a key's name under another's signature", _renamed(), few),
        refused("changed after signing", good.replace('"version":5', '"version":6'), few),
        refused(
            "later expiry after signing",
            good.replace(str(NOW + 2_592_000), str(NOW + 9_999_999)),
            few,
        ),
        refused("no envelope", "{}", "envelope_malformed"),
        refused("an array", "[]", "envelope_malformed"),
        refused("a member beside", good[:-1] + ',"note":1}', "envelope_malformed"),
        refused("65 signatures", trust(*[one] * 65), "envelope_malformed"),
        refused("two contents", good[:-1] + ',"signed":{}}', "json_duplicate_key"),
        refused("nested too deep", '{"signed":' + '{"a":' * 16 + "1" + "}" * 17, "json_too_deep"),
        refused("not JSON", good[1:], "json_malformed"),
        content("version zero", version=0),
        refused(
            "version with a fraction",
            good.replace('"version":5', '"version":5.0'),
            "field_malformed",
        ),
        content("no threshold", threshold=0),
        content("threshold over the council", threshold=4),
        content("one member twice in the council", council=[one.public_key.jwk] * 3),
        content("no council", council=[], threshold=1),
        content("an unknown engine", engine="geth"),
        content("a foreign member", departments=[]),
        content("another catalogue", "catalogue_not_pinned", catalogue_hash="0x" + "00" * 32),
        follows("an older version", trust(version=4), "trust_rollback"),
        follows("another of the same version", trust(expires=NOW + 86_400), "trust_rollback"),
        follows(
            "an older checkpoint",
            trust(version=6, checkpoint=pin | {"number": 19}),
            "trust_rollback",
        ),
        follows(
            "another block of the checkpoint's number",
            trust(version=6, checkpoint=pin | {"hash": "0x" + "44" * 32}),
            "trust_other_chain",
        ),
        follows("another chain", trust(version=6, chain_id=1), "trust_other_chain"),
        follows(
            "another genesis", trust(version=6, genesis_hash="0x" + "55" * 32), "trust_other_chain"
        ),
        follows("a new council without the old", _rotated(*NEXT_COUNCIL), few),
        follows("the old council without the new", _rotated(*COUNCIL), few),
        follows("too few of the old", _rotated(one, *NEXT_COUNCIL), few),
        follows("expired", trust(version=6, expires=NOW), "trust_expired"),
    ]


def _rotated(*signers: Deterministic) -> str:
    council = [signer.public_key.jwk for signer in NEXT_COUNCIL]
    return trust(*signers, version=6, council=council)


def _sealed(purpose: str) -> str:
    return envelope.seal(purpose, trust_content(), COUNCIL).decode()


def _renamed() -> str:
    """One member's signature under two members' names."""
    once = json.loads(trust(COUNCIL[0]))
    (entry,) = once["signatures"]
    once["signatures"].append(entry | {"kid": COUNCIL[1].public_key.kid})
    return json.dumps(once)


def checkpoints() -> list[Json]:
    content = {
        "chain_id": CHAIN_ID,
        "number": 100,
        "hash": "0x" + "66" * 32,
        "state_root": "0x" + "77" * 32,
        "time": NOW,
    }

    def refused(name: str, code: str, *signers: Deterministic, **changes: Any) -> Json:
        signed = content | changes
        text = envelope.seal("checkpoint", signed, signers or (OPERATOR,)).decode()
        return {"name": name, "input": text, "code": code}

    few = "signed_by_too_few"
    good = envelope.seal("checkpoint", content, [OPERATOR]).decode()
    unsigned = envelope.seal("checkpoint", content, []).decode()
    as_trust = envelope.seal("trust", content, [OPERATOR]).decode()
    return [
        {"name": "unsigned", "input": unsigned, "code": few},
        refused("signed by a stranger", few, STRANGER),
        {"name": "signed for another purpose", "input": as_trust, "code": few},
        {"name": "a block moved", "input": good.replace(":100,", ":101,"), "code": few},
        refused("no chain", "field_malformed", chain_id=0),
        refused("before the first block", "field_malformed", number=-1),
        refused("a short hash", "field_malformed", hash="0x66"),
        refused("time as text", "field_malformed", time="now"),
        refused("a time that no calendar has", "field_malformed", time=1 << 50),
        refused("a foreign member", "field_malformed", final=True),
        {"name": "over the limit", "input": " " * 4097 + good, "code": "too_large"},
    ]


def status_lists() -> list[Json]:
    def refused(name: str, lst: str, code: str = "status_list_malformed", bits: int = 2) -> Json:
        return {"name": name, "bits": bits, "lst": lst, "code": code}

    entries = bytes(32_768)
    packed = zlib.compress(entries, 9)
    return [
        refused("bomb of 16 MiB", b64(zlib.compress(bytes(1 << 24), 9))),
        refused("one byte over the limit", b64(zlib.compress(bytes((1 << 20) + 1), 9))),
        refused("cut short", b64(packed[:-1])),
        refused("wrong checksum", b64(packed[:-1] + bytes([packed[-1] ^ 1]))),
        refused("bytes after the end", b64(packed + b"\0")),
        refused("two streams", b64(packed + packed)),
        refused("gzip", b64(b"\x1f\x8b" + packed)),
        refused("not compressed", b64(entries[:64])),
        refused("nothing", ""),
        refused("not base64url", "====", "base64url_malformed"),
        refused("three bits", b64(packed), bits=3),
        refused("no bits", b64(packed), bits=0),
        refused("bits below zero", b64(packed), bits=-2),
    ]
