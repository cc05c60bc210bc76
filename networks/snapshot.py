"""The embedded chain's snapshot: checked before it is trusted, on disk before it is relied on.

A dump taken while a block is being made can be torn: its accounts hold the effects of a transaction
that its blocks do not (seen in one of five dumps under load). Every effect raises its sender's
nonce, so a dump whose nonces and blocks count the same transactions is whole.
"""

import contextlib
import gzip
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecert.errors import MalformedError, UnavailableError

_NO_CODE = ("0x", None)
_PRIVATE = 0o600


@dataclass(frozen=True)
class BlockRef:
    """One block of the chain.

    Attributes:
        number: Its height.
        hash: Its hash, 32 bytes.
        state_root: The root of the state after it, 32 bytes.
        timestamp: Its time, in Unix seconds.
    """

    number: int
    hash: bytes
    state_root: bytes
    timestamp: int

    @classmethod
    def from_rpc(cls, block: dict[str, Any]) -> "BlockRef":
        """Read a block as JSON-RPC gives it."""
        return cls(
            int(block["number"], 16),
            bytes.fromhex(block["hash"][2:]),
            bytes.fromhex(block["stateRoot"][2:]),
            int(block["timestamp"], 16),
        )


@dataclass(frozen=True)
class Snapshot:
    """The state of a chain at its best block, as the node dumped it.

    Attributes:
        text: The JSON text that the node loads.
        number: The best block's height.
        header: The best block's header.
        whole: Whether accounts and blocks agree on the transactions made.
    """

    text: bytes
    number: int
    header: dict[str, Any]
    whole: bool

    @classmethod
    def from_dump(cls, dump: str, genesis: Mapping[str, Any]) -> "Snapshot":
        """Read what ``anvil_dumpState`` answered: hexadecimal of gzip of JSON.

        A node that was started from a snapshot makes a first block of its own all the same, and
        dumps it beside the chain's. Were both kept, either might be block 0 after the next start.

        Args:
            dump: The answer.
            genesis: The chain's block 0 as JSON-RPC gives it.

        Raises:
            MalformedError: ``chain_snapshot_malformed``.
        """
        try:
            text = gzip.decompress(bytes.fromhex(dump[2:]))
            state = json.loads(text)
            kept = [block for block in state["blocks"] if not _is_stray(block["header"], genesis)]
            if len(kept) != len(state["blocks"]):
                text = json.dumps(state | {"blocks": kept}).encode()
        except (ValueError, OSError, EOFError, zlib.error, KeyError, TypeError) as error:
            raise MalformedError("chain_snapshot_malformed", path="anvil_dumpState") from error
        return cls.from_json(text, where="anvil_dumpState")

    @classmethod
    def from_json(cls, text: bytes, *, where: object) -> "Snapshot":
        """Read a snapshot's JSON text.

        Raises:
            MalformedError: ``chain_snapshot_malformed``.
        """
        try:
            state = json.loads(text)
            number = int(state["block"]["number"], 16)
            blocks = {int(block["header"]["number"], 16): block for block in state["blocks"]}
            made = sum(len(block["transactions"]) for block in blocks.values())
            best = _integer(state["best_block_number"])
            whole = number == best == len(blocks) - 1 and made == _sent(state)
            return cls(text, number, blocks[max(blocks)]["header"], whole)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MalformedError("chain_snapshot_malformed", path=where) from error

    def holds(self, block: dict[str, Any]) -> bool:
        """Tell whether the best block is ``block`` as JSON-RPC gives it.

        A block's hash covers its header, so equal headers are equal blocks.
        """
        return _same(self.header, block)


def write_durably(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` so that after a crash either the old or the new one is there.

    Only its owner may read it.

    Raises:
        UnavailableError: ``chain_snapshot_not_written``, for example when the disk is full; what
            was there before is untouched.
    """
    beside = path.with_name(path.name + ".new")
    try:
        opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
        with os.fdopen(opened, "wb") as file:
            os.fchmod(opened, _PRIVATE)  # one left by a crash keeps the mode it had
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UnavailableError(
            "chain_snapshot_not_written", path=path, reason=error.strerror
        ) from error


def _same(header: Mapping[str, Any], block: Mapping[str, Any]) -> bool:
    fields = ("number", "parentHash", "stateRoot", "transactionsRoot", "timestamp", "mixHash")
    return all(header.get(field) == block.get(field) for field in fields)


def _is_stray(header: Mapping[str, Any], genesis: Mapping[str, Any]) -> bool:
    return int(header["number"], 16) == 0 and not _same(header, genesis)


def _sent(state: dict[str, Any]) -> int:
    """Return how many transactions the accounts' nonces count.

    A contract has a nonce too (EIP-161), even one without code; it sends no transactions.
    """
    infos = [transaction["info"] for transaction in state["transactions"]]
    created = {info.get("contract_address") for info in infos}
    for info in infos:
        calls = (node["trace"] for node in info["traces"])
        created |= {call["address"] for call in calls if call["kind"].startswith("CREATE")}
    return sum(
        account["nonce"]
        for address, account in state["accounts"].items()
        if account.get("code") in _NO_CODE and address not in created
    )


def _integer(value: object) -> int:
    return int(value, 16) if isinstance(value, str) else int(value)  # type: ignore[call-overload]
