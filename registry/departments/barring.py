"""Which departments may not issue now."""

from sqlmodel import Session, select

from registry.departments.models import Department, DepartmentState


def barred_departments(session: Session) -> set[str]:
    """Return the departments that are not admitted or are suspended, and all below them."""
    rows = session.exec(select(Department.code, Department.parent_code, Department.state)).all()
    barred = {code for code, _, state in rows if state != DepartmentState.ADMITTED}
    grew = bool(barred)
    while grew:
        below = {code for code, parent, _ in rows if parent in barred} - barred
        barred |= below
        grew = bool(below)
    return barred
