"""The model: from how many records there are to bytes, gas, blocks and syncs; pure arithmetic."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ecert.limits import CARD_TREE_SIZE, STATUS_LIST_SIZE
from ecert.merkle import HASH_BYTES
from ecert.status import ENTRIES_PER_WORD
from registry.batches.sealing import MAX_ROOTS
from registry.batches.service import MAX_PAGE
from registry.settings import Settings
from registry.status.lists import USABLE

BATCH_MINIMUM: int = Settings.model_fields["batch_minimum"].default

WALLET_ARTEFACTS = 2.4
"""An SD-JWT, and a card for each of the kind's views that ask for a holder's key: the mean of the
five kinds."""
PAPER_ARTEFACTS = 2

BLOCK_GAS, BLOCK_SECONDS = 30_000_000, 2
"""A QBFT network at its engine's usual settings."""
GAS_A_SECOND = BLOCK_GAS / BLOCK_SECONDS

YEAR = 31_557_600
OFFICE_SECONDS = 2_000 * 3_600
"""Office hours of a year."""
WORDS_PER_LIST = STATUS_LIST_SIZE // ENTRIES_PER_WORD

# What a node of a network keeps, worked out from the formats and not measured. A slot: its hashed
# key and value (64) and the account's (32) in the flat state, and a leaf (70) with its share of a
# branch (70) in the trie. A root and its size in a call are two words, an entry of a list one. A
# block: a header with the seals of four validators (900), and what an engine keeps beside it.
SLOT_BYTES = 236
ROOT_CALL_BYTES = 64
ENTRY_CALL_BYTES = 32
BLOCK_BYTES = 1_200
SLOTS_PER_DEPARTMENT = 13
SLOTS_PER_KEY = 5

