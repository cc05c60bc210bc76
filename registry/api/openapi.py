"""The description of the interface, made once."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from registry.api.schemas.common import Problem


def description_of(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application, with the schema of problems."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
        )
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path in described["paths"].values():
            for operation in path.values():
                # FastAPI's own form of validation errors; here they are problems like all others.
                operation["responses"].pop("422", None)
        app.openapi_schema = described
    return app.openapi_schema
