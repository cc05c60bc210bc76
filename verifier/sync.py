"""Brings a snapshot forward to the newest final block, checking on the way.

1 the newest final block is one that a quorum of the network's validators sealed; on an embedded
  chain, the one that the operator signed, and the node has it
2 chain id, genesis block, pinned block and contracts' code are those of the trust file
3 the block that the snapshot stood at is still on the chain
4 the events since then, replayed, lead to the heads that the contracts keep at that block, which
  are proved from its state root, as is the code (the node's word, where an embedded chain's node
  makes no proofs)

Whatever fails, the snapshot remains what it was.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecert.chain.blocks import Header
from ecert.chain.finality import FinalWhenSigned
from ecert.chain.node import Nodes
from ecert.chain.records import CONTRACTS
from ecert.chain.seen_blocks import LAG_SECONDS, SeenBlocks
from ecert.errors import UnavailableError
from ecert.facts import Basis
from ecert.fields import hex_text
from ecert.trust import Contract, TrustStore
from verifier.snapshot_meta import Meta
from verifier.snapshot_update import SnapshotUpdate, stored_meta, update


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did.

    Attributes:
        before: The block that the snapshot stood at; None when it is new.
        block: The block that it stands at.
        time: As of when it holds, unix seconds.
        events: How many events were replayed.
        basis: What it rests on.
    """

    before: int | None
    block: int
    time: int
    events: int
    basis: Basis


def sync(
    path: Path,
    trust: TrustStore,
    urls: Sequence[str],
    *,
    fetch_checkpoint: Callable[[], bytes],
    clock: Callable[[], float] = time.time,
) -> Synced:
    """Bring the snapshot at ``path`` forward, or begin it.

    Args:
        path: The snapshot's file.
        trust: Names chain, contracts and operators.
        urls: JSON-RPC addresses of nodes, the preferred one first.
        fetch_checkpoint: Gets the operator's latest checkpoint; not used for other engines.
        clock: The wall clock, unix seconds.

    Raises:
        MalformedError: A checkpoint that cannot be read, events that cannot be replayed
            (``event_…``), or ``rpc_url_malformed``.
        TrustError: ``signed_by_too_few``: no operator signed the checkpoint.
        UnavailableError: ``sync_other_chain``, ``sync_other_code``, ``checkpoint_not_on_chain``,
            ``chain_reorganised``, ``snapshot_would_go_back``, ``heads_differ``,
            ``handover_not_found``; the nodes' failures (``rpc_…``) and the file's (``snapshot_…``).
    """
    nodes = Nodes(urls)
    validators: tuple[bytes, ...] = ()
    if trust.file.engine == "anvil":
        final, as_of = _signed_block(nodes, trust, fetch_checkpoint)
    else:
        final, validators = _sealed_block(nodes, trust, stored_meta(path, trust), clock())
        as_of = final.time
    _check_chain(nodes, trust, final.number)
    with update(path, trust) as changes:
        before = changes.meta
        if before is not None:
            _check_continues(nodes, before, final)
        count = _replay(nodes, trust, changes, final.number)
        basis = _compare_heads(nodes, trust, changes.state.heads, final)
        if nodes.header(final.number).hash != final.hash:
            raise _reorganised(final, nodes.header(final.number))
        time_known = min(as_of, int(clock()))
        after = changes.finish(final, time_known, basis, validators=validators)
    start = before.header.number if before else None
    return Synced(start, final.number, after.time, count, basis)


def _sealed_block(
    nodes: Nodes, trust: TrustStore, before: Meta | None, now: float
) -> tuple[Header, tuple[bytes, ...]]:
    """Return a network's newest block, which its validators proved, and who they are.

    They are followed from the block that the snapshot stands at, where that was proved, or else
    from the trust file's.
    """
    proved = before.proved if before is not None else None
    known = trust if proved is None else trust.going_on_from(proved)
    block = SeenBlocks(nodes, known).newest(since=now - LAG_SECONDS)
    return Header(block.number, block.hash, block.state_root, block.time), block.validators


