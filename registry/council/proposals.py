"""A proposal: transactions of the council's wallet, to be signed by its owners one after another.

The file travels between people. It is read strictly, and what it says of itself is worked out anew
from the calls: a sentence or hash that does not fit them refuses the whole file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ecert.encoding import json_decode
from ecert.errors import MalformedError
from ecert.fields import Fields, hex_text
from ecert.limits import KIB, MIB
from registry.chain.addresses import ADDRESS_BYTES, checksum_address
from registry.chain.owners import SIGNATURE_BYTES, OwnerKey, signer_of
from registry.chain.safe import MAX_OWNERS, SafeState, SafeTransaction
from registry.council.wording import LANGUAGES, Act, Book, Words, describe, read_act
from registry.errors import ConflictError

MAX_PROPOSAL_BYTES = 2 * MIB
MAX_TRANSACTIONS = 64
"""Transactions of one proposal."""
MAX_CALL_BYTES = 64 * KIB
MAX_NONCE = (1 << 53) - 1

_TYPE = "ecert-council-proposal"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of a proposal.

    Attributes:
        transaction: The transaction.
        act: What it does.
        signatures: Owners' signatures by their address.
    """

    transaction: SafeTransaction
    act: Act
    signatures: Mapping[str, bytes] = field(default_factory=dict)

    def words(self) -> Words:
        """Return what it does, in Chinese and English."""
        return describe(self.act)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Transactions of one wallet on one chain, in order.

    Attributes:
        chain_id: The chain.
        safe: The wallet.
        steps: The transactions, by nonce.
    """

    chain_id: int
    safe: str
    steps: tuple[Step, ...]

    def digest(self, step: Step) -> bytes:
        """Return what owners sign for a step (EIP-712)."""
        return step.transaction.digest(self.chain_id, self.safe)

    def encode(self) -> bytes:
        """Return the file."""
        value = {
            "type": _TYPE,
            "version": _VERSION,
            "chain_id": self.chain_id,
            "safe": self.safe,
            "transactions": [
                {
                    "nonce": step.transaction.nonce,
                    "says": step.words(),
                    "to": step.transaction.to,
                    "data": hex_text(step.transaction.data),
                    "safe_tx_hash": hex_text(self.digest(step)),
                    "signatures": {
                        owner: hex_text(made) for owner, made in sorted(step.signatures.items())
                    },
                }
                for step in self.steps
            ],
        }
        return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes, book: Book) -> Self:
        """Read a file.

        Args:
            data: The file.
            book: The contracts of this registry.

        Raises:
            MalformedError: It is none; ``proposal_altered``: what it says is not what it does, or a
                signature is not its owner's; ``proposal_call_unknown``, ``proposal_call_unclear``.
        """
        value = json_decode(data, where="proposal", max_bytes=MAX_PROPOSAL_BYTES)
        fields = Fields(value, "proposal")
        fields.only("type", "version", "chain_id", "safe", "transactions")
        if fields.text("type") != _TYPE or fields.integer("version") != _VERSION:
            raise fields.fail("type")
        found = cls(fields.integer("chain_id", low=1), _address(fields, "safe"), ())
        rows = fields.items("transactions", limit=MAX_TRANSACTIONS)
        read = [_step(found, Fields(row, "transaction"), book) for row in rows]
        nonces = [step.transaction.nonce for step in read]
        if not read or nonces != list(range(nonces[0], nonces[0] + len(nonces))):
            raise fields.fail("transactions")
        return replace(found, steps=tuple(read))

    def require(self, chain_id: int, safe: SafeState) -> None:
        """Refuse a proposal that is not for this wallet now.

        Raises:
            ConflictError: ``proposal_other_chain``, ``proposal_other_safe``,
                ``proposal_nonce_used``, ``proposal_stranger_signed``.
        """
        if self.chain_id != chain_id:
            raise ConflictError("proposal_other_chain", found=self.chain_id, expected=chain_id)
        if self.safe != safe.address:
            raise ConflictError("proposal_other_safe", found=self.safe, expected=safe.address)
        last = self.steps[-1].transaction.nonce
        if last < safe.nonce:
            raise ConflictError("proposal_nonce_used", nonce=last, expected=safe.nonce)
        for step in self.steps:
            for owner in sorted(set(step.signatures) - set(safe.owners)):
                raise ConflictError("proposal_stranger_signed", owner=owner)

    def sign(self, key: OwnerKey, safe: SafeState) -> Self:
        """Return the proposal with an owner's signature on every step that is still to come.

        Raises:
            ConflictError: ``proposal_not_owner``, ``proposal_signed_already``; see ``require``.
        """
        if key.address not in safe.owners:
            raise ConflictError("proposal_not_owner", owner=key.address, safe=safe.address)
        ahead = [step for step in self.steps if step.transaction.nonce >= safe.nonce]
        if all(key.address in step.signatures for step in ahead):
            raise ConflictError("proposal_signed_already", owner=key.address)
        steps = []
        for step in self.steps:
            if step in ahead:
                made = dict(step.signatures) | {key.address: key.sign(self.digest(step))}
                step = replace(step, signatures=made)  # noqa: PLW2901
            steps.append(step)
        return replace(self, steps=tuple(steps))


def propose(
    chain_id: int, safe: str, book: Book, calls: Sequence[tuple[str, bytes]], *, nonce: int
) -> Proposal:
    """Return a proposal of calls, the first with ``nonce``.

    Args:
        chain_id: The chain.
        safe: The wallet.
        book: The contracts.
        calls: Contract and call data of each.
        nonce: The wallet's next, or a later one after other proposals.

    Raises:
        MalformedError: ``proposal_call_unknown``, ``proposal_call_unclear``.
        ConflictError: ``proposal_too_long``.
    """
    if len(calls) > MAX_TRANSACTIONS:
        raise ConflictError("proposal_too_long", limit=MAX_TRANSACTIONS)
    steps = tuple(
        Step(SafeTransaction(to, data, number), read_act(book, to, data))
        for number, (to, data) in enumerate(calls, nonce)
    )
    for step in steps:
        step.words()  # what cannot be said is not proposed
    return Proposal(chain_id, safe, steps)


def _step(proposal: Proposal, fields: Fields, book: Book) -> Step:
    fields.only("nonce", "says", "to", "data", "safe_tx_hash", "signatures")
    data = _data(fields)
    to = _address(fields, "to")
    transaction = SafeTransaction(to, data, fields.integer("nonce", high=MAX_NONCE))
    step = Step(transaction, read_act(book, to, data))
    digest = proposal.digest(step)
    said = fields.object("says")
    said.only(*LANGUAGES)
    altered = MalformedError("proposal_altered", nonce=transaction.nonce)
    if fields.raw("says") != step.words() or fields.hexadecimal("safe_tx_hash", 32) != digest:
        raise altered
    written = fields.raw("signatures")
    if not isinstance(written, dict) or len(written) > MAX_OWNERS:
        raise fields.fail("signatures")
    signatures = {}
    for owner in written:
        signature = Fields(written, "signatures").hexadecimal(owner, SIGNATURE_BYTES)
        if signer_of(digest, signature) != owner:
            raise altered
        signatures[owner] = signature
    return replace(step, signatures=signatures)


def _data(fields: Fields) -> bytes:
    text: Any = fields.raw("data")
    size = (len(text) - 2) // 2 if isinstance(text, str) else -1
    if not 4 <= size <= MAX_CALL_BYTES:
        raise fields.fail("data")
    return fields.hexadecimal("data", size)


def _address(fields: Fields, name: str) -> str:
    text = fields.text(name, max_chars=2 + 2 * ADDRESS_BYTES)
    try:
        address = checksum_address(bytes.fromhex(text[2:]))
    except (ValueError, MalformedError) as error:
        raise fields.fail(name) from error
    if address != text:
        raise fields.fail(name)
    return address
