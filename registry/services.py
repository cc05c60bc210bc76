"""All services of one transaction."""

from functools import cached_property, partial

from sqlmodel import Session

from registry.access.service import OfficerService
from registry.audit.service import AuditTrail
from registry.batches.service import BatchService
from registry.claims.service import ClaimService
from registry.context import Context
from registry.departments.keys import KeyService
from registry.departments.orders import Orders
from registry.departments.service import DepartmentService
from registry.documents.importing import ImportService
from registry.documents.renewal import renew_unsent
from registry.documents.service import DocumentService
from registry.lookups.service import LookupService
from registry.outbox.service import Outbox
from registry.restored.service import RestoredService
from registry.status.service import StatusService


class Services:
    """What the HTTP API and the command line call; nothing here commits.

    Args:
        session: The transaction to work in, from ``Database.transaction`` or ``reading``.
        context: What the process shares.
    """

    def __init__(self, session: Session, context: Context) -> None:
        self.session = session
        self.context = context

    @cached_property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        return AuditTrail(self.session, self.context.clock)

    @cached_property
    def officers(self) -> OfficerService:
        """Officers and their credentials."""
        return OfficerService(self.session, self.audit, self.context.clock)

    @cached_property
    def outbox(self) -> Outbox:
        """Queued contract calls."""
        return Outbox(self.session, self.context.clock)

    @cached_property
    def keys(self) -> KeyService:
        """Signing keys and accounts."""
        return KeyService(self.session, self.context.keystore)

    @cached_property
    def orders(self) -> Orders:
        """What is ordered of the council."""
        return Orders(self.session, self.context, self.audit, self.outbox)

    @cached_property
    def departments(self) -> DepartmentService:
        """Departments."""
        return DepartmentService(
            self.session,
            self.context,
            self.audit,
            self.outbox,
            on_key_end=partial(renew_unsent, self.session, self.context),
        )

    @cached_property
    def documents(self) -> DocumentService:
        """Applications and documents."""
        return DocumentService(self.session, self.context, self.departments, self.audit)

    @cached_property
    def imports(self) -> ImportService:
        """Files of applications."""
        return ImportService(self.session, self.context, self.documents, self.audit)

    @cached_property
    def statuses(self) -> StatusService:
        """Suspension and revocation."""
        return StatusService(self.session, self.context, self.departments, self.audit)

    @cached_property
    def restored(self) -> RestoredService:
        """What a restore lost and holds."""
        return RestoredService(
            self.session, self.context, self.departments, self.statuses, self.audit
        )

    @cached_property
    def batches(self) -> BatchService:
        """Receipts and published leaves."""
        return BatchService(self.session, self.context)

    @cached_property
    def claims(self) -> ClaimService:
        """Claim codes and claims."""
        return ClaimService(self.session, self.context, self.batches, self.audit)

    @cached_property
    def lookups(self) -> LookupService:
        """Ciphertexts of printed look-up codes."""
        return LookupService(self.session, self.context.clock)
