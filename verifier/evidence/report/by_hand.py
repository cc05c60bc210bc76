"""How to check a package again without this program: commands, and the values to be found.

Every value is computed here from the package by the public rules that the report names; where a
value differs from the one that it should be, the report says so.
"""

import hashlib
import shlex
from collections.abc import Iterator

from eth_hash.auto import keccak

from ecert.artefact import CardArtefact
from ecert.authority import Interval
from ecert.chain import qbft
from ecert.chain.header import BlockHeader
from ecert.chain.layout import Place
from ecert.chain.proof import ProofNodes
from ecert.chain.records import CONTRACTS
from ecert.encoding import code_bytes
from ecert.errors import Language, ProofError
from ecert.fields import hex_text
from ecert.merkle import leaf_hash, node_hash, root_of
from ecert.receipt import Receipt
from ecert.status import ENTRIES_PER_WORD, entry_of
from verifier.evidence.report import programs
from verifier.evidence.report.blocks import Block, Commands, Rows, Section, Table, Text
from verifier.evidence.report.exhibit import Exhibit
from verifier.evidence.report.storage import places, slot_terms
from verifier.evidence.report.words import moment, say

_SIGNED = '\'.presentation | split("~")[0] | split(".")[0:2] | join(".")\''


def by_hand(exhibit: Exhibit, language: Language) -> Iterator[Section]:
    """Yield the section and those within it."""
    made = _ByHand(exhibit, language)
    yield Section(made.say("hand"), tuple(made.commands()))
    for key, blocks in (
        ("document", made.document()),
        ("tree", made.tree()),
        ("words", made.words()),
        ("accounts", made.accounts()),
        ("rights", made.rights()),
        ("block", made.block()),
        ("stamp", made.stamp()),
    ):
        yield Section(made.say(f"hand_{key}"), tuple(blocks), level=3)


