"""Files of applications."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from anyio import to_thread
from fastapi import File, Form, UploadFile

from ecert import limits
from registry.access.actor import Actor
from registry.access.models import Role
from registry.api.edge import AnEdge, Edge
from registry.api.guard import AnActor
from registry.api.routes.routers import officer_router
from registry.api.schemas.common import CODE_PATTERN, KIND_PATTERN, IdPath, own_department
from registry.api.schemas.documents import ImportAnswer
from registry.documents.importing import read_import

router = officer_router("imports")
routers = (router,)


@router.post("/imports", status_code=HTTPStatus.CREATED)
async def import_file(
    edge: AnEdge,
    actor: AnActor,
    file: Annotated[UploadFile, File(description="CSV or Excel, a header row first.")],
    kind: Annotated[str, Form(pattern=KIND_PATTERN)],
    department: Annotated[
        str | None, Form(pattern=CODE_PATTERN, description="The officer's own when not given.")
    ] = None,
) -> ImportAnswer:
    """Keep the good rows of a file as submitted documents; tell what is wrong with each other."""
    code = own_department(department, actor.department)
    work = partial(_import, edge, actor, code, kind, file)
    return await to_thread.run_sync(work, limiter=edge.heavy)


@router.get("/imports/{import_id}")
def import_job(edge: AnEdge, actor: AnActor, import_id: IdPath) -> ImportAnswer:
    """Return an import with its errors."""
    with edge.reading() as services:
        return ImportAnswer.of(services.documents.import_job(actor, import_id))


def _import(edge: Edge, actor: Actor, code: str, kind: str, file: UploadFile) -> ImportAnswer:
    actor.require(Role.CLERK, code)  # before the work of reading
    context = edge.registry.context
    filename = "".join(char for char in file.filename or "" if char.isprintable())
    data = file.file.read(limits.MAX_IMPORT_BYTES + 1)
    # No database is needed to read a file, and none is kept waiting.
    result = read_import(context.catalogue, kind, filename, data, now=context.clock())
    del data
    with edge.writing() as services:
        return ImportAnswer.of(
            services.imports.keep(
                actor, department=code, kind=kind, filename=filename, result=result
            )
        )
