"""What a chain knows that a database restored from a backup does not.

The restored database may think a document valid that was revoked since, would give out status
entries a second time, and would sign again what people have in their hands: all is set right from
the chain's log before anything is signed.
"""

import logging

from ecert.chain.node import Header
from registry.adoption.departments import adopt_departments
from registry.adoption.findings import find
from registry.adoption.rediscovery import rediscover, take_up
from registry.adoption.roots import adopt_roots
from registry.adoption.statuses import adopt_statuses
from registry.application import Registry
from registry.audit.service import AuditTrail
from registry.outbox.checkpoints import keep_checkpoint
from registry.outbox.models import ChainCheckpoint
from registry.outbox.sight import Sight
from registry.status.lists import leave_lists

ACTION = "registry.restored"
"""How the audit trail names what was taken over."""

_log = logging.getLogger(__name__)


def adopt_unknown(registry: Registry, sight: Sight, final: Header) -> int:
    """Take over what happened on the chain up to block ``final`` and is not in the database.

    Returns:
        How many documents have another status than the database knew.

    Raises:
        UnavailableError: Chain or database do not answer.
    """
    context = registry.context
    with registry.database.reading() as session:
        known = session.get(ChainCheckpoint, 1)
    since, taken = (0, 0) if known is None else (known.number, known.time)
    _log.warning("the chain is ahead of the database, as after a restore: adopting what it has")
    deployment = context.contracts.deployment
    findings = find(sight, deployment, since=since, last=final.number)
    with registry.database.reading() as session:
        found = rediscover(session, sight, findings.blocks)
    now = context.clock()
    with registry.database.transaction() as session:
        audit = AuditTrail(session, context.clock)
        sent = take_up(session, context, sight, found)
        leave_lists(session, seconds=now - taken, used=findings.lists)
        changed = adopt_statuses(session, findings, now)
        adopt_departments(session, findings, audit)
        lost = adopt_roots(session, findings, now)
        audit.record(
            None, ACTION, str(final.number), documents=changed, transactions=sent, roots=lost
        )
        # Part of the same transaction: after a crash nothing is taken over twice.
        keep_checkpoint(session, context, final)
    if lost:
        _log.warning("%d anchored roots are lost: see registry restored", lost)
    return changed
