"""What a chain knows that a database restored from a backup does not.

The restored database may think a document valid that was revoked since, and would give out status
entries a second time: both are set right from the chain's log before anything is signed.
"""

import logging
import secrets

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.chain.codes import department_text
from ecert.chain.events import StatusChanged, decode_log
from ecert.status import Status
from registry.application import Registry
from registry.audit.service import AuditTrail
from registry.chain.deploy import Deployment
from registry.departments.models import Department
from registry.documents.models import Artefact, DocumentRecord
from registry.outbox.sight import Sight
from registry.status.models import StatusList

SKIPPED_LISTS = 64
"""Numbers left out after a restore: more lists than fill up between two backups."""

_STATUSES = "statuses"
_log = logging.getLogger(__name__)


def adopt_unknown(registry: Registry, sight: Sight, last: int) -> int:
    """Take over what happened on the chain up to block ``last`` and is not in the database.

    Returns:
        How many documents have another status than the database knew.

    Raises:
        UnavailableError: Chain or database do not answer.
    """
    _log.warning("the chain is ahead of the database, as after a restore: adopting its statuses")
    deployment = registry.context.contracts.deployment
    entries = _entries(sight, deployment, last)
    changed = 0
    with registry.database.transaction() as session:
        _leave_lists(session)
        for (department, number, index), status in entries.items():
            changed += _adopt(session, department, number, index, status)
        AuditTrail(session, registry.context.clock).record(
            None, "registry.restored", str(last), documents=changed
        )
    return changed


def _entries(sight: Sight, deployment: Deployment, last: int) -> dict[tuple[str, int, int], Status]:
    """Return every entry that was ever set, as it is at block ``last``."""
    address = bytes.fromhex(deployment.contracts["StatusRegistry"].address[2:])
    entries: dict[tuple[str, int, int], Status] = {}
    for log in sight.nodes.logs([address], deployment.first_block, last):
        event = decode_log(log, _STATUSES)
        if isinstance(event, StatusChanged):
            department = department_text(event.department)
            for index in event.indices:
                entries[department, event.list, index] = Status(event.status)
    return entries


def _leave_lists(session: Session) -> None:
    """Open new lists under numbers that were never used, instead of the ones begun.

    The entries that the backup does not know belong to documents in people's hands.
    """
    newest = dict(
        session.exec(
            select(StatusList.department, sa.func.max(StatusList.number)).group_by(
                col(StatusList.department)
            )
        ).all()
    )
    for code in session.exec(select(Department.code)):
        number = newest.get(code, 0) + SKIPPED_LISTS
        session.add(StatusList(department=code, number=number, seed=secrets.token_bytes(32)))
    session.flush()


def _adopt(session: Session, department: str, number: int, index: int, status: Status) -> int:
    document = session.exec(
        select(DocumentRecord)
        .join(Artefact, col(Artefact.document_id) == col(DocumentRecord.id))
        .where(
            col(Artefact.department) == department,
            col(Artefact.status_list) == number,
            col(Artefact.status_index) == index,
        )
    ).first()
    # Something stricter that the database still wants is on its way.
    if document is None or document.status in (status, Status.REVOKED):
        return 0
    document.status = int(status)
    if status == Status.REVOKED:
        document.fingerprint = None
    session.add(document)
    return 1
