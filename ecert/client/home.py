"""A folder that pins a trust file and remembers where nodes are."""

import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ecert import limits
from ecert.encoding import json_decode
from ecert.errors import MalformedError, TrustError, reason_of
from ecert.fields import Fields
from ecert.kinds.catalogue import Catalogue
from ecert.trust import TrustStore, UnverifiedTrust

TRUST = "trust.json"
"""The name of the pinned trust file."""
_NODES, _LOOKED = "nodes.json", "trust-looked.json"
MAX_NODES = 16


@dataclass(frozen=True, slots=True)
class Home:
    """A wallet's or verifier's folder."""

    directory: Path

    def trust(self, catalogue: Catalogue, *, now: datetime) -> TrustStore:
        """Return the pinned trust store.

        Raises:
            TrustError: ``trust_not_pinned``, or the pinned file is no longer good.
            MalformedError: The file is damaged.
        """
        return TrustStore(self.pinned(), catalogue, now=now)

    def pinned(self) -> bytes:
        """Return the pinned trust file, which may have expired.

        Raises:
            TrustError: ``trust_not_pinned``.
            MalformedError: It cannot be read.
        """
        data = self._read(TRUST)
        if data is None:
            raise TrustError("trust_not_pinned", path=str(self.directory / TRUST))
        return data

    def pinned_at(self) -> int:
        """Return when the pinned file was put here, unix seconds."""
        return int((self.directory / TRUST).stat().st_mtime)

    def follow(self, store: TrustStore) -> None:
        """Pin what was found to follow the pinned file."""
        write_file(self.directory / TRUST, store.data)

    def looked(self, now: datetime) -> None:
        """Remember when a newer trust file was looked for."""
        value = {"looked": int(now.timestamp())}
        write_file(self.directory / _LOOKED, json.dumps(value).encode())

    def last_look(self) -> int | None:
        """Return when that was, unix seconds; None where it never was.

        Raises:
            MalformedError: The file is damaged.
        """
        data = self._read(_LOOKED)
        if data is None:
            return None
        value = json_decode(data, where=_LOOKED, max_bytes=limits.KIB)
        return Fields(value, _LOOKED).integer("looked")

    def pin(self, data: bytes, catalogue: Catalogue, *, now: datetime) -> TrustStore:
        """Pin a first trust file, or take a newer one signed by the old council and the new.

        Raises:
            MalformedError: The file cannot be read.
            TrustError: It is not good, or no successor of the pinned one.
        """
        pinned = self._read(TRUST)
        if pinned is None:
            store = TrustStore(data, catalogue, now=now)
        else:
            store = TrustStore.successor(pinned, data, catalogue, now=now)
        write_file(self.directory / TRUST, data)
        return store

    def nodes(self) -> tuple[str, ...]:
        """Return the JSON-RPC addresses that were remembered.

        Raises:
            MalformedError: The file is damaged.
        """
        data = self._read(_NODES)
        if data is None:
            return ()
        value = json_decode(data, where=_NODES, max_bytes=limits.MAX_TRUST_FILE_BYTES)
        fields = Fields(value, _NODES)
        urls = fields.items("rpc", limit=MAX_NODES)
        if not all(isinstance(url, str) for url in urls):
            raise fields.fail("rpc")
        return tuple(urls)

    def remember_nodes(self, urls: Sequence[str]) -> None:
        """Remember JSON-RPC addresses, the first ``MAX_NODES`` of them."""
        value = {"rpc": list(urls[:MAX_NODES])}
        write_file(self.directory / _NODES, json.dumps(value).encode())

    def _read(self, name: str) -> bytes | None:
        """Return a file of this folder, None only where there is certainly none.

        One that may not be looked at, or a link that leads nowhere, is not missing: else any trust
        file would be taken in the place of the pinned one.
        """
        path = self.directory / name
        try:
            path.lstat()
        except FileNotFoundError:
            return None
        except OSError:
            pass  # reading says why
        return read_file(path, limit=limits.MAX_TRUST_FILE_BYTES)


def read_file(path: Path, *, limit: int) -> bytes:
    """Return a file's bytes, reading no more than ``limit``.

    Raises:
        MalformedError: ``too_large``, ``file_unreadable``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        reason = reason_of(error)
        raise MalformedError("file_unreadable", path=str(path), reason=reason) from error
    if len(data) > limit:
        raise MalformedError("too_large", where=path.name, size=f">{limit}", limit=limit)
    return data


def read_trust_file(path: Path) -> bytes:
    """Return a trust file that somebody named, after checking that it is one; unverified.

    Raises:
        MalformedError: ``trust_file_malformed``, ``too_large``, ``file_unreadable``.
    """
    data = read_file(path, limit=limits.MAX_TRUST_FILE_BYTES)
    try:
        UnverifiedTrust.read(data)
    except MalformedError as error:
        raise MalformedError("trust_file_malformed", path=path, reason=error.code) from error
    return data


def refuse_existing(path: Path) -> None:
    """Refuse to write where a file is already; a device or pipe is no such file.

    Raises:
        MalformedError: ``file_exists``.
    """
    if os.path.isfile(path):  # noqa: PTH113  # Path.is_file raises for a name that is too long
        raise MalformedError("file_exists", path=str(path))


def write_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all.

    A link is followed; a device or pipe is written to and never replaced.

    Raises:
        MalformedError: ``file_unwritable``.
    """
    real = Path(os.path.realpath(path))
    beside = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
    try:
        if real.exists() and not real.is_file() and not real.is_dir():
            real.write_bytes(data)
            return
        real.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(real)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        reason = reason_of(error)
        raise MalformedError("file_unwritable", path=str(path), reason=reason) from error


def write_into(folder: Path, name: str, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all into a folder that somebody else writes to as well.

    No link is followed there, whatever stands in the file's place is replaced, and who swaps files
    meanwhile has nothing written through them.

    Args:
        folder: The folder, made where there is none.
        name: The file's name in it.
        data: Its content.
        mode: Its permissions.

    Raises:
        MalformedError: ``file_unwritable``, also where the folder is a link.
    """
    beside = f".{name}.{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(beside, flags, mode, dir_fd=inside), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(beside, name, src_dir_fd=inside, dst_dir_fd=inside)
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=inside)
            raise
        finally:
            os.close(inside)
    except OSError as error:
        reason = reason_of(error)
        raise MalformedError("file_unwritable", path=str(folder / name), reason=reason) from error
