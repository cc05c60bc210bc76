"""A small world in memory: a council, a department, a chain that answers queries.

``World`` implements ``FactSource`` and ``ReceiptSource`` as a node and a registry would; the rules
under test are the real ones.
"""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ecert import card, sd_jwt
from ecert.artefact import card_view
from ecert.authority import DepartmentRecord, Interval, KeyRecord, Parent
from ecert.document import DocumentFile
from ecert.encoding import b64url_encode
from ecert.errors import UnavailableError
from ecert.facts import Anchor, Basis, Facts, Query, StatusReference
from ecert.kinds.catalogue import Catalogue
from ecert.receipt import Receipt, receipts_of
from ecert.signing import PublicKey, Signer, SoftwareSigner
from ecert.status import uri_of
from ecert.trust import Contract, PinnedBlock, TrustFile, TrustStore
from ecert.verification import Verifier

CHAIN_ID = 8_213_001
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ORIGIN = "https://registry.example"
ANCHORS = bytes([0xA1]) * 20
POLICE = "11350100003605390Q"
CITY = "11350000003591037R"
RESIDENT = {
    "name": "林晓雨",
    "sex": "女",
    "ethnicity": "汉",
    "birth_date": "1949-12-31",
    "address": "福建省福州市鼓楼区东街1号",
    "id_number": "11010519491231002X",
    "issuing_authority": "福州市公安局",
    "issue_date": "2020-05-06",
    "certificate_identifier": "1.2.156.3005.2."
    "11100000000013338W011.11430000006122244L.20230000403.001.U",
}

SEALED = PinnedBlock(0, bytes(32), bytes(32), validators=(b"\x01" * 20,))
"""A checkpoint of a network with one validator."""


