"""Who may ask what: every route is of one of the two classes here, and nothing else is served.

The check runs before a byte of the body is read: FastAPI would read and parse a whole upload first
and look at the credential afterwards.
"""

from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from typing import Annotated, Any, TypeVar

from fastapi import Depends, HTTPException, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from ecert import limits
from ecert.encoding import json_decode
from ecert.errors import EcertError, MalformedError
from ecert.rates import client_of
from registry.access.actor import Actor
from registry.api.edge import Edge, edge_of
from registry.errors import UnauthenticatedError

MAX_JSON_BYTES = 256 * limits.KIB
"""A request's JSON."""

_MAX_CREDENTIAL_CHARS = 200

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class ProblemException(HTTPException):
    """Carries a domain error through FastAPI's reading of bodies, which swallows all others."""

    def __init__(self, error: EcertError) -> None:
        super().__init__(status_code=400)
        self.error = error


class StrictRequest(Request):
    """A request whose JSON has one reading only: no duplicate keys, bounded depth, real UTF-8."""

    async def json(self) -> Any:
        """Return the body's JSON.

        Raises:
            ProblemException: With the ``MalformedError`` that says what is wrong.
        """
        try:
            return json_decode(await self.body(), where="body", max_bytes=MAX_JSON_BYTES)
        except MalformedError as error:
            raise ProblemException(error) from error


class OfficerRoute(APIRoute):
    """A route for officers and department systems: no answer without a good credential."""

    def get_route_handler(self) -> Handler:
        """Put the check before the rest."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            edge = edge_of(request)
            try:
                token = bearer_of(request)
                request.state.actor = await run_in_threadpool(_authenticate, edge, token)
            except UnauthenticatedError:
                # Charged after the refusal only: a good credential works whoever else guesses from
                # the same address, and 256 random bits are not guessed.
                edge.rates.refusals.take(_client(request))
                raise
            return await handler(StrictRequest(request.scope, request.receive))

        return guarded


class PublicRoute(APIRoute):
    """A route for everybody, each client only so often."""

    def get_route_handler(self) -> Handler:
        """Put the check before the rest."""
        handler = super().get_route_handler()
        cost: float = getattr(self.endpoint, "rate_cost", 1)
        limit: str = getattr(self.endpoint, "rate_limit", "public")
        at_once: str | None = getattr(self.endpoint, "at_once", None)

        async def guarded(request: Request) -> Response:
            edge = edge_of(request)
            getattr(edge.rates, limit).take(_client(request), cost)
            async with nullcontext() if at_once is None else getattr(edge, at_once):
                return await handler(StrictRequest(request.scope, request.receive))

        return guarded


def rated(
    *, limit: str = "public", cost: float = 1, at_once: str | None = None
) -> Callable[[Endpoint], Endpoint]:
    """Say how often a public route may be asked.

    Args:
        limit: By which limit of ``Rates`` it is bound.
        cost: How much a request counts.
        at_once: Which limiter of ``Edge`` bounds how many are served at the same time. Those that
            wait hold no thread.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.rate_limit = limit  # type: ignore[attr-defined]
        endpoint.rate_cost = cost  # type: ignore[attr-defined]
        endpoint.at_once = at_once  # type: ignore[attr-defined]
        return endpoint

    return mark


def bearer_of(request: Request) -> str:
    """Return the bearer token of a request (RFC 6750 section 2.1).

    Raises:
        UnauthenticatedError: ``credential_missing``.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= _MAX_CREDENTIAL_CHARS:
        raise UnauthenticatedError("credential_missing")
    return token


def _authenticate(edge: Edge, token: str) -> Actor:
    with edge.reading() as services:
        return services.officers.authenticate(token)


def _client(request: Request) -> str:
    return client_of(request.client.host if request.client else None)


_documented = HTTPBearer(
    auto_error=False, scheme_name="officer", description="An officer's or a system's token."
)
_claim_documented = HTTPBearer(
    auto_error=False, scheme_name="claim", description="The secret that came with the claim's id."
)


def _actor(request: Request, _: Annotated[Any, Security(_documented)]) -> Actor:
    return request.state.actor  # type: ignore[no-any-return]  # set by OfficerRoute


def _claim_secret(request: Request, _: Annotated[Any, Security(_claim_documented)]) -> str:
    return bearer_of(request)


AnActor = Annotated[Actor, Depends(_actor)]
ClaimSecret = Annotated[str, Depends(_claim_secret)]
