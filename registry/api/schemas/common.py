"""What schemas of several domains share."""

from typing import Annotated, Any, TypeAlias

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, StringConstraints

from ecert.receipt import Receipt
from registry.documents.delivery import Disclosed
from registry.documents.service import MAX_PAGE
from registry.errors import RequestError

ID_PATTERN = r"^[0-9a-f]{32}$"
CODE_PATTERN = r"^[0-9A-Za-z.\-]{1,20}$"
KIND_PATTERN = r"^[0-9A-Za-z.\-]{1,32}$"
HASH_PATTERN = r"^0x[0-9a-f]{64}$"
_PLAIN = r"^[^\x00-\x1f\x7f]*$"

EXAMPLE_ID = "019aa1b2c3d4e5f60718293a4b5c6d7e"
EXAMPLE_DEPARTMENT = "11430000006122244L"
EXAMPLE_HASH = "0x" + "5f" * 32
EXAMPLE_TIME = 1795300000
MAX_INTEGER = (1 << 63) - 1

Id: TypeAlias = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Code: TypeAlias = Annotated[str, StringConstraints(pattern=CODE_PATTERN)]
KindCode: TypeAlias = Annotated[str, StringConstraints(pattern=KIND_PATTERN)]
Hash: TypeAlias = Annotated[str, StringConstraints(pattern=HASH_PATTERN)]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PLAIN)]

IdPath = Annotated[str, Path(pattern=ID_PATTERN, description="The id, 32 hexadecimal digits.")]
CodePath = Annotated[str, Path(pattern=CODE_PATTERN, description="The department's code.")]
KindPath = Annotated[str, Path(pattern=KIND_PATTERN, description="The kind's code.")]
AfterId = Annotated[
    str, Query(pattern=r"^([0-9a-f]{32})?$", description="The last id already known.")
]
AfterNumber = Annotated[int, Query(ge=0, le=MAX_INTEGER, description="The last one already known.")]
DiscloseQuery = Annotated[Disclosed, Query(description="The claims of the paper form, or all.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Entries at most.")]


class Request(BaseModel):
    """A request's body: members that are not named are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Answer(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)


class ReceiptAnswer(Answer):
    """Where a digest stands in an anchored tree."""

    index: int
    size: int
    path: list[str]
    root: str
    department: str
    chain_id: int
    contract: str
    block: int

    @classmethod
    def of(cls, receipt: Receipt) -> "ReceiptAnswer":
        """Return the answer for a receipt."""
        return cls.model_construct(**receipt.to_json())


class Problem(BaseModel):
    """A problem (RFC 9457): ``code`` is stable, ``zh`` and ``en`` are for people."""

    type: str
    title: str
    status: int
    code: str
    zh: str
    en: str
    details: dict[str, Any]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:ecert:error:document_unknown",
                    "title": "Not Found",
                    "status": 404,
                    "code": "document_unknown",
                    "zh": "没有编号为 019aa1b2c3d4e5f60718293a4b5c6d7e 的证照，或您无权查看。",
                    "en": "There is no document with this id, or you may not see it.",
                    "details": {"id": EXAMPLE_ID},
                }
            ]
        }
    )


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong.",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
}
"""For ``responses`` of every route."""


def example(**members: Any) -> ConfigDict:
    """Return the configuration of a schema with an example."""
    return ConfigDict(json_schema_extra={"examples": [members]})


def hash_of(text: str) -> bytes:
    """Return the bytes of a ``Hash``."""
    return bytes.fromhex(text[2:])


def own_department(named: str | None, own: str | None) -> str:
    """Return the department that a request names, else the officer's own.

    Raises:
        RequestError: ``department_needed`` when there is neither.
    """
    department = named or own
    if department is None:
        raise RequestError("department_needed")
    return department
