"""What a deployment chooses, read from ``REGISTRY_*``: production by default, no secret default."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ecert.trust import EPOCH_LENGTH
from registry.errors import SettingsError

CHAIN_FOLDER = "chain"
"""The folder of an embedded chain, within the registry's."""

_HOUR = 3600
MIN_PASSPHRASE_CHARS = 12
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"http": 80, "https": 443}


class Settings(BaseSettings):
    """All settings of the registry.

    Attributes:
        directory: Holds the database, the trust file and an embedded chain.
        origin: The registry's bare https origin, ``iss`` of all documents.
        environment: ``development`` allows an http origin and short council delays.
        passphrase: Opens the key store; or ``passphrase_file`` names a file that holds it.
        database_url: Of a PostgreSQL server; a SQLite file in ``directory`` when not given.
        rpc_urls: JSON-RPC addresses of the chain's nodes, the preferred one first, in the
            environment separated by commas; the embedded chain when there is none.
        rpc_url: The same for one node, as it was called first.
        epoch_length: Blocks after which votes of the network's validators lapse, as its genesis
            file says.
        council_delay: Seconds that acts of the council wait, fixed when contracts are deployed.
        batch_seconds: A batch closes this long after its oldest document was signed, if not full.
        batch_leaves: A batch closes when it has this many leaves.
        batch_minimum: Smaller batches are filled up to this size with random leaves.
        resign_after: A document that waited this long for its anchor is signed anew.
        paper_cards: Whether a card without a holder's key is made with each paper document.
        claim_code_seconds: How long a claim code lives.
        claim_code_attempts: How many refused tries end a claim code.
        poll_seconds: How long an idle worker waits.
        sign_chunk: Documents that are signed in one database transaction.
        processes: How many processes read large imports and sign many documents; 0 or 1: none but
            the one that runs. As many as this machine has cores when not given.
        heartbeat_seconds: How often the checkpoint of a quiet embedded chain is signed again.
        stall_seconds: A network without a new block for longer stands still.
        host: Where the web service listens.
        port: The same.
        timestamp_url: Of a timestamping authority (RFC 3161), asked about the block of each
            evidence package; https, or http on this machine in development.
        disk_low_mib: Less room than this on the directory's disk makes health say ``degraded``.
        metrics_token: Bearer token for metrics read from another machine.
    """

    model_config = SettingsConfigDict(env_prefix="REGISTRY_", extra="forbid", frozen=True)

    directory: Path
    origin: str = Field(pattern=r"^https?://[a-z0-9.\-]+(:[0-9]{1,5})?$", max_length=200)
    environment: Literal["production", "development"] = "production"
    passphrase: SecretStr | None = None
    passphrase_file: Path | None = None
    database_url: SecretStr | None = None
    rpc_urls: Annotated[tuple[str, ...], NoDecode] = ()
    rpc_url: str | None = None
    epoch_length: int = Field(default=EPOCH_LENGTH, ge=1)
    council_delay: int = Field(default=48 * _HOUR, ge=0)
    batch_seconds: float = Field(default=3.0, ge=0)
    batch_leaves: int = Field(default=1024, ge=1, le=1024)
    batch_minimum: int = Field(default=64, ge=1, le=1024)
    resign_after: int = Field(default=20 * _HOUR, ge=60, lt=24 * _HOUR)
    paper_cards: bool = True
    claim_code_seconds: int = Field(default=14 * 24 * _HOUR, ge=60)
    claim_code_attempts: int = Field(default=5, ge=1)
    poll_seconds: float = Field(default=0.2, gt=0)
    sign_chunk: int = Field(default=16_384, ge=1, le=65_536)
    processes: int | None = Field(default=None, ge=0, le=64)
    heartbeat_seconds: int = Field(default=60, ge=1)
    stall_seconds: int = Field(default=60, ge=1)
    host: str = "127.0.0.1"
    port: int = Field(default=8480, ge=0, le=65535)
    timestamp_url: str | None = None
    disk_low_mib: int = Field(default=512, ge=0)
    metrics_token: SecretStr | None = None

    @model_validator(mode="after")
    def _production_is_https(self) -> Self:
        if self.environment == "production" and not self.origin.startswith("https://"):
            raise SettingsError("origin_not_https", origin=self.origin)
        return self

    @model_validator(mode="after")
    def _timestamps_are_https(self) -> Self:
        if self.timestamp_url is None:
            return self
        parts = urlsplit(self.timestamp_url)
        local = self.environment == "development" and parts.hostname in _LOOPBACK
        if not parts.hostname or (
            parts.scheme != "https" and not (parts.scheme == "http" and local)
        ):
            raise SettingsError("timestamp_url_not_https")
        return self

    @field_validator("rpc_urls", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("rpc_urls")
    @classmethod
    def _each_once(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse a node that is named twice: it would count twice where most nodes decide."""
        seen: dict[tuple[object, ...], int] = {}
        for number, url in enumerate(urls, 1):
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme)
            node = (parts.scheme, parts.hostname, port, parts.path.rstrip("/"), parts.query)
            if node in seen:
                raise SettingsError("rpc_urls_repeated", first=seen[node], again=number)
            seen[node] = number
        return urls

    @property
    def nodes(self) -> tuple[str, ...]:
        """Addresses of the chain's nodes; none with the embedded chain."""
        return self.rpc_urls or ((self.rpc_url,) if self.rpc_url else ())

    @property
    def chain_directory(self) -> Path:
        """Where an embedded chain lies."""
        return self.directory / CHAIN_FOLDER

    @property
    def url(self) -> str:
        """The database's URL; it may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.directory / 'registry.sqlite3'}"

    @property
    def cores(self) -> int:
        """How many processes share large work."""
        if self.processes is not None:
            return self.processes
        if hasattr(os, "sched_getaffinity"):  # not on macOS
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1

    def read_passphrase(self) -> str:
        """Return the key store's passphrase.

        Raises:
            SettingsError: ``passphrase_missing``, ``passphrase_unreadable``, ``passphrase_short``.
        """
        if self.passphrase is not None:
            text = self.passphrase.get_secret_value()
        elif self.passphrase_file is not None:
            try:
                text = self.passphrase_file.read_text("utf-8").strip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError("passphrase_unreadable", path=self.passphrase_file) from error
        else:
            raise SettingsError("passphrase_missing")
        if len(text) < MIN_PASSPHRASE_CHARS:
            raise SettingsError("passphrase_short", minimum=MIN_PASSPHRASE_CHARS)
        return text


def load_settings(**values: object) -> Settings:
    """Read the settings from the environment, ``values`` going before it.

    Raises:
        SettingsError: ``settings_invalid`` naming the settings, never their values;
            ``rpc_urls_repeated``, ``origin_not_https``, ``timestamp_url_not_https``.
    """
    try:
        return Settings(**values)  # type: ignore[arg-type]  # validated by pydantic
    except ValidationError as error:
        names = ", ".join(
            sorted({".".join(str(part) for part in e["loc"]) or e["msg"] for e in error.errors()})
        )
        raise SettingsError("settings_invalid", names=names) from None
