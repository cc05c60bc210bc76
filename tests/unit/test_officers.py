"""Credentials: shown once, kept as hashes, ended at once; roles that make sense."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.access.actor import Actor
from registry.access.models import Officer, Role
from registry.access.service import OfficerService
from registry.audit.service import AuditTrail
from registry.database import Database
from registry.departments.models import Department
from registry.errors import (
    ForbiddenError,
    NotFoundError,
    RegistryError,
    RequestError,
    UnauthenticatedError,
)
from registry.tables import METADATA


@pytest.fixture
def officers(tmp_path: Path) -> Iterator[OfficerService]:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    METADATA.create_all(database.engine)
    with database.transaction() as session:
        session.add(Department(code="A", name="A", kind="PS"))
        session.flush()
        yield OfficerService(session, AuditTrail(session))
    database.dispose()


@pytest.fixture
def operator(officers: OfficerService) -> Actor:
    _, token = officers.add(None, department=None, label="operator", roles=[Role.OPERATOR])
    return officers.authenticate(token)


def test_a_token_is_its_officers_and_kept_as_a_hash(
    officers: OfficerService, operator: Actor
) -> None:
    officer, token = officers.add(
        operator, department="A", label="clerk", roles=[Role.CLERK, Role.CLERK]
    )
    assert officers.authenticate(token) == Actor(officer.id, "A", frozenset({Role.CLERK}))
    assert token.split(".")[1].encode() not in officer.token_hash
    assert len(officer.token_hash) == 32


def test_nothing_else_is_a_token(officers: OfficerService, operator: Actor) -> None:
    officer, token = officers.add(operator, department="A", label="clerk", roles=[Role.CLERK])
    wrong = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for text in ("", token[:-1], token + "=", wrong, f"{'0' * 32}.{token[33:]}", officer.id):
        with pytest.raises(UnauthenticatedError, match="credential_invalid"):
            officers.authenticate(text)


def test_renewing_and_disabling_end_a_token(officers: OfficerService, operator: Actor) -> None:
    officer, first = officers.add(operator, department="A", label="clerk", roles=[Role.CLERK])
    second = officers.renew(operator, officer.id)
    with pytest.raises(UnauthenticatedError):
        officers.authenticate(first)
    actor = officers.authenticate(second)
    third = officers.renew(actor, officer.id)
    officers.disable(operator, officer.id)
    with pytest.raises(UnauthenticatedError):
        officers.authenticate(third)
    with pytest.raises(NotFoundError, match="officer_unknown"):
        officers.actor(officer.id)


def test_only_operators_manage_officers(officers: OfficerService, operator: Actor) -> None:
    officer, token = officers.add(operator, department="A", label="clerk", roles=[Role.CLERK])
    clerk = officers.authenticate(token)
    acts = (
        lambda: officers.add(clerk, department="A", label="more", roles=[Role.APPROVER]),
        lambda: officers.disable(clerk, operator.id),
        lambda: officers.renew(clerk, operator.id),
        lambda: officers.all(clerk),
    )
    for act in acts:
        with pytest.raises(ForbiddenError, match="role_missing"):
            act()
    assert [one.id for one in officers.all(operator)] == [operator.id, officer.id]


def test_the_first_operator_is_made_once(officers: OfficerService, operator: Actor) -> None:
    del operator
    with pytest.raises(UnauthenticatedError):
        officers.add(None, department=None, label="intruder", roles=[Role.OPERATOR])


@pytest.mark.parametrize(
    ("department", "label", "roles"),
    [
        (None, "clerk of nobody", [Role.CLERK]),
        (None, "mixed", [Role.OPERATOR, Role.APPROVER]),
        ("A", "operator of a department", [Role.OPERATOR]),
        ("A", "nothing", []),
        ("A", " ", [Role.CLERK]),
        ("A", "x" * 101, [Role.CLERK]),
    ],
)
def test_roles_that_do_not_fit_are_refused(
    officers: OfficerService,
    operator: Actor,
    department: str | None,
    label: str,
    roles: list[Role],
) -> None:
    with pytest.raises(RequestError, match="officer_roles_invalid"):
        officers.add(operator, department=department, label=label, roles=roles)


@pytest.mark.parametrize(
    ("department", "roles", "lineage", "may_read"),
    [
        ("A", {Role.CLERK}, ["A"], True),
        ("A", {Role.AUDITOR}, ["B", "A"], True),
        ("A", {Role.APPROVER}, ["B", "A"], True),
        ("A", {Role.CLERK}, ["B", "A"], False),
        ("B", {Role.APPROVER}, ["A"], False),
        (None, {Role.AUDITOR}, ["A"], True),
        (None, {Role.OPERATOR}, ["A"], False),
        ("A", set(), ["A"], False),
    ],
)
def test_who_reads_what(
    department: str | None, roles: set[Role], lineage: list[str], may_read: bool
) -> None:
    actor = Actor("x", department, frozenset(roles))
    if may_read:
        actor.require_reader(lineage)
    else:
        with pytest.raises(RegistryError, match="other_department"):
            actor.require_reader(lineage)


def test_acts_are_recorded(officers: OfficerService, operator: Actor) -> None:
    officer, _ = officers.add(operator, department="A", label="clerk", roles=[Role.CLERK])
    officers.disable(operator, officer.id)
    assert isinstance(officer, Officer)
    officers._session.commit()
    entries = officers._audit.page()
    assert [entry.action for entry in entries] == ["officer.add", "officer.add", "officer.disable"]
    assert officers._audit.check() == 3
