"""What verifiers and other registries start from: checkpoint, trust file, kinds, status lists."""

import hashlib
from typing import Annotated, Any

from fastapi import Header, Path, Request, Response

from ecert.encoding import canonical_json
from ecert.errors import MalformedError, UnavailableError
from ecert.fields import hex_text
from ecert.kinds import Kind
from ecert.status import uri_of
from registry.api.edge import AnEdge, Edge
from registry.api.guard import rated
from registry.api.openapi import description_of
from registry.api.routes.routers import public_router
from registry.api.schemas.common import MAX_INTEGER, CodePath
from registry.api.schemas.public import KindAnswer, KindList, StatusListAnswer, ViewAnswer
from registry.trust.publishing import published

STATUS_SECONDS = 60
"""How long a status list may be cached."""

_KINDS_SECONDS = 3600
_MAX_LIST = (1 << 31) - 1

router = public_router("public")
routers = (router,)


@router.get("/checkpoint", response_class=Response)
def checkpoint(edge: AnEdge) -> Response:
    """Return the newest final block with the operator's signature, as it was signed."""
    with edge.reading() as services:
        signed = services.outbox.checkpoint().signed
    return Response(signed, media_type="application/json")


@router.get("/trust", response_class=Response)
def trust(edge: AnEdge) -> Response:
    """Return the newest trust file, signed by the council, as it was signed."""
    return _trust(edge, None)


@router.get("/trust/{version}", response_class=Response)
def trust_version(
    edge: AnEdge,
    version: Annotated[int, Path(ge=1, le=MAX_INTEGER, description="The file's version.")],
) -> Response:
    """Return an earlier trust file, for verifiers that pinned one and missed some."""
    return _trust(edge, version)


def _trust(edge: Edge, version: int | None) -> Response:
    directory = edge.registry.settings.directory
    try:
        with edge.reading() as services:
            data = published(services.session, directory, version)
    except MalformedError as error:
        raise UnavailableError("trust_file_unreadable") from error
    return Response(data, media_type="application/json")


@router.get("/kinds")
def kinds(edge: AnEdge, response: Response) -> KindList:
    """List the kinds of certificate, with the hash that the trust file pins."""
    catalogue = edge.registry.context.catalogue
    response.headers["cache-control"] = f"public, max-age={_KINDS_SECONDS}"
    return KindList(hash=hex_text(catalogue.hash), kinds=[_kind(kind) for kind in catalogue])


@router.get(
    "/status/{department}/{number}",
    response_model=StatusListAnswer,
    responses={304: {"description": "It is what If-None-Match names."}},
)
@rated(cost=5)
def status_list(
    edge: AnEdge,
    department: CodePath,
    number: Annotated[int, Path(ge=0, le=_MAX_LIST)],
    response: Response,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> StatusListAnswer | Response:
    """Return a department's status list in the form of a Token Status List."""
    with edge.reading() as services:
        published = services.statuses.published(department, number)
    mark = hashlib.sha256(canonical_json(published)).hexdigest()[:32]
    headers = {"etag": f'"{mark}"', "cache-control": f"public, max-age={STATUS_SECONDS}"}
    if if_none_match is not None and f'"{mark}"' in if_none_match:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return StatusListAnswer(
        sub=uri_of(edge.registry.settings.origin, department, number),
        iat=edge.registry.context.clock(),
        ttl=STATUS_SECONDS,
        status_list=published,
    )


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """Return the description of this interface."""
    return description_of(request.app)


def _kind(kind: Kind) -> KindAnswer:
    return KindAnswer(
        code=kind.code,
        number=kind.number,
        version=kind.version,
        vct=kind.vct,
        names={str(k): v for k, v in kind.names.items()},
        issuer_kinds=list(kind.issuer_kinds),
        holder=kind.holder,
        cards=[
            ViewAnswer(
                view=card.view,
                names={str(k): v for k, v in card.names.items()},
                holder_key=card.holder_key,
            )
            for card in kind.cards
        ],
        claims=dict(kind.claims),
    )
