"""Who acts, and what they may do."""

from collections.abc import Collection
from dataclasses import dataclass

from registry.access.models import Role
from registry.errors import ForbiddenError


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated officer or system.

    Attributes:
        id: The officer's id.
        department: The department they act for; None for the registry's own people.
        roles: What they may do there.
    """

    id: str
    department: str | None
    roles: frozenset[Role]

    def require(self, role: Role, department: str | None = None) -> None:
        """Check that the actor holds ``role`` at ``department`` itself.

        Raises:
            ForbiddenError: ``role_missing`` or ``other_department``.
        """
        if role not in self.roles:
            raise ForbiddenError("role_missing", role=role.value)
        if department != self.department:
            raise ForbiddenError("other_department", department=department or "-")

    def require_above(self, role: Role, lineage: Collection[str]) -> str:
        """Check that the actor holds ``role`` at one of ``lineage``: a department or those above.

        Returns:
            The department in whose name the actor acts.

        Raises:
            ForbiddenError: ``role_missing`` or ``other_department``.
        """
        if role not in self.roles:
            raise ForbiddenError("role_missing", role=role.value)
        if self.department is None or self.department not in lineage:
            raise ForbiddenError("other_department", department=next(iter(lineage), "-"))
        return self.department

    def require_reader(self, lineage: Collection[str]) -> None:
        """Check that the actor may read what belongs to the first department of ``lineage``.

        Its own people may, and approvers and auditors of those above it, and the registry's
        auditors.

        Raises:
            ForbiddenError: ``other_department``.
        """
        first = next(iter(lineage), None)
        if self.department is not None and self.department == first and self.roles:
            return
        overseers = self.roles & {Role.AUDITOR, Role.APPROVER}
        if overseers and self.department in lineage:
            return
        if self.department is None and Role.AUDITOR in self.roles:
            return
        raise ForbiddenError("other_department", department=first or "-")
