"""The registry's HTTP API: the same services as the command line, at ``/v1``."""

from registry.api.app import create_app

__all__ = ["create_app"]
