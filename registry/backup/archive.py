"""The form of a backup file: age over gzip over tar, read and written in a flat amount of memory.

``age --decrypt`` and ``tar`` open it too. What is read here is bounded and strict: plain files
alone, each with a size below a limit, and nothing after the last one.
"""

import queue
import tarfile
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import pyrage

from ecert.errors import MalformedError
from ecert.limits import KIB, MIB
from registry.backup.errors import BackupError

MAX_MEMBER_BYTES = 4096 * MIB
"""One file of a backup: the embedded chain's snapshot is the largest."""

_LEVEL = 1  # signed texts hardly shrink further, and the next levels take several times as long
_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 256 * KIB
_WAITING = 16
"""Chunks decrypted ahead."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file to be written.

    Attributes:
        name: Its name, with slashes.
        size: Its length in bytes.
        chunks: Its bytes.
    """

    name: str
    size: int
    chunks: Iterable[bytes]

    @classmethod
    def of(cls, name: str, data: bytes) -> "Member":
        """Return a member whose bytes are there already."""
        return cls(name, len(data), (data,))


def write_archive(file: IO[bytes], recipient: str, members: Iterable[Member]) -> None:
    """Write an archive.

    Raises:
        OSError: The file cannot be written; and whatever ``members`` raises.
    """
    source = _Source(_compressed(members))
    sink = _Sink(file)
    try:
        pyrage.encrypt_io(source, sink, [pyrage.x25519.Recipient.from_str(recipient)])
    except pyrage.EncryptError:
        # It tells of an error in other words only.
        raise source.error or sink.error or OSError() from None


def _compressed(members: Iterable[Member]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for chunk in _tar(members):
        yield packer.compress(chunk)
    yield packer.flush()


def _tar(members: Iterable[Member]) -> Iterator[bytes]:
    for member in members:
        if member.size > MAX_MEMBER_BYTES:
            raise MalformedError(
                "too_large", where=member.name, size=member.size, limit=MAX_MEMBER_BYTES
            )
        header = tarfile.TarInfo(member.name)
        header.size, header.mode = member.size, 0o600
        yield header.tobuf(tarfile.USTAR_FORMAT, "ascii")
        yield from member.chunks
        yield bytes(-member.size % _BLOCK)
    yield bytes(2 * _BLOCK)


class _Source:
    """A reader of what a generator yields; remembers what the generator raised."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return b""
            except BaseException as error:
                self.error = error
                raise
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)


class _Sink:
    """A writer; remembers what the file's own writer raised."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()


class Part:
    """One file that is being read; must be read before the next.

    Attributes:
        name: Its name.
        size: Its length in bytes.
    """

    def __init__(self, name: str, size: int, plain: "_Plain") -> None:
        self.name, self.size = name, size
        self._plain, self._left = plain, size

    def chunks(self) -> Iterator[bytes]:
        """Yield its bytes.

        Raises:
            BackupError: ``backup_damaged``.
        """
        while self._left:
            chunk = self._plain.exactly(min(self._left, _CHUNK))
            self._left -= len(chunk)
            yield chunk

    def read(self, limit: int) -> bytes:
        """Return all its bytes.

        Raises:
            BackupError: ``backup_damaged``.
            MalformedError: ``too_large``.
        """
        if self.size > limit:
            raise MalformedError("too_large", where=self.name, size=self.size, limit=limit)
        return b"".join(self.chunks())


@contextmanager
def reading_archive(file: IO[bytes], identity: pyrage.x25519.Identity) -> Iterator[Iterator[Part]]:
    """Give the parts of an archive in order.

    Whoever takes them to the end knows that none is missing and none was changed since it was
    written; not yet by whom it was written.

    Raises:
        BackupError: ``backup_key_does_not_fit``, ``backup_damaged``.
    """
    with _decrypted(file, identity) as chunks:
        yield _parts(_Plain(chunks))


def _parts(plain: "_Plain") -> Iterator[Part]:
    while True:
        block = plain.exactly(_BLOCK)
        if not any(block):
            break
        try:
            header = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as error:
            raise BackupError("backup_damaged") from error
        if header.type != tarfile.REGTYPE or not 0 <= header.size <= MAX_MEMBER_BYTES:
            raise BackupError("backup_damaged")
        part = Part(header.name, header.size, plain)
        yield part
        for _ in part.chunks():
            pass  # what was not read
        plain.exactly(-header.size % _BLOCK)
    if any(plain.exactly(_BLOCK)) or not plain.ended():
        raise BackupError("backup_damaged")


class _Plain:
    """The decompressed bytes, asked for by number."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._ready = bytearray()

    def exactly(self, count: int) -> bytes:
        while len(self._ready) < count:
            if not self._more():
                raise BackupError("backup_damaged")
        taken = bytes(self._ready[:count])
        del self._ready[:count]
        return taken

    def ended(self) -> bool:
        """Tell whether nothing follows, having looked at all that does."""
        while not self._ready and self._more():
            pass
        return not self._ready and self._unpacker.eof and not self._unpacker.unused_data

    def _more(self) -> bool:
        data = self._unpacker.unconsumed_tail
        if not data:
            found = next(self._chunks, None)
            if found is None:
                return False
            data = found
        try:
            self._ready += self._unpacker.decompress(data, _CHUNK)
        except zlib.error as error:
            raise BackupError("backup_damaged") from error
        return True


class _Stopped(Exception):  # noqa: N818  # no failure: nobody reads on
    pass


class _Queue:
    """Takes what age decrypts in one thread, for another to read."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[bytes | BaseException | None] = queue.Queue(_WAITING)
        self._stopped = threading.Event()

    def write(self, data: bytes) -> int:
        self.put(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is there."""

    def put(self, item: bytes | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                self._waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return
        raise _Stopped

    def items(self) -> Iterator[bytes]:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def stop(self) -> None:
        self._stopped.set()


@contextmanager
def _decrypted(file: IO[bytes], identity: pyrage.x25519.Identity) -> Iterator[Iterator[bytes]]:
    """Run age in a thread: it writes when it likes, and what reads here asks when it likes."""
    waiting = _Queue()

    def decrypt() -> None:
        end: BaseException | None = None
        try:
            pyrage.decrypt_io(file, waiting, [identity])
        except _Stopped:
            return
        except pyrage.DecryptError as error:
            end = _header_error(error)
        except OSError:
            end = BackupError("backup_damaged")
        except BaseException as error:  # noqa: BLE001  # raised again where it is read
            end = error
        try:
            waiting.put(end)
        except _Stopped:
            return

    thread = threading.Thread(target=decrypt, name="age", daemon=True)
    thread.start()
    try:
        yield waiting.items()
    finally:
        waiting.stop()
        thread.join()


def _header_error(error: pyrage.DecryptError) -> BackupError:
    if "matching keys" in str(error):
        return BackupError("backup_key_does_not_fit")
    return BackupError("backup_damaged")
