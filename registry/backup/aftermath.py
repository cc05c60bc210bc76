"""What must not come back with a backup, whatever happened since it was made.

Nobody knows any more which officers were disabled since, which codes were used, and which status
entries given out. So all tokens and open codes end, and new status lists are opened under numbers
that cannot have been used. The rest is found on the chain when the worker starts
(``registry.outbox.adoption``).
"""

import sqlalchemy as sa
from sqlmodel import Session, col

from registry.access.service import OfficerService
from registry.audit.service import AuditTrail
from registry.backup.manifest import Head
from registry.claims.models import ClaimCode
from registry.clock import Clock
from registry.database import Database
from registry.status.lists import leave_lists

ACTION = "registry.restore"
"""How the audit trail names a restore."""


def begin_again(database: Database, head: Head, clock: Clock, *, last_state: bool) -> str | None:
    """Leave status lists, end tokens and codes; return an operator's new token.

    Args:
        database: As it was in the backup.
        head: What the backup said of itself.
        clock: The time.
        last_state: Whether nothing happened since: tokens and codes stay good then.
    """
    now = clock()
    with database.transaction() as session:
        leave_lists(session, seconds=now - head.made_at)
        audit = AuditTrail(session, clock)
        audit.record(None, ACTION, str(head.made_at), block=head.final_block, last_state=last_state)
        if last_state:
            return None
        _end_codes(session, now)
        return OfficerService(session, audit, clock).start_afresh()


def _end_codes(session: Session, now: int) -> None:
    """End open claim codes: one that was used since the backup would be good a second time."""
    session.execute(
        sa.update(ClaimCode)
        .where(col(ClaimCode.used_at).is_(None), col(ClaimCode.expires_at) > now)
        .values(expires_at=now)
    )
