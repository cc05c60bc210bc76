"""What the registry refuses, each class one HTTP status (mapped in ``registry.api``)."""

from typing import ClassVar

from ecert.errors import EcertError


class RegistryError(EcertError):
    """Something the registry refuses.

    Attributes:
        keeps_changes: Whether the transaction that met this error is still to be committed: a
            wrong try must be counted although the request fails.
    """

    keeps_changes: ClassVar[bool] = False


class NotFoundError(RegistryError):
    """There is no such thing, or not for this caller (404)."""


class ConflictError(RegistryError):
    """The thing is not in a state that allows this (409)."""


class ForbiddenError(RegistryError):
    """The caller is known but lacks the role or the department (403)."""


class UnauthenticatedError(RegistryError):
    """No valid credential was given (401)."""


class RequestError(RegistryError):
    """What was asked makes no sense (422)."""


class ClaimRefusedError(RegistryError):
    """A claim code was presented without what must come with it (403); the try counts."""

    keeps_changes = True


class SettingsError(RegistryError):
    """The service is set up wrongly; it does not start."""


class ReconciliationError(RegistryError):
    """Database and chain contradict each other in a way that a person must look at."""
