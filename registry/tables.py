"""All tables, imported once so that their metadata is whole."""

from sqlmodel import SQLModel

from registry.access.models import Officer
from registry.audit.models import AuditEntry
from registry.batches.models import Batch
from registry.claims.models import Claim, ClaimCode
from registry.departments.models import (
    Account,
    Department,
    KeystoreHeader,
    KindGrant,
    SigningKey,
)
from registry.documents.models import Artefact, DocumentRecord, ImportJob
from registry.lookups.models import LookupEntry
from registry.outbox.models import (
    ChainCheckpoint,
    ChainDeployment,
    ChainDuty,
    Transaction,
    WorkerState,
)
from registry.restored.models import HeldDocument, LostRoot
from registry.status.models import StatusChange, StatusList
from registry.trust.models import PublishedTrust

METADATA = SQLModel.metadata

__all__ = [
    "METADATA",
    "Account",
    "Artefact",
    "AuditEntry",
    "Batch",
    "ChainCheckpoint",
    "ChainDeployment",
    "ChainDuty",
    "Claim",
    "ClaimCode",
    "Department",
    "DocumentRecord",
    "HeldDocument",
    "ImportJob",
    "KeystoreHeader",
    "KindGrant",
    "LookupEntry",
    "LostRoot",
    "Officer",
    "PublishedTrust",
    "SigningKey",
    "StatusChange",
    "StatusList",
    "Transaction",
    "WorkerState",
]
