"""QBFT headers, as Hyperledger Besu and GoQuorum both make them.

``extraData`` is the RLP of vanity, validators, vote, round and commit seals. The list of validators
in block N is the set after the votes up to block N - 1, and it is they who seal block N. A seal
signs the header without seals; the block's hash is over it without seals and with round 0, so that
the same block has one hash whoever sealed it in whichever round. Besu refuses a list that is not
that set, or is not sorted; GoQuorum takes any list, so that it is compared here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from eth_hash.auto import keccak
from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from ecert import limits
from ecert.chain.header import BlockHeader
from ecert.chain.rlp_items import Item, decode, encode, malformed, scalar, scalar_bytes
from ecert.errors import ProofError

VANITY_BYTES = 32
ADDRESS_BYTES = 20
SEAL_BYTES = 65
MAX_ROUND = (1 << 32) - 1
_ADD, _DROP = b"\xff", b""

DIFFICULTY = 1
MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
"""What tells a header of this family of engines."""
NO_OMMERS = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
"""Keccak-256 of the RLP of an empty list."""

_BACKEND = CoinCurveECCBackend()


@dataclass(frozen=True, slots=True)
class Vote:
    """A proposer's vote on one validator.

    Attributes:
        recipient: Whom it is about, 20 bytes.
        add: To add, or else to drop it.
    """

    recipient: bytes
    add: bool


@dataclass(frozen=True, slots=True)
class Extra:
    """What a QBFT header's ``extraData`` holds.

    Attributes:
        vanity: 32 bytes of the proposer's choice.
        validators: Addresses, each once.
        vote: The proposer's vote, or None.
        round: The round in which it was sealed.
        seals: Signatures of 65 bytes: r, s, and v of 0 or 1.
    """

    vanity: bytes
    validators: tuple[bytes, ...]
    vote: Vote | None
    round: int
    seals: tuple[bytes, ...]

    @classmethod
    def decode(cls, encoded: bytes) -> "Extra":
        """Read ``extraData``.

        Raises:
            ProofError: ``header_malformed``.
        """
        match decode(encoded, limit=limits.MAX_HEADER_BYTES):
            case [bytes(vanity), list(validators), list(vote), round_, list(seals)]:
                pass
            case _:
                raise malformed("extraData")
        if len(vanity) != VANITY_BYTES:
            raise malformed("vanity")
        listed = _strings(validators, ADDRESS_BYTES, "validators")
        if len(set(listed)) != len(listed):
            raise malformed("validators")
        return cls(
            vanity=vanity,
            validators=listed,
            vote=_vote(vote),
            round=scalar(round_, "round", most=MAX_ROUND),
            seals=_strings(seals, SEAL_BYTES, "seals"),
        )

    def encode(self) -> bytes:
        """Return the RLP."""
        vote: list[Item] = []
        if self.vote is not None:
            vote = [self.vote.recipient, _ADD if self.vote.add else _DROP]
        return encode(
            [
                self.vanity,
                list(self.validators),
                vote,
                scalar_bytes(self.round),
                list(self.seals),
            ]
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in a header that a quorum sealed.

    Attributes:
        extra: What its ``extraData`` holds.
        sealers: Who sealed it, ascending.
    """

    extra: Extra
    sealers: tuple[bytes, ...]


