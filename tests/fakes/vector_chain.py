"""The chain that a vector describes, as a source of facts and receipts."""

from typing import Any

from ecert.authority import DepartmentRecord, Interval, KeyRecord, Parent
from ecert.facts import Anchor, Basis, Facts, Query
from ecert.receipt import Receipt


def merged(value: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result


class VectorChain:
    """Answers from a vector's ``chain``, and with the receipts that it lists."""

    def __init__(self, chain: dict[str, Any], receipts: list[dict[str, Any]]) -> None:
        self._chain = chain
        self._receipts = {found["digest"]: found["receipt"] for found in receipts}

    def facts(self, query: Query) -> Facts:
        chain, code = self._chain, query.department
        root = "0x" + query.root.hex() if query.root else ""
        digest = "0x" + query.digest.hex()
        entry = f"{query.status.list}/{query.status.index}"
        anchor = chain["anchors"].get(code, {}).get(root)
        key = chain["keys"].get(code, {}).get(query.key_id.hex())
        return Facts(
            chain_id=chain["chain_id"],
            block=chain["block"],
            time=chain["time"],
            final_block=chain["final_block"],
            anchor=None if anchor is None else Anchor(**anchor),
            key=None if key is None else _key(key),
            lineage=self._lineage(query, anchor["block"] if anchor else chain["block"]),
            status=chain["statuses"].get(code, {}).get(entry, 0),
            digest_revoked=digest in chain["revoked_digests"].get(code, []),
            root_revoked=root in chain["revoked_roots"].get(code, []),
            basis=Basis.NODE,
        )

    def receipt(self, digest: bytes) -> Receipt | None:
        found = self._receipts.get("0x" + digest.hex())
        return None if found is None else Receipt.from_json(found)

    def _lineage(self, query: Query, block: int) -> dict[str, DepartmentRecord]:
        records: dict[str, DepartmentRecord] = {}
        code: str | None = query.department
        while code is not None and code not in records and code in self._chain["departments"]:
            found = self._chain["departments"][code]
            records[code] = DepartmentRecord(
                code,
                found["admitted_at"],
                tuple(Parent(above, since) for above, since in found["parents"]),
                _intervals(found["suspensions"]),
                _intervals(found["kinds"].get(query.kind, [])),
            )
            code = records[code].parent_at(block)
        return records


def _key(value: dict[str, Any]) -> KeyRecord:
    return KeyRecord(
        value["suite"],
        bytes.fromhex(value["x"][2:]),
        bytes.fromhex(value["y"][2:]),
        _intervals(value["intervals"]),
        value.get("compromised_since"),
    )


def _intervals(values: list[list[Any]]) -> tuple[Interval, ...]:
    return tuple(Interval(start, end) for start, end in values)