@dataclass
class World:
    """Everything that a verification touches, each part open to a test's hand."""

    now: datetime = NOW
    council: SoftwareSigner = field(default_factory=SoftwareSigner.generate)
    signer: Signer = field(default_factory=SoftwareSigner.generate)
    block: int = 100
    final_block: int = 100
    as_of: int | None = None
    keys: dict[tuple[str, bytes], KeyRecord] = field(default_factory=dict)
    departments: dict[str, DepartmentRecord] = field(default_factory=dict)
    kinds: dict[tuple[str, str], tuple[Interval, ...]] = field(default_factory=dict)
    anchors: dict[tuple[str, bytes], Anchor] = field(default_factory=dict)
    statuses: dict[tuple[str, int, int], int] = field(default_factory=dict)
    revoked: set[bytes] = field(default_factory=set)
    receipts: dict[bytes, Receipt] = field(default_factory=dict)
    down: bool = False
    queries: int = 0

    def __post_init__(self) -> None:
        self.catalogue = Catalogue.load()
        for code, parent in ((CITY, None), (POLICE, CITY)):
            self.departments[code] = DepartmentRecord(code, 5, (Parent(parent, 5),))
            for kind in self.catalogue:
                self.kinds[code, kind.code] = (Interval(5),)
        self.register(POLICE, self.signer.public_key)

    def register(self, department: str, key: PublicKey, *intervals: Interval) -> None:
        record = KeyRecord(key.suite.chain, key.x, key.y or bytes(32), intervals or (Interval(10),))
        self.keys[department, key.thumbprint] = record

    def trust_file(self, **changes: Any) -> TrustFile:
        names = ("departments", "anchors", "statuses", "view")
        file = TrustFile(
            version=1,
            expires=int((self.now + timedelta(days=30)).timestamp()),
            council=(self.council.public_key,),
            threshold=1,
            chain_id=CHAIN_ID,
            genesis_hash=bytes(32),
            engine="anvil",
            operators=(),
            checkpoint=PinnedBlock(0, bytes(32), bytes(32)),
            contracts={
                name: Contract(ANCHORS if name == "anchors" else bytes([i]) * 20, bytes(32))
                for i, name in enumerate(names)
            },
            catalogue_hash=self.catalogue.hash,
        )
        return replace(file, **changes)

    def verifier(self, *, lookup: bool = False) -> Verifier:
        trust = TrustStore(self.trust_file().sign([self.council]), self.catalogue, now=self.now)
        return Verifier(trust, self, receipts=self if lookup else None)

    # -- FactSource and ReceiptSource

    def facts(self, query: Query) -> Facts:
        self.queries += 1
        if self.down:
            raise UnavailableError("rpc_unreachable", origin="node", reason="down")
        lineage: dict[str, DepartmentRecord] = {}
        code: str | None = query.department
        while code is not None and code in self.departments:
            intervals = self.kinds.get((code, query.kind), ())
            lineage[code] = replace(self.departments[code], kind=intervals)
            code = self.departments[code].parent_at(self.block)
        entry = (query.department, query.status.list, query.status.index)
        return Facts(
            chain_id=CHAIN_ID,
            block=self.block,
            time=int(self.now.timestamp()) if self.as_of is None else self.as_of,
            final_block=self.final_block,
            anchor=self.anchors.get((query.department, query.root or b"")),
            key=self.keys.get((query.department, query.key_id)),
            lineage=lineage,
            status=self.statuses.get(entry, 0),
            digest_revoked=query.digest in self.revoked,
            root_revoked=(query.root or b"-") in self.revoked,
            basis=Basis.NODE,
        )

    def receipt(self, digest: bytes) -> Receipt | None:
        if self.down:
            raise UnavailableError("registry_unreachable", origin="registry", reason="down")
        return self.receipts.get(digest)

    # -- the issuer's side

    def issue(
        self,
        claims: dict[str, Any] | None = None,
        *,
        holder: PublicKey | None = None,
        kind: str = "resident-id",
        index: int = 7,
        clear: dict[str, Any] | None = None,
        signer: Signer | None = None,
    ) -> sd_jwt.IssuedSdJwt:
        iat = int(self.now.timestamp()) - 600
        always: dict[str, Any] = {
            "iss": ORIGIN,
            "dept": POLICE,
            "vct": self.catalogue.kind(kind).vct,
            "iat": iat,
            "nbf": iat,
            "exp": iat + 86400 * 365,
            "status": {"status_list": {"idx": index, "uri": uri_of(ORIGIN, POLICE, 1)}},
            "jti": b64url_encode(secrets.token_bytes(16)),
        }
        if holder is not None:
            always["cnf"] = {"jwk": holder.jwk}
        always |= clear or {}
        always = {name: value for name, value in always.items() if value is not None}
        return sd_jwt.issue(
            always,
            disclosable=RESIDENT if claims is None else claims,
            signer=signer or self.signer,
        )

    def issue_card(
        self, view: str = "over18", *, holder: PublicKey | None, index: int = 8
    ) -> card.IssuedCard:
        kind = self.catalogue.kind("resident-id")
        chosen = kind.card(view)
        codec = card_view(kind, chosen)
        claims: dict[str, Any] = {}
        for name in chosen.keys:
            if name in chosen.derived:
                claims[name] = chosen.derived[name].value(RESIDENT, self.now.date())
            elif name in RESIDENT:
                claims[name] = RESIDENT[name]
        iat = int(self.now.timestamp()) - 600
        content = card.CardContent(
            dept=POLICE,
            kind=kind.number,
            version=kind.version,
            view=chosen.number,
            claims=codec.to_numbers(claims),
            status=StatusReference(1, index),
            iat=iat,
            nbf=iat,
            exp=iat + 86400 * 30,
            holder=holder,
        )
        return card.issue(content, signer=self.signer)

    def anchor(self, *digests: bytes, department: str = POLICE, block: int = 50) -> list[Receipt]:
        """Anchor a batch of the digests and 61 others."""
        batch = [*digests, *(secrets.token_bytes(32) for _ in range(61))]
        made = receipts_of(
            batch, department=department, chain_id=CHAIN_ID, contract=ANCHORS, block=block
        )
        time = int(self.now.timestamp()) - 590
        self.anchors[department, made[0].root] = Anchor(time, block, len(batch))
        self.receipts |= dict(zip(batch, made, strict=True))
        return made[: len(digests)]

    def file(self, presentation: str, receipt: Receipt | None) -> bytes:
        return DocumentFile(presentation, receipt).to_bytes()
