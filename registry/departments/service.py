"""Setting departments up: rows here, acts on the chain through the outbox."""

from collections.abc import Callable, Collection, Sequence

from sqlmodel import Session, col, select

from ecert import limits
from ecert.encoding import code_bytes
from ecert.errors import IdentifierError
from ecert.identifiers import check_issuer
from ecert.signing import ES256, Suite
from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.service import AuditTrail
from registry.chain.calls import COUNCIL
from registry.chain.calls import Role as ChainRole
from registry.context import Context
from registry.departments.keys import KeyService, hold_keys, public_key_of
from registry.departments.models import (
    AccountPurpose,
    Department,
    DepartmentState,
    GrantState,
    KeyPurpose,
    KeyState,
    KindGrant,
    SigningKey,
)
from registry.departments.orders import Orders
from registry.errors import ConflictError, NotFoundError, RequestError
from registry.outbox.models import LIVE_STATES, Purpose
from registry.outbox.service import Outbox

_MAX_NAME_CHARS = 100


class DepartmentService:
    """Admits departments, registers their keys, grants kinds, suspends.

    Args:
        session: The transaction to work in.
        context: What the process shares.
        audit: Where acts are recorded.
        outbox: Where contract calls are queued.
        on_key_end: Told a department whose key is no longer used: what it signed and is not on
            its way to the chain must be signed anew.
    """

    def __init__(
        self,
        session: Session,
        context: Context,
        audit: AuditTrail,
        outbox: Outbox,
        on_key_end: Callable[[str], None],
    ) -> None:
        self._session = session
        self._context = context
        self._calls = context.contracts.departments
        self._audit = audit
        self._outbox = outbox
        self._on_key_end = on_key_end
        self._keys = KeyService(session, context.keystore)
        self._orders = Orders(session, context, audit, outbox)

    def admit(
        self,
        actor: Actor,
        *,
        code: str,
        name: str,
        kind: str,
        kinds: Collection[str],
        parent: str | None = None,
        suite: Suite = ES256,
    ) -> Department:
        """Admit a department with accounts and a signing key; it may issue once that is final.

        Args:
            actor: An operator for a top-level department, else a custodian of ``parent``.
            code: 1 to 20 characters; a unified social credit code in real use.
            name: What it is called.
            kind: Its sort, which decides the kinds of document it may issue, e.g. ``PS``.
            kinds: Codes of the kinds of document it is to issue.
            parent: The department it stands under; None for the council.
            suite: Of its signing key.

        Raises:
            ForbiddenError: The actor may not.
            MalformedError: ``text_not_ascii_code``.
            RequestError: ``department_name_invalid``, ``kind_of_other_department``,
                ``department_code_no_issuer``.
            KindError: ``kind_unknown``.
            ConflictError: ``department_exists``, ``department_not_admitted`` (the parent).
        """
        if parent is None:
            actor.require(Role.OPERATOR)
        else:
            actor.require(Role.CUSTODIAN, parent)
            self.admitted(parent)
        code_bytes(code, 20, where="department.code")
        code_bytes(kind, 32, where="department.kind")
        if not 0 < len(name.strip()) <= _MAX_NAME_CHARS:
            raise RequestError("department_name_invalid", limit=_MAX_NAME_CHARS)
        wanted = sorted(set(kinds))
        for wanted_kind in wanted:
            self._check_kind(wanted_kind, kind, code)
        row = self._new(code)
        row.name, row.kind, row.parent_code = name.strip(), kind, parent
        row.state = DepartmentState.REQUESTED
        self._session.add(row)
        self._session.flush()
        accounts = {
            purpose: self._keys.own_account(code, purpose).address
            for purpose in (AccountPurpose.ADMIN, AccountPurpose.ANCHOR, AccountPurpose.STATUS)
        }
        call = self._calls.admit(
            parent,
            code,
            department_kind=kind,
            name=row.name,
            kinds=wanted,
            admin=accounts[AccountPurpose.ADMIN],
        )
        admitted = self._orders.act(parent, call, Purpose.ADMIT)
        row.transaction_id = admitted
        for wanted_kind in wanted:
            self._session.merge(
                KindGrant(department=code, kind=wanted_kind, transaction_id=admitted)
            )
        ready = admitted
        for purpose, role in (
            (AccountPurpose.ANCHOR, ChainRole.ANCHOR),
            (AccountPurpose.STATUS, ChainRole.STATUS),
        ):
            grant = self._calls.grant_role(code, code, role, accounts[purpose])
            ready = self._outbox.queue(
                accounts[AccountPurpose.ADMIN], grant, Purpose.ROLE, after=admitted
            )
        # Last, so that a department whose key is registered can anchor.
        self._register(code, suite, after=ready)
        self._audit.record(actor, "department.admit", code, department=code, kinds=wanted)
        return row

    def register_key(self, actor: Actor, code: str, suite: Suite = ES256) -> SigningKey:
        """Make a further signing key, used for new documents once it is on the chain.

        Raises:
            ForbiddenError: The actor is no custodian of the department.
            NotFoundError: ``department_unknown_here``.
            ConflictError: ``department_not_admitted``.
        """
        actor.require(Role.CUSTODIAN, code)
        self.admitted(code)
        key = self._register(code, suite, after=None)
        self._audit.record(actor, "key.register", key.kid, department=code)
        return key

    def withdraw_key(
        self, actor: Actor, kid: str, *, compromised_since: int | None = None
    ) -> SigningKey:
        """End a key's use.

        Args:
            actor: A custodian of its department or of one above it.
            kid: The key's thumbprint.
            compromised_since: The block from which on another may have used it; what was anchored
                from there on is no longer trusted.

        Raises:
            NotFoundError: ``signing_key_unknown``.
            ForbiddenError: The actor may not.
            ConflictError: ``key_not_in_use``.
        """
        key = self._session.get(SigningKey, kid)
        if key is None or key.department is None:
            raise NotFoundError("signing_key_unknown", kid=kid[:43])
        hold_keys(self._session, key.department, to_end=True)
        self._session.refresh(key)
        by = actor.require_above(Role.CUSTODIAN, self.lineage(key.department))
        ended = (
            {KeyState.COMPROMISED}
            if compromised_since is not None
            else {KeyState.WITHDRAWN, KeyState.COMPROMISED}
        )
        if key.state in ended:
            raise ConflictError("key_not_in_use", kid=kid)
        thumbprint = public_key_of(key).thumbprint
        self._on_key_end(key.department)
        # Not used from now on, whatever the chain says of it later.
        if compromised_since is None:
            call = self._calls.withdraw_key(by, key.department, thumbprint)
            key.state = KeyState.WITHDRAWN
            # Batches on their way are anchored before: they were signed in good order.
            anchors = self._keys.account(key.department, AccountPurpose.ANCHOR).address
            after = self._outbox.newest_live(anchors)
            key.transaction_id = self._orders.act(by, call, Purpose.KEY, after=after)
        else:
            call = self._calls.compromise_key(by, key.department, thumbprint, compromised_since)
            key.state = KeyState.COMPROMISED
            key.transaction_id = self._orders.act(by, call, Purpose.KEY)
        self._audit.record(
            actor, f"key.{key.state.value}", kid, department=key.department, since=compromised_since
        )
        return key

    def grant_kind(self, actor: Actor, code: str, kind: str) -> KindGrant:
        """Let a department issue a further kind.

        Args:
            actor: An operator (for the council), or a custodian of a department above.
            code: The department.
            kind: The kind's code.

        Raises:
            ForbiddenError: The actor may not.
            KindError: ``kind_unknown``.
            ConflictError: ``kind_granted_already``, ``department_not_admitted``.
        """
        by = self._superior(actor, code)
        department = self.admitted(code)
        self._check_kind(kind, department.kind, code)
        grant = self._session.get(KindGrant, (code, kind), with_for_update=True)
        if grant is not None and grant.state != GrantState.WITHDRAWN:
            raise ConflictError("kind_granted_already", department=code, kind=kind)
        grant = grant or KindGrant(department=code, kind=kind)
        grant.state = GrantState.REQUESTED
        grant.transaction_id = self._orders.act(
            by, self._calls.grant_kind(by, code, kind), Purpose.KIND
        )
        self._session.add(grant)
        self._audit.record(actor, "kind.grant", code, department=code, kind=kind)
        return grant

    def withdraw_kind(self, actor: Actor, code: str, kind: str) -> None:
        """End a department's right to issue a kind; earlier documents remain valid.

        Raises:
            ForbiddenError: The actor may not.
            NotFoundError: ``kind_not_granted_here``.
        """
        by = self._superior(actor, code)
        grant = self._session.get(KindGrant, (code, kind), with_for_update=True)
        if grant is None or grant.state == GrantState.WITHDRAWN:
            raise NotFoundError("kind_not_granted_here", department=code, kind=kind)
        grant.state = GrantState.WITHDRAWN
        self._orders.act(by, self._calls.withdraw_kind(by, code, kind), Purpose.KIND)
        self._audit.record(actor, "kind.withdraw", code, department=code, kind=kind)

    def suspend(self, actor: Actor, code: str) -> Department:
        """Stop a department and all below it from issuing; earlier documents remain valid.

        Raises:
            ForbiddenError: The actor may not.
            ConflictError: ``department_not_admitted``.
        """
        by = self._superior(actor, code)
        department = self._locked(code)
        if not self.pending(department, "lift"):
            self.admitted(code)
        department.state = DepartmentState.SUSPENDED
        # The council suspends at once, without its delay; only what is ordered already goes before.
        department.transaction_id = self._orders.act(
            by,
            self._calls.suspend(by, code),
            Purpose.SUSPENSION,
            after=department.transaction_id,
            at_once=True,
        )
        self._audit.record(actor, "department.suspend", code, department=code)
        return department

    def lift(self, actor: Actor, code: str) -> Department:
        """End a suspension; the department may issue again once that is final.

        Raises:
            ForbiddenError: The actor may not.
            ConflictError: ``department_not_suspended``, ``department_lift_pending``.
        """
        by = self._superior(actor, code)
        department = self._locked(code)
        if department.state != DepartmentState.SUSPENDED:
            raise ConflictError("department_not_suspended", department=code)
        if self.pending(department, "lift"):
            raise ConflictError("department_lift_pending", department=code)
        # The chain lifts only what it holds suspended: the suspension goes before.
        department.transaction_id = self._orders.act(
            by,
            self._calls.lift(by, code),
            Purpose.SUSPENSION,
            after=department.transaction_id,
        )
        self._audit.record(actor, "department.lift", code, department=code)
        return department

    def get(self, code: str) -> Department:
        """Return a department.

        Raises:
            NotFoundError: ``department_unknown_here``.
        """
        row = self._session.get(Department, code)
        if row is None:
            raise NotFoundError("department_unknown_here", department=code[:20])
        return row

    def admitted(self, code: str) -> Department:
        """Return a department that is admitted and not suspended.

        Raises:
            NotFoundError: ``department_unknown_here``.
            ConflictError: ``department_not_admitted``.
        """
        row = self.get(code)
        if row.state != DepartmentState.ADMITTED:
            raise ConflictError("department_not_admitted", department=code, state=row.state.value)
        return row

    def all(self) -> Sequence[Department]:
        """Return all departments by code."""
        return self._session.exec(select(Department).order_by(col(Department.code))).all()

    def keys_of(self, code: str) -> Sequence[SigningKey]:
        """Return a department's signing keys, oldest first."""
        statement = select(SigningKey).where(col(SigningKey.department) == code)
        return self._session.exec(statement.order_by(col(SigningKey.created_at))).all()

    def kinds_of(self, code: str) -> Sequence[KindGrant]:
        """Return the kinds that were granted to a department."""
        return self._session.exec(select(KindGrant).where(col(KindGrant.department) == code)).all()

    def lineage(self, code: str) -> list[str]:
        """Return a department and those above it, nearest first.

        Raises:
            NotFoundError: ``department_unknown_here``.
        """
        codes: list[str] = []
        above: str | None = code
        while above is not None and len(codes) <= limits.MAX_LINEAGE:
            codes.append(above)
            above = self.get(above).parent_code
        return codes

    def _new(self, code: str) -> Department:
        """Return a new row, or that of a department whose admission the chain refused."""
        row = self._session.get(Department, code)
        if row is None:
            return Department(code=code, name="", kind="", created_at=self._context.clock())
        if row.state != DepartmentState.REFUSED:
            raise ConflictError("department_exists", department=code)
        return row

    def _check_kind(self, kind: str, department_kind: str, code: str) -> None:
        issuers = self._context.catalogue.kind(kind).issuer_kinds
        if department_kind not in issuers:
            raise RequestError(
                "kind_of_other_department",
                kind=kind,
                found=department_kind,
                issuers=", ".join(issuers),
            )
        try:
            check_issuer(code)  # each document's identifier names its issuer by it
        except IdentifierError as error:
            raise RequestError("department_code_no_issuer", department=code) from error

    def _register(self, code: str, suite: Suite, *, after: int | None) -> SigningKey:
        key = self._keys.make_key(code, KeyPurpose.DOCUMENTS, suite)
        admin = self._keys.account(code, AccountPurpose.ADMIN)
        call = self._calls.register_key(code, public_key_of(key))
        key.transaction_id = self._outbox.queue(admin.address, call, Purpose.KEY, after=after)
        return key

    def _locked(self, code: str) -> Department:
        """Return a department as it is now and stays: the worker may be ending a suspension."""
        self.get(code)
        row = self._session.get(Department, code, with_for_update={"key_share": True})
        assert row is not None  # it was found
        return row

    def pending(self, department: Department, function: str) -> bool:
        """Tell whether a suspension (``suspend``) or its end (``lift``) is not yet final."""
        suspended = department.state == DepartmentState.SUSPENDED
        if not suspended or department.transaction_id is None:
            return False
        last = self._outbox.get(department.transaction_id)
        return last.function == function and last.state in LIVE_STATES

    def _superior(self, actor: Actor, code: str) -> str | None:
        """Return in whose name the actor acts on ``code`` from above; None for the council."""
        if Role.OPERATOR in actor.roles:
            return COUNCIL
        return actor.require_above(Role.CUSTODIAN, self.lineage(code)[1:])
