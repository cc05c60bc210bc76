"""The one place where errors become answers: problem details (RFC 9457)."""

import errno
import os
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from ecert.asgi import PROBLEM, log_failure
from ecert.asgi import problem as problem_details
from ecert.errors import (
    ContentError,
    DisclosureError,
    EcertError,
    IdentifierError,
    KeystoreError,
    KindError,
    MalformedError,
    SignatureInvalidError,
    UnavailableError,
    ValidityError,
)
from ecert.rates import RateLimitedError
from registry.api.guard import ProblemException
from registry.api.limits import BodyTooLargeError
from registry.errors import (
    ClaimRefusedError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RequestError,
    UnauthenticatedError,
)

_RETRY_SECONDS = 5
_MAX_LISTED = 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_STATUS: dict[type[EcertError], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    ClaimRefusedError: HTTPStatus.FORBIDDEN,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RateLimitedError: HTTPStatus.TOO_MANY_REQUESTS,
    MalformedError: HTTPStatus.BAD_REQUEST,
    SignatureInvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    DisclosureError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ContentError: HTTPStatus.UNPROCESSABLE_ENTITY,
    IdentifierError: HTTPStatus.UNPROCESSABLE_ENTITY,
    KindError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ValidityError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    KeystoreError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Status of each class of error; of a class that is not named here, that of the one above it.
What has none at all is the registry's own fault: 500."""

_HTTP_CODES = {
    HTTPStatus.BAD_REQUEST: "api_body_unreadable",
    HTTPStatus.NOT_FOUND: "api_route_unknown",
    HTTPStatus.METHOD_NOT_ALLOWED: "api_method_not_allowed",
    HTTPStatus.REQUEST_TIMEOUT: "api_body_too_slow",
}


def add_handlers(app: FastAPI) -> None:
    """Make an application answer every error as a problem."""
    app.add_exception_handler(EcertError, _domain)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(DataError, _data)
    app.add_exception_handler(OSError, _disk)


def problem(status: int, error: EcertError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for an error."""
    return Response(problem_details(status, error), status, headers, media_type=PROBLEM)


def status_of(error: EcertError) -> HTTPStatus:
    """Return the status that an error is answered with."""
    if error.code == "too_large":
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


async def _domain(request: Request, error: Exception) -> Response:
    assert isinstance(error, EcertError)
    status = status_of(error)
    headers: dict[str, str] = {}
    if isinstance(error, UnauthenticatedError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, RateLimitedError):
        headers["retry-after"] = str(error.seconds)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = str(_RETRY_SECONDS)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log_failure(_route(request), error)
    return problem(status, error, headers)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error, ProblemException):
        return await _domain(request, error.error)
    if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
        return await _disk(request, error.__cause__)  # where an upload is kept meanwhile
    if isinstance(error, BodyTooLargeError):
        told = MalformedError("api_body_too_large", limit=error.limit)
    else:
        code = _HTTP_CODES.get(HTTPStatus(error.status_code), "api_request_refused")
        told = MalformedError(code, method=request.method, status=error.status_code)
    return problem(error.status_code, told, error.headers)


async def _validation(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)
    found = [
        {
            "where": ".".join(str(part)[:64] for part in entry["loc"])[:200],
            "what": str(entry["msg"])[:200],
        }
        for entry in error.errors()[:_MAX_LISTED]
    ]
    first = found[0] if found else {"where": "-", "what": "-"}
    told = RequestError("api_request_invalid", where=first["where"], errors=found)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)


async def _data(request: Request, error: Exception) -> Response:
    """Answer for a value that the database does not take, such as a NUL."""
    del request, error
    told = RequestError("api_request_invalid", where="-", errors=[])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)


async def _disk(request: Request, error: Exception) -> Response:
    """Answer where a file could not be written for want of room."""
    assert isinstance(error, OSError)
    if error.errno not in _FULL:
        raise error
    return await _domain(request, UnavailableError("disk_full", reason=os.strerror(error.errno)))


def _route(request: Request) -> str:
    route = request.scope.get("route")
    return f"{request.method} {getattr(route, 'path', '-')}"
