"""What proves a block to somebody who holds nothing but the trust file.

On an embedded chain, the operator's signed checkpoint. On a network, the block's header with the
seals of a quorum of its validators, and the handovers that lead to them from a pinned block.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ecert.chain import qbft
from ecert.chain.handover_search import Headers, find_handovers
from ecert.chain.header import BlockHeader
from ecert.chain.node import Nodes
from ecert.chain.validators import Following, Handover, VotingRules, follow
from ecert.checkpoint import Checkpoint
from ecert.errors import ProofError, UnavailableError
from ecert.facts import Basis
from ecert.trust import Engine, TrustFile, TrustStore


@dataclass(frozen=True, slots=True)
class ProvenBlock:
    """A block that is certain.

    Attributes:
        number: Its number.
        hash: Its hash, 32 bytes.
        state_root: The root of the state after it, 32 bytes.
        time: Its time; on an embedded chain when the operator last spoke for it. Unix seconds.
        basis: What it rests on.
        validators: Who seals at its height; none on an embedded chain.
        sealers: Those of them whose seals were checked, ascending; none where the trust file pins
            the block, whose hash does not cover its seals, and none on an embedded chain.
    """

    number: int
    hash: bytes
    state_root: bytes
    time: int
    basis: Basis
    validators: tuple[bytes, ...]
    sealers: tuple[bytes, ...]

    @property
    def pinned(self) -> bool:
        """Whether the trust file names this block, so that it needs no seals."""
        return self.basis is Basis.VALIDATORS and not self.sealers


@dataclass(frozen=True, slots=True)
class BlockProof:
    """A proof of one block; whoever gave it is not trusted.

    Attributes:
        header: RLP of its sealed header, on a network.
        handovers: The changes of validators since the nearest pinned block, oldest first.
        checkpoint: The operator's signed word, on an embedded chain.
    """

    header: bytes | None
    handovers: tuple[Handover, ...]
    checkpoint: bytes | None

    def verify(self, trust: TrustStore) -> ProvenBlock:
        """Return the block.

        Raises:
            MalformedError: The checkpoint cannot be read.
            ProofError: ``block_proof_malformed``, ``block_before_checkpoint``,
                ``block_not_pinned``, or as ``Following.take`` and ``check_seals``.
            TrustError: ``signed_by_too_few``: no operator signed the checkpoint.
        """
        if trust.file.engine == "anvil":
            return self._signed(trust.file)
        if self.header is None or self.checkpoint is not None:
            raise ProofError("block_proof_malformed", reason="header")
        return _sealed(trust.file, BlockHeader.decode(self.header), self.handovers)

    def _signed(self, file: TrustFile) -> ProvenBlock:
        if self.checkpoint is None or self.header is not None or self.handovers:
            raise ProofError("block_proof_malformed", reason="checkpoint")
        word = Checkpoint.verify(self.checkpoint, file.operators)
        if word.chain_id != file.chain_id:
            raise ProofError("block_proof_malformed", reason="chain_id")
        for pin in file.pins:
            if pin.number == word.number and pin.hash != word.hash:
                raise ProofError("block_not_pinned", block=word.number)
        return ProvenBlock(
            word.number, word.hash, word.state_root, word.time, Basis.OPERATOR, (), ()
        )


def following_from(file: TrustFile, block: int) -> Following:
    """Return what follows the validators to ``block`` from the nearest pinned block.

    Where a later block is pinned as well, only who is a validator there still counts: the key of
    one who has left may have been stolen since, and could rewrite the past.

    Raises:
        ProofError: ``block_before_checkpoint``.
    """
    pins = file.pins
    position = bisect_right([pin.number for pin in pins], block)
    if position == 0:
        raise ProofError("block_before_checkpoint", block=block, first=pins[0].number)
    base = pins[position - 1]
    counted = frozenset(pins[position].validators) if position < len(pins) else None
    return Following(base.number, base.validators, voting_rules(file), counted=counted)


def voting_rules(file: TrustFile) -> VotingRules:
    """Return how votes are counted on the chain that a trust file names."""
    assert file.epoch_length is not None  # the engine is one with validators
    return voting_rules_of(file.engine, file.epoch_length)


def voting_rules_of(engine: Engine, epoch_length: int) -> VotingRules:
    """Return how an engine counts votes."""
    return VotingRules(epoch_length, in_epoch_blocks=engine == "quorum")


def _sealed(file: TrustFile, header: BlockHeader, handovers: tuple[Handover, ...]) -> ProvenBlock:
    following = following_from(file, header.number)
    block_hash = qbft.block_hash(header)
    pinned = {pin.number: pin.hash for pin in file.pins}.get(header.number)
    sealers: tuple[bytes, ...] = ()
    if pinned is not None:
        if pinned != block_hash:
            raise ProofError("block_not_pinned", block=header.number)
        if handovers:
            raise ProofError("block_proof_malformed", reason="handovers")
    else:
        follow(following, handovers)
        if following.since > header.number:
            raise ProofError("block_proof_malformed", reason="handovers")
        sealers = following.check(header).sealers
    return ProvenBlock(
        header.number,
        block_hash,
        header.state_root,
        header.time,
        Basis.VALIDATORS,
        following.validators,
        sealers,
    )


def prove_block(
    nodes: Nodes,
    trust: TrustStore,
    number: int | Literal["latest"],
    *,
    fetch_checkpoint: Callable[[], bytes],
) -> BlockProof:
    """Gather what proves a block, and check it.

    Args:
        nodes: Nodes of the chain; none is trusted.
        trust: The trust roots.
        number: Which block; ``latest`` for the newest final one.
        fetch_checkpoint: Gets the operator's latest checkpoint, on an embedded chain.

    Raises:
        MalformedError: A checkpoint that cannot be read.
        ProofError: What the nodes gave proves nothing; as ``BlockProof.verify``.
        TrustError: ``signed_by_too_few``.
        UnavailableError: ``block_not_provable``, ``handover_not_found``, or a node's failure.
    """
    if trust.file.engine == "anvil":
        proof = BlockProof(None, (), fetch_checkpoint())
        signed = proof.verify(trust).number
        if number not in ("latest", signed):
            raise UnavailableError("block_not_provable", block=number, signed=signed)
        return proof
    header = nodes.block_header(number)
    handovers: tuple[Handover, ...] = ()
    if header.number not in {pin.number for pin in trust.file.pins}:
        following = following_from(trust.file, header.number)
        handovers = find_handovers(Headers(nodes), following, voting_rules(trust.file), header)
    proof = BlockProof(header.encoded, handovers, None)
    proof.verify(trust)
    return proof
