"""What the web service refuses before anything is verified, and the status of each refusal."""

from http import HTTPStatus

from ecert.errors import EcertError, MalformedError, TrustError, UnavailableError
from ecert.rates import RateLimitedError

RETRY_SECONDS = 5
"""When to ask again a service that is busy."""

_TOO_LARGE = frozenset({"too_large", "upload_too_large"})


class RefusedError(EcertError):
    """A request that is refused for its form.

    Args:
        status: The HTTP status.
        code: As for every error.
        details: As for every error.
    """

    def __init__(self, status: HTTPStatus, code: str, /, **details: object) -> None:
        super().__init__(code, **details)
        self.status = status


class ChallengeError(EcertError):
    """A challenge that looks like one of this service, but is not good any more (409)."""


class BusyError(UnavailableError):
    """The service has too much to do just now (503)."""


_STATUS: dict[type[EcertError], HTTPStatus] = {
    RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    ChallengeError: HTTPStatus.CONFLICT,
    MalformedError: HTTPStatus.BAD_REQUEST,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    TrustError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def status_of(error: EcertError) -> HTTPStatus:
    """Return the status that an error is answered with."""
    if isinstance(error, RefusedError):
        return error.status
    if error.code in _TOO_LARGE:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def headers_of(error: EcertError) -> dict[str, str]:
    """Return the headers that go with an error."""
    match error:
        case RateLimitedError():
            return {"retry-after": str(error.seconds)}
        case UnavailableError():
            return {"retry-after": str(RETRY_SECONDS)}
        case _:
            return {}