def _signed_block(
    nodes: Nodes, trust: TrustStore, fetch_checkpoint: Callable[[], bytes]
) -> tuple[Header, int]:
    """Return the block that the operator signed and as of when it is known to be the newest."""
    signed = FinalWhenSigned(trust, fetch_checkpoint).verified()
    header = nodes.header(signed.number)
    if (header.hash, header.state_root) != (signed.hash, signed.state_root):
        raise UnavailableError(
            "checkpoint_not_on_chain",
            block=signed.number,
            signed=hex_text(signed.hash),
            found=hex_text(header.hash),
        )
    return header, signed.time


def _check_chain(nodes: Nodes, trust: TrustStore, block: int) -> None:
    file = trust.file
    found = nodes.chain_id()
    if found != file.chain_id:
        raise UnavailableError("sync_other_chain", block=0, found=found, expected=file.chain_id)
    pins = {0: file.genesis_hash, file.checkpoint.number: file.checkpoint.hash}
    for number, wanted in pins.items():
        header = nodes.header(number)
        if header.hash != wanted:
            raise UnavailableError(
                "sync_other_chain",
                block=number,
                found=hex_text(header.hash),
                expected=hex_text(wanted),
            )
    for name, contract in file.contracts.items():
        _check_code(name, contract, nodes.code_hash(contract.address, block))


def _check_code(name: str, contract: Contract, code_hash: bytes) -> None:
    if code_hash != contract.code_hash:
        raise UnavailableError(
            "sync_other_code",
            contract=name,
            found=hex_text(code_hash),
            expected=hex_text(contract.code_hash),
        )


def _check_continues(nodes: Nodes, before: Meta, final: Header) -> None:
    before.check_precedes(final)
    still = nodes.header(before.header.number)
    if still.hash != before.header.hash:
        raise _reorganised(before.header, still)


def _replay(nodes: Nodes, trust: TrustStore, changes: SnapshotUpdate, last: int) -> int:
    addresses = {name: trust.file.contracts[name].address for name in CONTRACTS}
    first = changes.meta.header.number + 1 if changes.meta else 0
    count = 0
    for log in nodes.logs(list(addresses.values()), first, last):
        changes.state.apply(log)
        count += 1
    return count


def _compare_heads(
    nodes: Nodes, trust: TrustStore, replayed: Mapping[str, bytes], final: Header
) -> Basis:
    """Compare the heads with those on the chain and return what these rest on."""
    found, basis = _heads(nodes, trust, final)
    for name, head in found.items():
        if head != replayed[name]:
            raise UnavailableError(
                "heads_differ",
                contract=name,
                block=final.number,
                found=hex_text(head),
                replayed=hex_text(replayed[name]),
            )
    return basis


def _heads(nodes: Nodes, trust: TrustStore, final: Header) -> tuple[dict[str, bytes], Basis]:
    contracts = {name: trust.file.contracts[name] for name in CONTRACTS}
    embedded = trust.file.engine == "anvil"
    try:
        heads = {
            name: _proven_head(nodes, name, contract, final) for name, contract in contracts.items()
        }
    except UnavailableError as error:
        if error.code != "rpc_refused" or not embedded:
            raise
    else:
        return heads, Basis.OPERATOR if embedded else Basis.VALIDATORS
    heads = {name: nodes.head(c.address, final.number) for name, c in contracts.items()}
    return heads, Basis.NODE


def _proven_head(nodes: Nodes, name: str, contract: Contract, final: Header) -> bytes:
    proven = nodes.proven_head(contract.address, final.number, final.state_root)
    _check_code(name, contract, proven.code_hash)
    return proven.head


def _reorganised(stored: Header, found: Header) -> UnavailableError:
    return UnavailableError(
        "chain_reorganised",
        block=stored.number,
        stored=hex_text(stored.hash),
        found=hex_text(found.hash),
    )
