"""The chain of a deployment on one machine: anvil, made durable.

anvil keeps its chain in memory. ``persist`` puts a checked snapshot on disk, and only what a
snapshot holds is final; a crash loses at most what came after the last one, which the registry's
outbox sends again. Files of a chain's directory:

======================  ========================================================
``chain.json``          the chain's id, fixed when the directory is first used
``state.json``          the snapshot
``endpoint.json``       where the node listens, for the other processes
``owner.lock``          held by the process that runs the chain
``node.lock``           held by the node itself, so that one left over is noticed
``node.pid``            the node's process
``anvil.log``           what the node says (only failures)
======================  ========================================================
"""

import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ecert.errors import EcertError, MalformedError, UnavailableError
from networks.anvil import command, find_anvil
from networks.rpc import LoopbackRpc, can_listen, secret_loopback
from networks.snapshot import BlockRef, Snapshot, write_durably

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_DUMP_ATTEMPTS = 20
_LEAD_SECONDS = 3600
"""How far the newest block may be ahead of the clock: a little, after many blocks in one second."""

_PORT_ATTEMPTS = 5
_CHAIN_IDS = range(1 << 24, 1 << 31)  # far from public chains, and exact in every JSON reader


class EmbeddedChain:
    """A running node and its directory; a context manager.

    Args:
        directory: Where the chain lives; made when missing.
        port: The TCP port; 0 for the last one used, else any that is free.
        chain_id: The id of a new chain; random when not given.

    Raises:
        UnavailableError: ``anvil_missing``, ``chain_directory_locked``, ``chain_id_differs``,
            ``chain_node_left_over``, ``chain_start_failed``.
        MalformedError: ``chain_snapshot_malformed``.
    """

    def __init__(self, directory: Path, *, port: int = 0, chain_id: int | None = None) -> None:
        self.directory = directory
        self._mutex = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        binary = find_anvil()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _hold(directory / "owner.lock")
        except OSError as error:
            raise _not_started(directory, error) from error
        if self._lock is None:
            raise UnavailableError("chain_directory_locked", directory=directory)
        try:
            self.chain_id = self._settle_chain_id(chain_id)
            self._host = self._last_host() or secret_loopback()
            self.final = self._start(binary, port)
        except BaseException:
            self.close()
            raise

    @property
    def rpc_url(self) -> str:
        """The node's JSON-RPC address."""
        return self._rpc.url

    @property
    def pid(self) -> int | None:
        """The node's process id, or None when it does not run."""
        return self._process.pid if self.alive() and self._process else None

    @property
    def snapshot_bytes(self) -> int:
        """The size of the snapshot on disk: all of it is written at each ``persist``."""
        return self._state_path.stat().st_size

    def alive(self) -> bool:
        """Tell whether the node's process runs."""
        return self._process is not None and self._process.poll() is None

    def ensure_running(self) -> bool:
        """Start the node again from the snapshot when it has died.

        Returns:
            True when it had to be started: blocks after ``final`` are lost then, and whoever keeps
            transactions must look which are still on the chain.
        """
        with self._mutex:
            if self.alive():
                return False
            self.final = self._start(find_anvil(), self._rpc.port)
            return True

    def persist(self) -> BlockRef:
        """Put the chain on disk.

        Returns:
            The newest block that the snapshot holds: it and all before it are final.

        Raises:
            UnavailableError: ``rpc_unreachable``, ``chain_snapshot_unsettled``,
                ``chain_snapshot_not_written``; the last snapshot remains what it was.
        """
        with self._mutex:
            snapshot, block = self._dump()
            if block != self.final:
                write_durably(self._state_path, snapshot.text)
                self.final = block
            return block

    def set_clock(self, now: int) -> None:
        """Set the node's clock to ``now`` where its newest block is of more than an hour later.

        The clock of this machine was ahead when that block was made, and has been set right. Left
        alone the node counts on from there, a second a block, until it is started anew.

        Raises:
            UnavailableError: ``rpc_unreachable``.
        """
        with self._mutex:
            if int(self._block("latest")["timestamp"], 16) > now + _LEAD_SECONDS:
                self._rpc.call("evm_setTime", now)

    def close(self) -> None:
        """End the node and release the directory; what was not persisted is lost."""
        with self._mutex:
            if self._process is not None:
                self._process.terminate()
                try:
                    self._process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                self._process = None
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _state_path(self) -> Path:
        return self.directory / "state.json"

    def _settle_chain_id(self, wanted: int | None) -> int:
        path = self.directory / "chain.json"
        if not path.exists():
            chain_id = wanted or _CHAIN_IDS[secrets.randbelow(len(_CHAIN_IDS))]
            write_durably(path, json.dumps({"chain_id": chain_id}).encode())
            return chain_id
        chain_id = int(_read_json(path, "chain_id"))
        if wanted not in (None, chain_id):
            raise UnavailableError(
                "chain_id_differs", directory=self.directory, found=chain_id, wanted=wanted
            )
        return chain_id

    def _start(self, binary: Path, port: int) -> BlockRef:
        """Start the node and return the block that is durable from now on."""
        saved = None
        if self._state_path.exists():
            saved = Snapshot.from_json(self._state_path.read_bytes(), where=self._state_path)
            if not saved.whole:
                raise MalformedError("chain_snapshot_malformed", path=self._state_path)
        self._launch(binary, port)
        endpoint = {"url": self._rpc.url, "port": self._rpc.port, "chain_id": self.chain_id}
        write_durably(self.directory / "endpoint.json", json.dumps(endpoint).encode())
        if saved is None:  # a new chain: its genesis block is what trust files will name
            snapshot, block = self._dump()
            write_durably(self._state_path, snapshot.text)
            return block
        best = self._block(hex(saved.number))
        if not (best and saved.holds(best)):
            raise UnavailableError("chain_start_failed", directory=self.directory, reason="state")
        return BlockRef.from_rpc(best)

    def _launch(self, binary: Path, port: int) -> None:
        for attempt in range(_PORT_ATTEMPTS):
            chosen = port or _free_port(self._host, self._last_port() if attempt == 0 else 0)
            self._rpc = LoopbackRpc(f"http://{self._host}:{chosen}")
            try:
                self._spawn(binary, chosen)
            except OSError as error:  # the disk may be full
                raise _not_started(self.directory, error) from error
            if self._answers():
                return
            if port:
                break
        reason = (self.directory / "anvil.log").read_text("utf-8", "replace").strip()[-300:]
        raise UnavailableError("chain_start_failed", directory=self.directory, reason=reason)

    def _spawn(self, binary: Path, port: int) -> None:
        """Run the node so that its process can be found even if this one dies at once.

        The node inherits the lock, hence the lock is held exactly while it lives; its id is written
        by the very process that becomes the node.
        """
        node_lock = self._end_left_over()
        pid_file = self.directory / "node.pid"
        pid_file.unlink(missing_ok=True)
        snapshot = self._state_path if self._state_path.exists() else None
        words = command(
            binary, host=self._host, port=port, chain_id=self.chain_id, snapshot=snapshot
        )
        with node_lock, (self.directory / "anvil.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", 'umask 077 && echo $$ >"$0" && exec "$@"', str(pid_file), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"HOME": str(self.directory), "PATH": os.defpath},  # no secret of ours
                pass_fds=[node_lock.fileno()],
                start_new_session=True,  # Ctrl-C is for the owner, which persists, then ends it
            )

    def _answers(self) -> bool:
        """Wait until the node answers as this chain; False when its process ended instead."""
        deadline = time.monotonic() + _START_SECONDS
        while self.alive() and time.monotonic() < deadline:
            with contextlib.suppress(UnavailableError):
                if int(self._rpc.call("eth_chainId"), 16) == self.chain_id and self.alive():
                    return True
            time.sleep(0.02)
        return False

    def _end_left_over(self) -> IO[bytes]:
        """Return the node's lock, after ending a node that a crashed owner left running.

        Such a node may hold blocks that no snapshot has; nobody was told that they are final.
        """
        path = self.directory / "node.lock"
        deadline = time.monotonic() + 2 * _STOP_SECONDS
        while (lock := _hold(path)) is None:
            if time.monotonic() > deadline:
                raise UnavailableError("chain_node_left_over", directory=self.directory)
            force = time.monotonic() > deadline - _STOP_SECONDS
            with contextlib.suppress(OSError, ValueError):
                pid = int((self.directory / "node.pid").read_text("ascii"))
                os.kill(pid, signal.SIGKILL if force else signal.SIGTERM)
            time.sleep(0.05)
        return lock

    def _last_host(self) -> str | None:
        """Return the address used last: others may remember it."""
        with contextlib.suppress(EcertError, ValueError):
            host = LoopbackRpc(endpoint(self.directory)).host
            return host if can_listen(host) else None
        return None

    def _last_port(self) -> int:
        try:
            return int(_read_json(self.directory / "endpoint.json", "port"))
        except (EcertError, ValueError, TypeError):
            return 0

    def _block(self, number: str) -> Any:
        return self._rpc.call("eth_getBlockByNumber", number, False)

    def _genesis(self) -> Any:
        """Return block 0: the one that block 1 follows, whichever the node takes for it."""
        first = self._block("0x1")
        if first is None:
            return self._block("0x0")
        return self._rpc.call("eth_getBlockByHash", first["parentHash"], False)

    def _dump(self) -> tuple[Snapshot, BlockRef]:
        for _ in range(_DUMP_ATTEMPTS):
            before = self._block("latest")
            self._rpc.call("evm_setAutomine", False)
            try:
                dump = self._rpc.call("anvil_dumpState")
            finally:
                self._rpc.call("evm_setAutomine", True)  # what waits in the pool is made now
            snapshot = Snapshot.from_dump(dump, self._genesis())
            best = self._block(hex(snapshot.number))
            if snapshot.whole and best and snapshot.holds(best) and not _older(best, before):
                return snapshot, BlockRef.from_rpc(best)
            time.sleep(0.01)
        raise UnavailableError("chain_snapshot_unsettled", directory=self.directory)


def endpoint(directory: Path) -> str:
    """Return the JSON-RPC address of the chain that another process runs on ``directory``.

    Raises:
        UnavailableError: ``chain_not_started`` when none was ever started there.
    """
    return str(_read_json(directory / "endpoint.json", "url"))


def _not_started(directory: Path, error: OSError) -> UnavailableError:
    return UnavailableError("chain_start_failed", directory=directory, reason=error.strerror)


def _read_json(path: Path, key: str) -> Any:
    try:
        return json.loads(path.read_bytes())[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnavailableError("chain_not_started", path=path) from error


def _older(block: dict[str, Any], than: dict[str, Any]) -> bool:
    return int(block["number"], 16) < int(than["number"], 16)


def _hold(path: Path) -> IO[bytes] | None:
    """Lock ``path``, or return None when another process holds it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _free_port(host: str, preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise UnavailableError("chain_start_failed", directory=host, reason="no free port")
