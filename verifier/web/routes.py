"""The addresses: two pages for people, three for programs, and one way for errors."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from ecert.asgi import PROBLEM, App, Broken, Receive, Scope, Send, problem
from ecert.encoding import json_plain
from ecert.errors import EcertError, Language
from ecert.fields import time_text
from ecert.languages import choose_language
from ecert.rates import RateLimit, client_of
from ecert.report import Report
from verifier.web.challenges import Challenge
from verifier.web.desk import Desk
from verifier.web.errors import RefusedError, headers_of, status_of
from verifier.web.page import Pages
from verifier.web.schemas import (
    PROBLEMS,
    REPORT_EXAMPLE,
    VERIFY_BODY,
    ChallengeBody,
    HealthBody,
    ReportsBody,
)
from verifier.web.submission import SubmissionError
from verifier.web.upload import Body, Budget
from verifier.web.work import Turns, Workers

VERIFY = "/v1/verify"
_FOR_PROGRAMS = ("/v1/", "/health", "/openapi.json")
_HOST = re.compile(r"[A-Za-z0-9.\-_\[\]:]{1,150}\Z")


@dataclass(frozen=True)
class Edge:
    """What the requests of one process share."""

    desk: Desk
    pages: Pages
    rate: RateLimit
    turns: Turns
    workers: Workers
    budget: Budget
    audience: str | None

    def charge(self, request: Request) -> None:
        """Count a request that costs something.

        Raises:
            RateLimitedError: The client asks too often.
        """
        self.rate.take(client_of(request.client.host if request.client else None))

    async def check(self, request: Request) -> Sequence[Report]:
        """Read what a request brings and check it.

        Raises:
            EcertError: It was not checked.
        """
        self.charge(request)
        body = Body(request, self.budget)
        submitted = await body.read(), request.headers.get("content-type", "")
        try:
            async with self.turns.next():
                reports = self.desk.handle_promptly(*submitted)
        except BaseException:
            body.release()
            raise
        if reports is not None:
            body.release()
            return reports
        return await self.workers.run(partial(self.desk.handle, *submitted), finished=body.release)

    def challenge(self, request: Request) -> Challenge:
        """Return a fresh challenge in the name of this verifier.

        Raises:
            RateLimitedError: The client asks too often.
            RefusedError: ``host_malformed``.
        """
        self.charge(request)
        audience = self.audience
        if audience is None:
            host = request.headers.get("host", "")
            if not _HOST.match(host):
                raise RefusedError(HTTPStatus.BAD_REQUEST, "host_malformed")
            audience = f"{request.url.scheme}://{host.lower()}"
        return self.desk.challenges.make(audience)


def add_routes(app: FastAPI, edge: Edge, static: Path) -> None:
    """Give an application its routes and its way with errors."""
    _add_pages(app, edge)
    _add_interface(app, edge)
    app.mount("/static", StaticFiles(directory=static))
    for kind in (EcertError, HTTPException):
        app.add_exception_handler(kind, partial(_refuse, edge.pages))


def _add_pages(app: FastAPI, edge: Edge) -> None:
    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def home(request: Request) -> Response:
        return HTMLResponse(edge.pages.form(_language(request)))

    @app.api_route("/challenge", methods=["GET", "HEAD"], include_in_schema=False)
    async def ask(request: Request) -> Response:
        return HTMLResponse(edge.pages.form(_language(request), edge.challenge(request)))

    @app.post("/", include_in_schema=False)
    async def verify_page(request: Request) -> Response:
        return HTMLResponse(edge.pages.results(_language(request), await edge.check(request)))


def _add_interface(app: FastAPI, edge: Edge) -> None:
    @app.post(
        VERIFY,
        summary="Check documents",
        description="The answer to any verdict is 200; the other statuses mean that nothing was "
        "checked. A nonce or challenge that this service made is taken once; that others are "
        "fresh and single-use is for the caller to ensure.",
        response_model=ReportsBody,
        responses={
            200: {"content": {"application/json": {"example": REPORT_EXAMPLE}}},
            **PROBLEMS,
        },
        openapi_extra=VERIFY_BODY,
    )
    async def verify(request: Request) -> Response:
        return await _verify(edge, request)

    @app.post(
        "/v1/challenges",
        status_code=HTTPStatus.CREATED,
        summary="Make a challenge for a holder to sign",
        response_model=ChallengeBody,
        responses={429: PROBLEMS[429]},
    )
    async def challenges(request: Request) -> Response:
        made = edge.challenge(request)
        return _json(
            {
                "audience": made.audience,
                "nonce": made.nonce,
                "challenge": made.nonce,
                "expires": time_text(made.expires),
            },
            HTTPStatus.CREATED,
        )

    @app.get(
        "/health",
        summary="Whether documents can be checked; asks no node",
        response_model=HealthBody,
        responses={503: PROBLEMS[503]},
    )
    async def health() -> Response:
        await run_in_threadpool(edge.desk.probe)
        return _json({"status": "ok"})


def broken(pages: Pages) -> Broken:
    """Return how a request is answered that broke the service."""

    def answer(scope: Scope, error: EcertError) -> tuple[str, bytes]:
        if _is_for_programs(scope["path"]):
            return PROBLEM, problem(HTTPStatus.INTERNAL_SERVER_ERROR, error)
        page = pages.refusal(_language(Request(dict(scope))), error)
        return "text/html; charset=utf-8", page.encode()

    return answer


def direct(app: App, verify: App) -> App:
    """Take what programs ask most past the framework, whose layers cost as much as a signature.

    Args:
        app: Answers everything else, and describes this address too.
        verify: What ``verify_alone`` returns.
    """

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == VERIFY and scope["method"] == "POST":
            await verify(scope, receive, send)
        else:
            await app(scope, receive, send)

    return choose


def verify_alone(edge: Edge) -> App:
    """Return the application that answers ``POST /v1/verify`` and nothing else."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await _verify(edge, request)
        except EcertError as error:
            response = await _refuse(edge.pages, request, error)
        await response(scope, receive, send)

    return answer


async def _verify(edge: Edge, request: Request) -> Response:
    reports = await edge.check(request)
    return _json({"reports": [report.to_json() for report in reports]})


async def _refuse(pages: Pages, request: Request, error: Exception) -> Response:
    """Answer with an error: a problem for programs, a page with the form for people."""
    if isinstance(error, EcertError):
        told, status, headers = error, status_of(error), headers_of(error)
    else:
        assert isinstance(error, HTTPException)
        told, status, headers = (
            _told(error),
            HTTPStatus(error.status_code),
            dict(error.headers or {}),
        )
    if _is_for_programs(request.url.path):
        return Response(problem(status, told), status, headers, PROBLEM)
    filled = told.filled if isinstance(told, SubmissionError) else None
    return HTMLResponse(pages.refusal(_language(request), told, filled), status, headers)


def _told(error: HTTPException) -> EcertError:
    status = HTTPStatus(error.status_code)
    match status:
        case HTTPStatus.NOT_FOUND:
            return RefusedError(status, "page_unknown")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return RefusedError(status, "method_unsupported")
        case _:
            return RefusedError(status, "request_not_understood", http=int(status))


def _language(request: Request) -> Language:
    return choose_language(request.query_params.get("lang"), request.headers.get("accept-language"))


def _is_for_programs(path: str) -> bool:
    return path.startswith(_FOR_PROGRAMS)


def _json(value: object, status: int = HTTPStatus.OK) -> Response:
    return Response(json_plain(value), status, media_type="application/json")
