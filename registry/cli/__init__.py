"""The registry's command line, over the same services as its HTTP API."""

from registry.cli.main import main

__all__ = ["main"]
