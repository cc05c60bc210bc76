"""The one place where errors become answers: problem details (RFC 9457)."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from ecert.encoding import json_encode
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
    messages,
)
from registry.api.guard import ProblemException
from registry.api.limits import BodyTooLargeError
from registry.api.rates import RateLimitedError
from registry.errors import (
    ClaimRefusedError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RequestError,
    UnauthenticatedError,
)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:ecert:error:"
"""A problem's type is this and its code: a name, nothing to be fetched."""

_RETRY_SECONDS = 5
_MAX_LISTED = 20
_MAX_DETAIL_CHARS = 300
_log = logging.getLogger(__name__)

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


def problem(status: int, error: EcertError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for an error."""
    zh, en = _sentences(error)
    body = {
        "type": TYPE + error.code,
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "code": error.code,
        "zh": zh,
        "en": en,
        "details": {name: _plain(value) for name, value in error.details.items()},
    }
    content = json_encode(body).encode("utf-8", "replace")  # a detail may be half a character
    return Response(content, status, headers, media_type=MEDIA_TYPE)


def status_of(error: EcertError) -> HTTPStatus:
    """Return the status that an error is answered with."""
    if error.code == "too_large":
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def log_failure(where: str, error: BaseException) -> None:
    """Log what broke and where, but not what it said: that may quote a document."""
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next
    kind = type(error).__name__
    code_name = f" {error.code}" if isinstance(error, EcertError) else ""
    _log.error("%s failed: %s%s\n  %s", where, kind, code_name, "\n  ".join(places))


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


def _route(request: Request) -> str:
    route = request.scope.get("route")
    return f"{request.method} {getattr(route, 'path', '-')}"


def _sentences(error: EcertError) -> tuple[str, str]:
    if error.code not in messages():
        error = EcertError("api_internal_error", incident=error.code)
    return error.message("zh"), error.message("en")


def _plain(value: object) -> Any:
    """Return a detail as JSON can say it."""
    match value:
        case None | bool() | int():
            return value
        case list() | tuple():
            return [_plain(item) for item in value[:_MAX_LISTED]]
        case dict():
            return {str(name)[:64]: _plain(item) for name, item in value.items()}
        case _:
            text = str(value)[:_MAX_DETAIL_CHARS]
            return text.encode("utf-8", "replace").decode("utf-8")
