"""What the commands share: the directory, its settings, the registry, and who acts."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ecert.client.console import secret_from_environment
from ecert.client.home import read_file, write_file
from ecert.encoding import json_decode
from ecert.errors import MalformedError
from ecert.limits import KIB
from registry.access.actor import Actor
from registry.application import Registry
from registry.database import without_password
from registry.errors import SettingsError, UnauthenticatedError
from registry.services import Services
from registry.settings import Settings, load_settings

SETTINGS = "settings.json"
_MAX_BYTES = 16 * KIB
KEPT = (
    *("origin", "environment", "council_delay", "database_url", "rpc_urls", "rpc_url"),
    *("host", "port", "batch_seconds", "epoch_length"),
)
"""Settings that ``init`` keeps in the directory, for its owner only: a node's address may hold a
credential. The database's password is left out: that comes from the environment or libpq's own
password file. The environment goes before."""

_NODES = ("rpc_urls", "rpc_url")


class Options:
    """Set by the root command."""

    directory = Path("registry-data")


def settings(**given: object) -> Settings:
    """Return the settings: those given, then the environment, then what ``init`` kept.

    Raises:
        SettingsError: ``settings_invalid``; ``registry_not_set_up`` where nothing is kept.
        MalformedError: The kept file is damaged.
    """
    path = Options.directory / SETTINGS
    return settings_from(read_file(path, limit=_MAX_BYTES) if path.exists() else b"{}", given)


def settings_from(
    text: bytes, given: Mapping[str, object], *, without: Sequence[str] = ()
) -> Settings:
    """Return the settings: those given, then the environment, then those kept in ``text``.

    Those named in ``without`` have their defaults, whatever environment and ``text`` say.

    Raises:
        SettingsError: ``settings_invalid``; ``registry_not_set_up`` where nothing is kept.
        MalformedError: The text is damaged.
    """
    value = json_decode(text, where=SETTINGS, max_bytes=_MAX_BYTES)
    if not isinstance(value, dict) or not set(value) <= set(KEPT):
        raise MalformedError("field_malformed", where=SETTINGS, field="(object)")
    kept = {name: item for name, item in value.items() if not _in_environment(name)}
    chosen = {name: value for name, value in given.items() if value is not None}
    if "origin" not in {*kept, *chosen} and "REGISTRY_ORIGIN" not in os.environ:
        raise SettingsError("registry_not_set_up", directory=Options.directory)
    defaults = dict.fromkeys(without)
    return load_settings(directory=Options.directory, **{**kept, **chosen, **defaults})


def _in_environment(name: str) -> bool:
    names = _NODES if name in _NODES else (name,)
    return any(f"REGISTRY_{name.upper()}" in os.environ for name in names)


def kept_settings(chosen: Settings) -> bytes:
    """Return the text of what later commands need to know again."""
    values = chosen.model_dump(mode="json", include=set(KEPT), exclude_none=True)
    if chosen.database_url is not None:
        values["database_url"] = without_password(chosen.database_url.get_secret_value())
    values = {name: value for name, value in values.items() if value != []}
    return json.dumps(values, indent=2).encode()


def is_kept() -> bool:
    """Whether a registry was set up in the directory."""
    return (Options.directory / SETTINGS).exists()


def keep_settings(chosen: Settings) -> None:
    """Keep what later commands need to know again."""
    write_file(Options.directory / SETTINGS, kept_settings(chosen))


@contextmanager
def opened() -> Iterator[Registry]:
    """Give the opened registry."""
    registry = Registry.open(settings())
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def acting() -> Iterator[tuple[Services, Actor]]:
    """Give services in a transaction that is committed at the end, and who acts.

    Raises:
        UnauthenticatedError: ``token_missing``, ``credential_invalid``.
    """
    token = _token()
    with opened() as registry, registry.transaction() as services:
        yield services, services.officers.authenticate(token)


@contextmanager
def acting_at_length() -> Iterator[tuple[Registry, Actor]]:
    """Give the opened registry, for work of many transactions, and who acts.

    Raises:
        UnauthenticatedError: ``token_missing``, ``credential_invalid``.
    """
    token = _token()
    with opened() as registry:
        with registry.transaction() as services:
            actor = services.officers.authenticate(token)
        yield registry, actor


def _token() -> str:
    token = secret_from_environment("REGISTRY_TOKEN")
    if not token:
        raise UnauthenticatedError("token_missing")
    return token