def quorum(validators: int) -> int:
    """Return how many of so many validators must seal: two thirds, rounded up."""
    return -(-2 * validators // 3)


def block_hash(header: BlockHeader) -> bytes:
    """Return the block's hash, 32 bytes.

    Raises:
        ProofError: ``header_malformed``.
    """
    if header.number == 0:  # hashed as it is
        return keccak(header.encoded)
    extra = Extra.decode(header.extra)
    return keccak(header.with_extra(replace(extra, round=0, seals=()).encode()))


def seal_hash(header: BlockHeader) -> bytes:
    """Return what the validators signed, 32 bytes.

    Raises:
        ProofError: ``header_malformed``.
    """
    extra = Extra.decode(header.extra)
    return keccak(header.with_extra(replace(extra, seals=()).encode()))


def is_qbft(header: BlockHeader) -> bool:
    """Whether a header is of this family: its constants, and an ``extraData`` that can be read."""
    if (header.mix_hash, header.difficulty) != (MIX_HASH, DIFFICULTY):
        return False
    try:
        return bool(Extra.decode(header.extra).validators)
    except ProofError:
        return False


def check_seals(
    header: BlockHeader, validators: Iterable[bytes], *, counted: Iterable[bytes] | None = None
) -> Checked:
    """Check that a quorum of ``validators`` sealed a header that names them.

    Args:
        header: The header; not that of block 0, which nobody seals.
        validators: The set at its height.
        counted: Whose seals count; all of the set's when not given. A quorum of the whole set is
            needed all the same.

    Raises:
        ProofError: ``header_malformed``; ``validators_differ``: it names other validators;
            ``seals_too_few``, ``seal_doubled``, ``seal_of_stranger``; ``validators_retired``: it
            has a quorum, but not of those who count.
    """
    constants = (header.mix_hash, header.difficulty, header.ommers_hash)
    if constants != (MIX_HASH, DIFFICULTY, NO_OMMERS):
        raise malformed("constants")
    extra = Extra.decode(header.extra)
    known = sorted(validators)
    if list(extra.validators) != known:
        raise ProofError("validators_differ", block=header.number)
    needed = quorum(len(known))
    if not known or len(extra.seals) < needed:
        raise ProofError(
            "seals_too_few", block=header.number, found=len(extra.seals), needed=needed
        )
    sealers = _sealers(header, extra, frozenset(known))
    if counted is not None and len(sealers & frozenset(counted)) < needed:
        raise ProofError("validators_retired", block=header.number)
    return Checked(extra, tuple(sorted(sealers)))


def signed_seals(header: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the seals of a header, each with who made it, by address.

    A block's hash does not cover its seals: they say something where ``check_seals`` passed.

    Args:
        header: Its RLP.

    Raises:
        ProofError: ``header_malformed``.
    """
    decoded = BlockHeader.decode(header)
    signed = seal_hash(decoded)
    found = ((_signer(seal, signed), seal) for seal in Extra.decode(decoded.extra).seals)
    return tuple(sorted((sealer, seal) for sealer, seal in found if sealer is not None))


def sealers(header: bytes) -> tuple[bytes, ...]:
    """Return whose seals a header bears, ascending; as ``signed_seals``.

    Args:
        header: Its RLP.

    Raises:
        ProofError: ``header_malformed``.
    """
    return tuple(sealer for sealer, _ in signed_seals(header))


def _sealers(header: BlockHeader, extra: Extra, known: frozenset[bytes]) -> frozenset[bytes]:
    signed = keccak(header.with_extra(replace(extra, seals=()).encode()))
    sealers: set[bytes] = set()
    for seal in extra.seals:
        sealer = _signer(seal, signed)
        if sealer not in known:
            raise ProofError("seal_of_stranger", block=header.number)
        if sealer in sealers:  # be it by the other signature that ECDSA allows
            raise ProofError("seal_doubled", block=header.number)
        sealers.add(sealer)
    return frozenset(sealers)


def _signer(seal: bytes, signed: bytes) -> bytes | None:
    try:
        signature = Signature(signature_bytes=seal, backend=_BACKEND)
        return signature.recover_public_key_from_msg_hash(signed).to_canonical_address()
    except (BadSignature, ValidationError):
        return None


def _strings(items: list[Item], length: int, reason: str) -> tuple[bytes, ...]:
    if len(items) > limits.MAX_VALIDATORS:
        raise malformed(reason)
    found = tuple(item for item in items if isinstance(item, bytes) and len(item) == length)
    if len(found) != len(items):
        raise malformed(reason)
    return found


def _vote(items: list[Item]) -> Vote | None:
    match items:
        case []:
            return None
        case [bytes(recipient), (b"\xff" | b"") as kind] if len(recipient) == ADDRESS_BYTES:
            return Vote(recipient, add=kind == _ADD)
        case _:
            raise malformed("vote")
