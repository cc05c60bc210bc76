"""Officers and their bearer tokens."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from ecert.encoding import b64url_encode
from registry.access.actor import Actor
from registry.access.models import Officer, Role
from registry.audit.service import AuditTrail
from registry.clock import Clock, unix_now
from registry.errors import NotFoundError, RequestError, UnauthenticatedError

_TOKEN = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})\Z")
_SECRET_BYTES = 32
_NOBODY = bytes(32)


class OfficerService:
    """Adds, authenticates and disables officers and systems.

    Args:
        session: The transaction to work in.
        audit: Where acts are recorded.
        clock: The time.
    """

    def __init__(self, session: Session, audit: AuditTrail, clock: Clock = unix_now) -> None:
        self._session = session
        self._audit = audit
        self._clock = clock

    def add(
        self, actor: Actor | None, *, department: str | None, label: str, roles: Collection[Role]
    ) -> tuple[Officer, str]:
        """Add an officer.

        Args:
            actor: An operator; None only while the registry is set up and has no officer.
            department: Where the roles hold; None for operators and the registry's auditors.
            label: What the officer or system is called in lists.
            roles: What they may do.

        Returns:
            The officer, and the bearer token, which is shown this once and kept as a hash.

        Raises:
            ForbiddenError: The actor is no operator.
            RequestError: ``officer_roles_invalid``.
        """
        if actor is not None:
            actor.require(Role.OPERATOR)
        elif self._session.exec(select(Officer.id).limit(1)).first() is not None:
            raise UnauthenticatedError("credential_invalid")
        wanted = set(roles)
        central = {Role.OPERATOR, Role.AUDITOR}
        fits = wanted <= central if department is None else Role.OPERATOR not in wanted
        if not wanted or not fits or not 0 < len(label.strip()) <= 100:
            raise RequestError("officer_roles_invalid")
        secret, hashed = _new_secret()
        officer = Officer(
            department=department,
            label=label.strip(),
            roles=sorted(role.value for role in wanted),
            token_hash=hashed,
            created_at=self._clock(),
        )
        self._session.add(officer)
        self._session.flush()
        self._audit.record(
            actor, "officer.add", officer.id, department=department, roles=officer.roles
        )
        return officer, f"{officer.id}.{secret}"

    def authenticate(self, token: str) -> Actor:
        """Return whom a bearer token belongs to.

        Raises:
            UnauthenticatedError: ``credential_invalid``, whatever is wrong with it.
        """
        match = _TOKEN.match(token)
        if match is None:
            raise UnauthenticatedError("credential_invalid")
        officer = self._session.get(Officer, match[1])
        expected = _NOBODY if officer is None else officer.token_hash
        # Compared also when there is no such officer, so that time does not tell.
        good = hmac.compare_digest(_hash(match[2]), expected)
        if officer is None or not good or officer.disabled_at is not None:
            raise UnauthenticatedError("credential_invalid")
        return actor_of(officer)

    def actor(self, officer_id: str) -> Actor:
        """Return the actor of an officer's id: for the command line, which has the database.

        Raises:
            NotFoundError: ``officer_unknown``, or disabled.
        """
        officer = self._session.get(Officer, officer_id)
        if officer is None or officer.disabled_at is not None:
            raise NotFoundError("officer_unknown", id=officer_id[:32])
        return actor_of(officer)

    def renew(self, actor: Actor, officer_id: str) -> str:
        """Give an officer a new token, which ends the old one.

        Raises:
            ForbiddenError: The actor is neither an operator nor the officer.
            NotFoundError: ``officer_unknown``.
        """
        if actor.id != officer_id:
            actor.require(Role.OPERATOR)
        officer = self._get(officer_id)
        secret, officer.token_hash = _new_secret()
        self._audit.record(actor, "officer.renew", officer.id, department=officer.department)
        return f"{officer.id}.{secret}"

    def disable(self, actor: Actor, officer_id: str) -> None:
        """End an officer's access.

        Raises:
            ForbiddenError: The actor is no operator.
            NotFoundError: ``officer_unknown``.
        """
        actor.require(Role.OPERATOR)
        officer = self._get(officer_id)
        if officer.disabled_at is None:
            officer.disabled_at = self._clock()
            self._audit.record(actor, "officer.disable", officer.id, department=officer.department)

    def recover(self) -> str:
        """Return a new token of the first operator, whose old one ends: nobody has it any more.

        For the command line, where whoever has the database and the key store's passphrase can do
        anything already.
        """
        operators = self._operators()
        chosen = next((row for row in operators if row.disabled_at is None), operators[0])
        chosen.disabled_at = None
        secret, chosen.token_hash = _new_secret()
        self._audit.record(None, "officer.recover", chosen.id)
        return f"{chosen.id}.{secret}"

    def start_afresh(self) -> str:
        """End every token, for nobody knows which are still good; return an operator's new one."""
        officers = self._session.exec(select(Officer).order_by(col(Officer.id))).all()
        tokens = {}
        for officer in officers:
            secret, officer.token_hash = _new_secret()
            tokens[officer.id] = f"{officer.id}.{secret}"
        operators = self._operators()
        chosen = next((row for row in operators if row.disabled_at is None), operators[0])
        chosen.disabled_at = None  # somebody has to let the others in
        self._audit.record(None, "officer.renew", chosen.id, ended=len(officers))
        return tokens[chosen.id]

    def all(self, actor: Actor) -> Sequence[Officer]:
        """Return all officers, oldest first, to an operator.

        Raises:
            ForbiddenError: The actor is no operator.
        """
        actor.require(Role.OPERATOR)
        return self._session.exec(select(Officer).order_by(col(Officer.id))).all()

    def _operators(self) -> list[Officer]:
        officers = self._session.exec(select(Officer).order_by(col(Officer.created_at), Officer.id))
        return [row for row in officers if Role.OPERATOR.value in row.roles]

    def _get(self, officer_id: str) -> Officer:
        officer = self._session.get(Officer, officer_id)
        if officer is None:
            raise NotFoundError("officer_unknown", id=officer_id[:32])
        return officer


def actor_of(officer: Officer) -> Actor:
    """Return what an officer may do."""
    roles = frozenset(Role(role) for role in officer.roles)
    return Actor(officer.id, officer.department, roles)


def _new_secret() -> tuple[str, bytes]:
    secret = b64url_encode(secrets.token_bytes(_SECRET_BYTES))
    return secret, _hash(secret)


def _hash(secret: str) -> bytes:
    # The secret has 256 random bits: no slow hash is needed against guessing.
    return hashlib.sha256(b"ecert/officer-token/1\0" + secret.encode("ascii")).digest()