LEAF_JSON_BYTES = 67
"""A published leaf as JSON: 64 digits, quotes and a comma."""
CROWD = 1_200
"""Leaves that a look-up of a receipt expects to find (``registry.batches.service``)."""
LEAVES_COST, REQUESTS_A_SECOND = 10, 20
"""What one page of leaves counts, and what a client may ask for in a second."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """Tables and indexes of a database; the published leaves are among the tables.

    Attributes:
        tables: Bytes of tables.
        indexes: Bytes of indexes.
    """

    tables: float
    indexes: float

    @property
    def all(self) -> float:
        """Both."""
        return self.tables + self.indexes


@dataclass(frozen=True)
class Workload:
    """What a registry, or all of them together, has to carry.

    Attributes:
        name: What people call it.
        certificates: Documents with a paper card, in trees of 1,024.
        streams: Records without cards.
        stream_tree: Leaves of a tree of these.
        claimed: Share of the certificates that citizens claim into wallets.
        certificates_revoked: Share of them that is revoked.
        streams_revoked: Share of the records that is revoked.
        holders: Citizens.
        departments: Departments; each has registered ``keys`` signing keys.
        keys: Signing keys of a department, old ones among them.
        years: How long it took.
    """

    name: str
    certificates: float
    streams: float
    holders: float
    departments: float
    years: float
    stream_tree: int = CARD_TREE_SIZE
    claimed: float = 0.3
    certificates_revoked: float = 0.02
    streams_revoked: float = 0.001
    keys: float = 2

    @property
    def records(self) -> float:
        """All documents."""
        return self.certificates + self.streams

    def part(self, number: float) -> "Workload":
        """Return one of ``number`` equal parts, made in the same time."""
        return replace(
            self,
            certificates=self.certificates / number,
            streams=self.streams / number,
            holders=self.holders / number,
            departments=max(self.departments / number, 1),
        )


@dataclass(frozen=True)
class Growth:
    """What a workload takes, by the constants that were measured.

    Attributes:
        workload: The workload.
        constants: What ``benchmarks.scale.constants`` measured.
    """

    workload: Workload
    constants: dict[str, Any]

    # What there is to count.

    @property
    def claims(self) -> float:
        """Claims by wallets."""
        return self.workload.certificates * self.workload.claimed

    @property
    def revocations(self) -> float:
        """Revoked documents."""
        load = self.workload
        return load.certificates * load.certificates_revoked + load.streams * load.streams_revoked

    @property
    def certificate_leaves(self) -> float:
        """Artefacts of certificates, on paper and in wallets."""
        return self.workload.certificates * PAPER_ARTEFACTS + self.claims * WALLET_ARTEFACTS

    @property
    def leaves(self) -> float:
        """Signed artefacts, each a leaf with a status entry."""
        return self.certificate_leaves + self.workload.streams

    @property
    def roots(self) -> float:
        """Anchored roots of full trees."""
        load = self.workload
        return self.certificate_leaves / CARD_TREE_SIZE + load.streams / load.stream_tree

    @property
    def status_changes(self) -> float:
        """Status entries that are set: revoking a certificate sets those of all its artefacts."""
        load = self.workload
        each = self.certificate_leaves / load.certificates if load.certificates else 0
        certificates = load.certificates * load.certificates_revoked * each
        return certificates + load.streams * load.streams_revoked

    @property
    def status_lists(self) -> float:
        """Opened status lists."""
        each = self.leaves / self.workload.departments
        return self.workload.departments * math.ceil(each / USABLE)

    @cached_property
    def words(self) -> float:
        """Status words that are not zero: entries are taken in random order."""
        share = self.status_changes / self.leaves
        used = self.leaves / self.status_lists / WORDS_PER_LIST
        return self.status_lists * WORDS_PER_LIST * (1 - (1 - share) ** used)

    # The database.

    def database(self, engine: str) -> Bytes:
        """Return the bytes of ``sqlite`` or ``postgresql``, without the room that updates leave."""
        found = self.constants["database"][engine]
        numbers = {
            "record": self.workload.streams,
            "certificate": self.workload.certificates,
            "claim": self.claims,
            "revocation": self.revocations,
        }
        tables, indexes = (
            sum(
                number * sum(sizes[place] for sizes in found[thing].values())
                for thing, number in numbers.items()
            )
            for place in (0, 1)
        )
        return Bytes(tables, indexes)

    @property
    def leaf_bytes(self) -> float:
        """The published leaves: in rows of batches, or in object storage."""
        return self.leaves * HASH_BYTES

    # The chain.

    @property
    def anchor_gas(self) -> float:
        """Gas of anchoring, roots sent together."""
        return self.roots * self._cost("root", "gas")

    @property
    def status_gas(self) -> float:
        """Gas of revoking: the first entry of a word costs a slot."""
        again = self.status_changes - self.words
        return self.words * self._cost("word", "gas") + again * self._cost("entry", "gas")

    @property
    def rights_gas(self) -> float:
        """Gas of admitting departments and registering their keys."""
        return self._rights("gas")

    @property
    def gas(self) -> float:
        """All of it."""
        return self.anchor_gas + self.status_gas + self.rights_gas

    @property
    def full_blocks(self) -> float:
        """Blocks that the gas fills."""
        return self.gas / BLOCK_GAS

    @property
    def gas_share(self) -> float:
        """The share of what a network can take in the workload's years."""
        return self.gas / (GAS_A_SECOND * self.workload.years * YEAR)

    @property
    def transactions(self) -> float:
        """Anchoring transactions, as few as possible."""
        return self.roots / MAX_ROOTS

    @property
    def embedded_bytes(self) -> float:
        """The embedded chain's snapshot, all of which is written for each batch."""
        return self._all("embedded")

    @property
    def event_bytes(self) -> float:
        """Topics and data of all events."""
        return self._all("logs")

    @property
    def node_bytes(self) -> float:
        """What a node of a network keeps for it, worked out: state, calls and events."""
        load = self.workload
        keys = load.departments * load.keys
        slots = (
            self.roots + self.words + load.departments * SLOTS_PER_DEPARTMENT + keys * SLOTS_PER_KEY
        )
        calls = self.roots * ROOT_CALL_BYTES + self.status_changes * ENTRY_CALL_BYTES
        return slots * SLOT_BYTES + calls + self.event_bytes

    @property
    def block_bytes(self) -> float:
        """What a node keeps of the blocks themselves, one every two seconds, empty ones too."""
        return self.workload.years * YEAR / BLOCK_SECONDS * BLOCK_BYTES

    # Verifiers.

    @property
    def verifier_bytes(self) -> float:
        """A verifier's snapshot."""
        return self._all("verifier")

    @property
    def sync_bytes(self) -> float:
        """What a verifier's first sync reads from a node."""
        return self._all("synced")

    @property
    def sync_seconds(self) -> float:
        """How long it takes a core of both, node and verifier."""
        return self._all("seconds")

    @property
    def days(self) -> float:
        """How many days it took."""
        return self.workload.years * YEAR / 86_400

    # What registries give out.

    @property
    def leaves_json_bytes(self) -> float:
        """All leaves as ``GET /v1/leaves`` gives them."""
        return self.leaves * LEAF_JSON_BYTES

    @property
    def leaves_seconds(self) -> float:
        """How long an auditor reads them from one registry at the rate of one client."""
        return self.roots / MAX_PAGE / (REQUESTS_A_SECOND / LEAVES_COST)

    @property
    def prefix_bits(self) -> int:
        """How long a prefix of a digest may be that asks for a receipt."""
        return int(math.log2(self.leaves / CROWD)) if self.leaves >= 2 * CROWD else 0

    @property
    def lookup_batches(self) -> float:
        """Batches in which the leaves of one look-up lie."""
        found = self.leaves / 2**self.prefix_bits
        return self.roots * (1 - (1 - 1 / self.roots) ** found)

    @property
    def lookup_bytes(self) -> float:
        """Leaves that are read from the database for one look-up."""
        return self.lookup_batches * self.leaf_bytes / self.roots

    # Rates.

    @property
    def records_a_second(self) -> float:
        """Documents a second, day and night."""
        return self.workload.records / (self.workload.years * YEAR)

    @property
    def cores(self) -> float:
        """Cores that import, sign and seal at that rate."""
        seconds = self.constants["database"]["sqlite"]["seconds"]
        load = self.workload
        busy = load.streams * seconds["record"] + load.certificates * seconds["certificate"]
        return busy / (load.years * YEAR)

    def _rights(self, what: str) -> float:
        departments = self.workload.departments
        keys = departments * self.workload.keys
        return departments * self._cost("department", what) + keys * self._cost("key", what)

    def _all(self, what: str) -> float:
        """Return bytes or seconds of roots, words, further entries, departments and keys."""
        return (
            self.roots * self._cost("root", what)
            + self.words * self._cost("word", what)
            + (self.status_changes - self.words) * self._cost("entry", what)
            + self._rights(what)
        )

    def _cost(self, thing: str, what: str) -> float:
        return float(self.constants["chain"][thing][what])