class _ByHand:
    def __init__(self, exhibit: Exhibit, language: Language) -> None:
        self.exhibit = exhibit
        self.language = language
        self.file = exhibit.file
        self.facts = exhibit.report.facts
        self.proof = ProofNodes(exhibit.evidence.proof.state.nodes)
        self.places = places(exhibit)

    def say(self, key: str, **values: object) -> str:
        return say(key, self.language, **values)

    def commands(self) -> Iterator[Block]:
        exhibit = self.exhibit
        at = "" if exhibit.asked is None else f" --at {shlex.quote(exhibit.asked)}"
        yield Text(self.say("hand_about"))
        yield Commands(
            (
                *programs.assigned("package", f"./{exhibit.package.name}"),
                *programs.assigned("trust", f"./{exhibit.trust.name}"),
                'sha256sum "$package" "$trust"',
                f'verifier evidence check "$package" --trust "$trust"{at}',
            )
        )
        yield Rows(tuple((file.name, file.sha256) for file in (exhibit.package, exhibit.trust)))
        yield Text(self.say("hand_parts"))
        yield Commands(programs.INSTALL)
        yield Text(self.say("hand_apart"))
        parts = [("document", "package[3]"), ("proof", "package[4]")]
        if exhibit.header is None:
            parts.append(("checkpoint", "proof[3]"))
        else:
            parts.append(("header", "proof[1]"))
        if exhibit.report.stamped:
            parts.append(("token", "proof[5]"))
        yield Commands(programs.parted(parts))

    def document(self) -> Iterator[Block]:
        """The document's digest, and the key that signed it."""
        artefact = self.exhibit.artefact
        if artefact is None:
            yield Text(self.say("unread"))
            return
        if isinstance(artefact, CardArtefact):
            yield Text(self.say("digest_of_card"))
        else:
            yield Text(self.say("digest_of_document"))
            yield Commands((f"jq -j {_SIGNED} document | sha256sum",))
        rows = [
            (self.say("digest"), artefact.digest.hex()),
            (self.say("thumbprint"), artefact.kid.hex()),
        ]
        key = None if self.facts is None else self.facts.key
        if key is not None:
            rows += [("x", key.x.hex()), ("y", key.y.hex())]
        yield Rows(tuple(rows))

    def tree(self) -> Iterator[Block]:
        """From the digest to the root."""
        artefact, receipt = self.exhibit.artefact, self.exhibit.receipt
        if artefact is None or receipt is None:
            yield Text(self.say("no_receipt"))
            return
        leaf = leaf_hash(artefact.digest)
        yield Text(self.say("tree_about", index=receipt.index, size=receipt.size))
        yield Commands(
            (f"digest={artefact.digest.hex()}", 'printf "00$digest" | xxd -r -p | sha256sum')
        )
        yield Rows(((self.say("leaf"), leaf.hex()),))
        rows = []
        try:
            found = root_of(leaf, receipt.index, receipt.size, receipt.path)
        except ProofError:
            yield Text(self.say("path_impossible"))
            return
        for number, (left, right, result) in enumerate(_climb(leaf, receipt), 1):
            rows += [
                (self.say("level_left", number=number), left.hex()),
                (self.say("level_right", number=number), right.hex()),
                (self.say("level_result", number=number), result.hex()),
            ]
        if rows:
            yield Rows(tuple(rows))
        yield Rows(
            (
                (self.say("root_found"), found.hex()),
                (self.say("root_given"), self.compared(receipt.root.hex(), found == receipt.root)),
            )
        )

    def compared(self, value: str, same: bool) -> str:
        return f"{value} {self.say('same' if same else 'different')}"

    def words(self) -> Iterator[Block]:
        """The contracts' words about this document."""
        artefact, receipt, found = self.exhibit.artefact, self.exhibit.receipt, self.places
        if artefact is None or receipt is None or not found:
            yield Text(self.say("no_facts"))
            return
        department = code_bytes(artefact.department, 20, where="department").ljust(32, b"\0")
        number, index = artefact.status.list, artefact.status.index
        terms = slot_terms(number, index // ENTRIES_PER_WORD)
        yield Text(self.say("words_about"))
        given = {"D": department, "root": receipt.root, "digest": artefact.digest}
        yield Commands(
            programs.slots(given | {"kid": artefact.kid}, {key: terms[key] for key in found})
        )
        for key, (contract, place) in found.items():
            yield Text(self.say(f"word_{key}"))
            yield Rows(
                (
                    (self.say("slot"), place.slot.to_bytes(32).hex()),
                    (self.say("word"), self.read(contract, place).hex()),
                    (self.say("meaning"), self.meaning(key, contract, place)),
                )
            )

    def meaning(self, key: str, contract: str, place: Place) -> str:
        """Return what a word says."""
        artefact = self.exhibit.artefact
        anchor = None if self.facts is None else self.facts.anchor
        if key == "key_x":
            return self.say("key_says")
        if key == "anchor":
            if anchor is None:
                return self.say("nothing")
            return self.say(
                "anchor_says",
                time=moment(anchor.time, self.language),
                seconds=anchor.time,
                block=anchor.block,
                size=anchor.size,
            )
        word = self.read(contract, place)
        if key == "status" and artefact is not None:
            index = artefact.status.index
            bit, entry = 2 * (index % ENTRIES_PER_WORD), entry_of(int.from_bytes(word), index)
            return self.say("status_says", index=index, bit=bit, value=entry)
        block = place.read(word)
        return self.say("revoked_at", block=block) if block else self.say(f"not_{key}")

    def read(self, contract: str, place: Place) -> bytes:
        return self.proof.word(self.storage_root(contract), place.slot)

    def storage_root(self, contract: str) -> bytes:
        state_root = self.exhibit.report.block.state_root
        address = self.file.contracts[contract].address
        return self.proof.account(state_root, address).storage_root

    def accounts(self) -> Iterator[Block]:
        """From the words to the state root."""
        if self.facts is None:
            yield Text(self.say("no_facts"))
            return
        state_root = self.exhibit.report.block.state_root
        yield Text(self.say("accounts_about", state_root=state_root.hex()))
        yield Commands(
            programs.words(
                state_root,
                [
                    (
                        name,
                        self.file.contracts[name].address,
                        [place.slot for at, place in self.places.values() if at == name],
                    )
                    for name in CONTRACTS
                ],
            )
        )
        for name in CONTRACTS:
            contract = self.file.contracts[name]
            account = self.proof.account(state_root, contract.address)
            yield Rows(
                (
                    (self.say(f"contract_{name}"), hex_text(contract.address)),
                    (self.say("path"), keccak(contract.address).hex()),
                    (self.say("storage_root"), account.storage_root.hex()),
                    (
                        self.say("code_hash"),
                        self.compared(
                            account.code_hash.hex(), account.code_hash == contract.code_hash
                        ),
                    ),
                )
            )

    def rights(self) -> Iterator[Block]:
        """Who was allowed what, by the same words."""
        if self.facts is None or not self.facts.lineage:
            yield Text(self.say("no_facts"))
            return
        yield Text(self.say("rights_about"))
        rows = [
            (
                record.code,
                str(record.admitted_at),
                self.spans(record.kind),
                self.spans(record.suspensions),
            )
            for record in self.facts.lineage.values()
        ]
        head = (self.say("department"), self.say("admitted"), self.say("may"), self.say("barred"))
        yield Table(head, tuple(rows), (5, 3, 5, 5))
        if self.facts.key is not None:
            key = self.facts.key
            since = key.compromised_since
            yield Rows(
                (
                    (self.say("key_held"), self.spans(key.intervals)),
                    (
                        self.say("key_stolen"),
                        self.say("never") if since is None else self.say("since", block=since),
                    ),
                )
            )

    def spans(self, intervals: tuple[Interval, ...]) -> str:
        said = [
            self.say("since", block=span.start)
            if span.end is None
            else self.say("span", start=span.start, end=span.end)
            for span in intervals
        ]
        return "; ".join(said) or self.say("never")

    def block(self) -> Iterator[Block]:
        """The block, and who stands for it."""
        header, proof = self.exhibit.header, self.exhibit.evidence.proof.state.block
        block = self.exhibit.report.block
        if header is None:
            yield Text(self.say("checkpoint_about"))
            yield Rows(
                (
                    *((self.say("operator"), key.kid) for key in self.file.operators),
                    (self.say("block_number"), str(block.number)),
                    (self.say("block_hash"), block.hash.hex()),
                    (self.say("state_root"), block.state_root.hex()),
                )
            )
            return
        yield Text(self.say("header_about", size=len(header.encoded)))
        yield Commands(programs.SEALS)
        yield Rows(
            (
                (self.say("state_root"), block.state_root.hex()),
                (self.say("block_hash"), block.hash.hex()),
            )
        )
        if block.pinned:
            yield Text(self.say("pin_about"))
            return
        yield Rows(((self.say("seal_hash"), qbft.seal_hash(header).hex()),))
        yield Text(self.say("seals_about"))
        yield Table(
            (self.say("sealer"), self.say("seal_bytes")),
            tuple(
                (hex_text(address), seal.hex())
                for address, seal in qbft.signed_seals(header.encoded)
                if address in block.sealers
            ),
            (7, 9),
        )
        for handover in proof.handovers:
            first = BlockHeader.decode(handover.first)
            votes = [BlockHeader.decode(vote).number for vote in handover.votes]
            yield Text(
                self.say(
                    "handover_says", block=first.number, votes=", ".join(str(n) for n in votes)
                )
            )

    def stamp(self) -> Iterator[Block]:
        """The timestamping authority's word."""
        if not self.exhibit.report.stamped:
            yield Text(self.say("unstamped"))
            return
        imprint = hashlib.sha256(self.exhibit.report.block.hash).hexdigest()
        checked = self.exhibit.report.timestamp
        if checked is None:
            yield Text(self.say("stamp_unchecked"))
        else:
            yield Text(self.say("stamp_about"))
            yield Commands(
                (
                    *programs.AUTHORITIES,
                    f"imprint={imprint}",
                    'openssl ts -verify -digest "$imprint" -in token \\',
                    f"-CAfile authority.pem -attime {checked.time}",
                )
            )
        yield Rows(((self.say("imprint"), imprint),))


def _climb(leaf: bytes, receipt: Receipt) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield left, right and their hash for each level (RFC 9162 section 2.1.3.2).

    Args:
        leaf: The leaf's hash.
        receipt: Its path, of a length that the tree has.
    """
    position, last, result = receipt.index, receipt.size - 1, leaf
    for sibling in receipt.path:
        if position & 1 or position == last:
            left, right = sibling, result
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            left, right = result, sibling
        result = node_hash(left, right)
        yield left, right, result
        position >>= 1
        last >>= 1
