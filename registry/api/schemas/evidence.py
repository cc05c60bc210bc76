"""What is asked to prove a document."""

from pydantic import Field

from ecert import limits
from ecert.facts import Query, StatusReference
from registry.api.schemas.common import (
    EXAMPLE_DEPARTMENT,
    EXAMPLE_HASH,
    Code,
    Hash,
    KindCode,
    Request,
    example,
    hash_of,
)

_MAX_LIST = (1 << 31) - 1


class ProofRequest(Request):
    """What must be known of the chain to verify one document."""

    department: Code
    key: Hash
    """Thumbprint of the key that signed (RFC 7638)."""
    kind: KindCode
    digest: Hash
    """SHA-256 over the signed bytes."""
    root: Hash
    """The root that the document's receipt leads to."""
    list: int = Field(ge=0, le=_MAX_LIST)
    """The status list that the document names."""
    index: int = Field(ge=0, le=limits.MAX_STATUS_INDEX)
    """Its entry there."""

    model_config = Request.model_config | example(
        department=EXAMPLE_DEPARTMENT,
        key=EXAMPLE_HASH,
        kind="drivers-licence",
        digest=EXAMPLE_HASH,
        root=EXAMPLE_HASH,
        list=0,
        index=77,
    )

    def query(self) -> Query:
        """Return it as the chain is asked."""
        return Query(
            department=self.department,
            key_id=hash_of(self.key),
            kind=self.kind,
            digest=hash_of(self.digest),
            root=hash_of(self.root),
            status=StatusReference(self.list, self.index),
        )
