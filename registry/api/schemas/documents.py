"""Documents and imports."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ecert.fields import hex_text
from ecert.receipt import Receipt
from ecert.status import Status
from registry.api.schemas.common import (
    EXAMPLE_DEPARTMENT,
    EXAMPLE_HASH,
    EXAMPLE_ID,
    EXAMPLE_TIME,
    Answer,
    Code,
    Id,
    KindCode,
    ReceiptAnswer,
    Request,
    Text,
    example,
)
from registry.documents.models import Artefact, DocumentRecord, DocumentState, ImportJob
from registry.documents.service import MAX_IDS

StatusName = Literal["valid", "revoked", "suspended"]
_NAMES: dict[int, StatusName] = {
    Status.VALID: "valid",
    Status.REVOKED: "revoked",
    Status.SUSPENDED: "suspended",
}
_SUMMARY: dict[str, Any] = {
    "id": EXAMPLE_ID,
    "department": EXAMPLE_DEPARTMENT,
    "kind": "no-criminal-record",
    "kind_version": 1,
    "certificate_identifier": None,
    "state": "anchored",
    "status": "valid",
    "reason": None,
    "created_by": "019aa1b2c3d4e5f60718293a4b5c6d00",
    "approved_by": "019aa1b2c3d4e5f60718293a4b5c6d01",
    "import_id": None,
    "row_number": None,
    "issued_at": EXAMPLE_TIME,
    "valid_until": EXAMPLE_TIME + 90 * 86400,
    "created_at": EXAMPLE_TIME - 60,
    "updated_at": EXAMPLE_TIME,
}
_RECEIPT: dict[str, Any] = {
    "index": 5,
    "size": 64,
    "path": [EXAMPLE_HASH] * 6,
    "root": EXAMPLE_HASH,
    "department": EXAMPLE_DEPARTMENT,
    "chain_id": 50331648,
    "contract": "0x" + "c0" * 20,
    "block": 120,
}


class DocumentRequest(Request):
    """One application."""

    department: Code | None = None
    """The officer's own when not given."""
    kind: KindCode
    claims: dict[str, Any]

    model_config = Request.model_config | example(
        kind="no-criminal-record",
        claims={
            "certificate_number": "沪公证（2026）000001",
            "name": "样例甲",
            "id_number": "11010519491231002X",
            "query_from": "2006-01-01",
            "query_until": "2026-03-01",
            "result": "无犯罪记录",
            "purpose": "就业",
            "issuing_authority": "示例市公安局",
            "issue_date": "2026-03-01",
        },
    )


class ReasonRequest(Request):
    """Why an officer does this; for the registry's own record."""

    reason: Text

    model_config = Request.model_config | example(reason="Entered twice")


class ApproveRequest(Request):
    """Documents to approve: by their ids, or all submitted ones of an import."""

    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS)] | None = None
    import_id: Id | None = None

    model_config = Request.model_config | example(import_id=EXAMPLE_ID)

    @model_validator(mode="after")
    def _one_of_both(self) -> "ApproveRequest":
        if (self.ids is None) == (self.import_id is None):
            raise ValueError("give either ids or import_id")
        return self


class ApprovedAnswer(Answer):
    """How many documents were approved."""

    approved: int


class DocumentSummary(Answer):
    """A document without its content."""

    id: str
    department: str
    kind: str
    kind_version: int
    certificate_identifier: str | None
    state: DocumentState
    status: StatusName
    reason: str | None
    created_by: str
    approved_by: str | None
    import_id: str | None
    row_number: int | None
    issued_at: int | None
    valid_until: int | None
    created_at: int
    updated_at: int

    model_config = Answer.model_config | example(**_SUMMARY)

    @classmethod
    def of(cls, row: DocumentRecord) -> "DocumentSummary":
        """Return the answer for a document."""
        return cls(**summary_of(row))


class ArtefactAnswer(Answer):
    """One signed thing of a document; what was signed is in the document's file."""

    id: str
    form: str
    view: str | None
    state: str
    digest: str
    status_list: int | None
    status_index: int | None
    holder_bound: bool
    issued_at: int
    receipt: ReceiptAnswer | None

    @classmethod
    def of(cls, artefact: Artefact, receipt: Receipt | None) -> "ArtefactAnswer":
        """Return the answer for an artefact."""
        return cls(
            id=artefact.id,
            form=artefact.form.value,
            view=artefact.view,
            state=artefact.state.value,
            digest=hex_text(artefact.digest),
            status_list=artefact.status_list,
            status_index=artefact.status_index,
            holder_bound=artefact.holder_kid is not None,
            issued_at=artefact.iat,
            receipt=None if receipt is None else ReceiptAnswer.of(receipt),
        )


class DocumentAnswer(DocumentSummary):
    """A document with its content and artefacts."""

    claims: dict[str, Any]
    artefacts: list[ArtefactAnswer]

    model_config = Answer.model_config | example(
        **_SUMMARY,
        claims={"name": "样例甲", "result": "无犯罪记录"},
        artefacts=[
            {
                "id": EXAMPLE_ID,
                "form": "sd-jwt",
                "view": None,
                "state": "anchored",
                "digest": EXAMPLE_HASH,
                "status_list": 0,
                "status_index": 71234,
                "holder_bound": False,
                "issued_at": EXAMPLE_TIME,
                "receipt": _RECEIPT,
            }
        ],
    )


class DocumentPage(Answer):
    """Documents in order of age."""

    documents: list[DocumentSummary]
    next: str | None
    """What to give as ``after`` for those that follow; None at the end."""


class CountsAnswer(Answer):
    """How many documents of a department are in each state."""

    department: str
    counts: dict[DocumentState, int]

    model_config = Answer.model_config | example(
        department=EXAMPLE_DEPARTMENT, counts={"submitted": 12, "anchored": 240}
    )


class ImportProblemAnswer(Answer):
    """Something wrong in one place of a file."""

    row: int
    column: str
    code: str
    zh: str
    en: str


class ImportAnswer(Answer):
    """A file of applications, with all that was wrong in it."""

    id: str
    department: str
    kind: str
    filename: str
    officer: str
    rows: int
    good: int
    known: int
    bad: int
    errors: list[ImportProblemAnswer]
    errors_total: int
    created_at: int
    reading: bool = Field(
        description="Its file is not read to the end: it cannot be approved as a whole."
    )

    model_config = Answer.model_config | example(
        id=EXAMPLE_ID,
        department=EXAMPLE_DEPARTMENT,
        kind="no-criminal-record",
        filename="march.csv",
        officer="019aa1b2c3d4e5f60718293a4b5c6d00",
        rows=200,
        good=198,
        known=1,
        bad=1,
        errors=[
            {
                "row": 17,
                "column": "id_number",
                "code": "resident_id_check",
                "zh": "第17行：身份证号的校验位不符。",
                "en": "Row 17: the check character of the resident ID number is wrong.",
            }
        ],
        errors_total=1,
        created_at=EXAMPLE_TIME,
        reading=False,
    )

    @classmethod
    def of(cls, job: ImportJob) -> "ImportAnswer":
        """Return the answer for an import."""
        return cls.model_validate(job)


def summary_of(row: DocumentRecord) -> dict[str, Any]:
    """Return the members of a summary."""
    members = {name: getattr(row, name) for name in DocumentSummary.model_fields}
    members["status"] = _NAMES[row.status]
    return members
