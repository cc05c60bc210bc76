"""The description of the interface, made once."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from registry.api.schemas.common import Answer, Problem, Request


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
        for name, examples in _examples(Request) + _examples(Answer):
            if name in schemas:
                schemas[name]["examples"] = examples
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path in described["paths"].values():
            for operation in path.values():
                # FastAPI's own form of validation errors; here they are problems like all others.
                operation["responses"].pop("422", None)
        app.openapi_schema = described
    return app.openapi_schema


def _examples(base: type[BaseModel]) -> list[tuple[str, Any]]:
    """Return the examples of all schemas below one, as they were written.

    FastAPI leaves members out that are null, also where an example needs them.
    """
    found: list[tuple[str, Any]] = []
    for schema in base.__subclasses__():
        extra = schema.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and isinstance(extra.get("examples"), list):
            found.append((schema.__name__, extra["examples"]))
        found += _examples(schema)
    return found
