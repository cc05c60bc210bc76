"""What anybody may ask, and wallets."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ecert.claiming import MAX_CARD_KEYS
from ecert.fields import hex_text
from registry.api.schemas.common import (
    EXAMPLE_DEPARTMENT,
    EXAMPLE_HASH,
    EXAMPLE_ID,
    EXAMPLE_TIME,
    Answer,
    ReceiptAnswer,
    Request,
    example,
)
from registry.batches.models import Batch
from registry.batches.service import Lookup, digests_of

_CODE = "7K3QF-9XW2M-4TB8R-HN5PC"
_JWK = {"kty": "EC", "crv": "P-256", "x": "<32 bytes, base64url>", "y": "<32 bytes, base64url>"}


class HealthAnswer(Answer):
    """Whether the service and what it stands on are there."""

    status: Literal["ok", "degraded", "unavailable"]
    database: bool
    chain: bool
    """Whether a node of the chain answers."""
    stalled: bool
    """Whether the chain's validators make no blocks, as far as its nodes know."""
    worker: bool
    clock: bool
    """Whether this machine's clock can be right."""
    disk: bool
    """Whether there is as much room as there should be."""
    block: int | None
    """The newest final block."""

    model_config = Answer.model_config | example(
        status="ok",
        database=True,
        chain=True,
        stalled=False,
        worker=True,
        clock=True,
        disk=True,
        block=120,
    )


class LiveAnswer(Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ViewAnswer(Answer):
    """A card of a kind."""

    view: str
    names: dict[str, str]
    holder_key: bool


class KindAnswer(Answer):
    """A kind of certificate."""

    code: str
    number: int
    version: int
    vct: str
    names: dict[str, str]
    issuer_kinds: list[str]
    holder: str
    cards: list[ViewAnswer]
    claims: dict[str, Any]
    """The JSON Schema of its claims."""


class KindList(Answer):
    """All kinds, with the hash that pins them."""

    hash: str
    kinds: list[KindAnswer]


class StatusListAnswer(Answer):
    """The content of a Token Status List (draft-ietf-oauth-status-list section 4.2).

    Not signed: for software that has no chain to ask. Verifiers of this project read the chain.
    """

    sub: str
    iat: int
    ttl: int
    status_list: dict[str, int | str]

    model_config = Answer.model_config | example(
        sub=f"https://registry.example/v1/status/{EXAMPLE_DEPARTMENT}/0",
        iat=EXAMPLE_TIME,
        ttl=60,
        status_list={"bits": 2, "lst": "eNrbuRgAAhcBXQ"},
    )


class BatchAnswer(Answer):
    """An anchored batch with its leaves, padding among them."""

    sequence: int
    department: str
    root: str
    size: int
    block: int
    anchor_time: int | None
    leaves: list[str]

    model_config = Answer.model_config | example(
        sequence=1,
        department=EXAMPLE_DEPARTMENT,
        root=EXAMPLE_HASH,
        size=64,
        block=120,
        anchor_time=EXAMPLE_TIME,
        leaves=[EXAMPLE_HASH],
    )

    @classmethod
    def of(cls, batch: Batch) -> "BatchAnswer":
        """Return the answer for a final batch."""
        return cls.model_construct(
            sequence=batch.sequence,
            department=batch.department,
            root=hex_text(batch.root),
            size=batch.size,
            block=batch.block,
            anchor_time=batch.anchor_time,
            leaves=[hex_text(digest) for digest in digests_of(batch)],
        )


class BatchPage(Answer):
    """Batches in the order in which they became final."""

    batches: list[BatchAnswer]
    next: int | None
    """What to give as ``after`` for those that follow; None at the end."""


class PrefixAnswer(Answer):
    """How many bits of a digest may be told."""

    bits: int

    model_config = Answer.model_config | example(bits=3)


class FoundReceipt(Answer):
    """A digest with its receipt."""

    digest: str
    receipt: ReceiptAnswer


class LookupAnswer(Answer):
    """The receipts of all digests that begin alike."""

    bits: int
    receipts: list[FoundReceipt]

    @classmethod
    def of(cls, lookup: Lookup) -> "LookupAnswer":
        """Return the answer to a prefix."""
        return cls.model_construct(
            bits=lookup.bits,
            receipts=[
                FoundReceipt.model_construct(
                    digest=hex_text(digest), receipt=ReceiptAnswer.of(receipt)
                )
                for digest, receipt in lookup.receipts
            ],
        )


class CodeRequest(Request):
    """A claim code, as typed."""

    code: Annotated[str, Field(max_length=80)]

    model_config = Request.model_config | example(code=_CODE)


class CodeKindAnswer(Answer):
    """What a claim code is for."""

    kind: str
    version: int

    model_config = Answer.model_config | example(kind="resident-id", version=1)


class OfferedKeyRequest(Request):
    """A key of the wallet with its proof of possession."""

    jwk: dict[str, Any]
    proof: Annotated[str, Field(max_length=100)]

    model_config = Request.model_config | example(jwk=_JWK, proof="<64 bytes, base64url>")


class OfferedCardRequest(OfferedKeyRequest):
    """A one-time key for a card."""

    view: Annotated[str, Field(max_length=32)]

    model_config = Request.model_config | example(
        view="over18", jwk=_JWK, proof="<64 bytes, base64url>"
    )


class ClaimRequest(Request):
    """A claim code answered with keys."""

    code: Annotated[str, Field(max_length=80)]
    holder: OfferedKeyRequest
    cards: Annotated[
        list[OfferedCardRequest], Field(default_factory=list, max_length=MAX_CARD_KEYS)
    ]

    model_config = Request.model_config | example(
        code=_CODE,
        holder={"jwk": _JWK, "proof": "<64 bytes, base64url>"},
        cards=[{"view": "over18", "jwk": _JWK, "proof": "<64 bytes, base64url>"}],
    )


class ClaimMadeAnswer(Answer):
    """A claim; its secret is shown this once."""

    id: str
    secret: str

    model_config = Answer.model_config | example(
        id=EXAMPLE_ID,
        secret="<43 characters, shown this once>",  # noqa: S106
    )


class ClaimedArtefactAnswer(Answer):
    """One artefact for the wallet."""

    form: str
    view: str | None
    text: str
    receipt: ReceiptAnswer | None


class ClaimAnswer(Answer):
    """A claim's artefacts; ``complete`` when all have receipts."""

    id: str
    kind: str
    complete: bool
    artefacts: list[ClaimedArtefactAnswer]

    model_config = Answer.model_config | example(
        id=EXAMPLE_ID,
        kind="resident-id",
        complete=False,
        artefacts=[
            {"form": "sd-jwt", "view": None, "text": "<SD-JWT>", "receipt": None},
            {"form": "card", "view": "over18", "text": "EC1:…", "receipt": None},
        ],
    )


class ClaimCodeAnswer(Answer):
    """A one-time code, shown this once."""

    code: str
    expires_at: int

    model_config = Answer.model_config | example(code=_CODE, expires_at=EXAMPLE_TIME)
