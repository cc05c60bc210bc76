"""A registry that issues without a pause while its network fails, and the count afterwards."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product

import pytest

from ecert.chain.events import Anchored, StatusChanged, decode_log
from ecert.chain.node import Nodes
from ecert.fields import hex_text
from ecert.trust import signed_file
from networks.qbft.network import Network
from tests.network.fault_table import Row, record
from tests.network.load import ROWS, Load
from tests.network.network_world import settle, until
from tests.network.office import Office

_STATUSES = {0: "valid", 1: "revoked", 2: "suspended"}


@dataclass
class Trial:
    """One fault: what is issued meanwhile, and what the network did.

    Attributes:
        office: The registry.
        network: Its network.
        load: The stream of work.
    """

    office: Office
    network: Network
    load: Load
    blocks: int = 0
    healed: float = field(default_factory=time.monotonic)

    @contextmanager
    def during(self, break_it: Callable[[], object], mend: Callable[[], object]) -> Iterator[None]:
        """Let a fault last for as long as this is open; mend it whatever happens."""
        first = self.height()
        break_it()
        try:
            yield
            self.blocks = self.height(first) - first
        finally:
            mend()
            self.healed = time.monotonic()

    def height(self, default: int = 0) -> int:
        """The newest block that any node has."""
        heights = [node.height() for node in self.network.nodes if node.running]
        return max(heights, default=default)

    def goes_on(self) -> None:
        """Wait until documents are anchored that were entered while the fault lasted."""
        known = len(self.load.accepted)
        until(lambda: len(self.load.accepted) > known)
        late = self.load.accepted[known:]
        until(lambda: all(self.load.states()[row]["state"] == "anchored" for row in late))

    def queues(self, code: str = "chain_stalled") -> None:
        """Wait until the registry says that nothing is final; it must take in work all the same.

        Nothing that is shown may come nearer to its proof meanwhile.
        """
        office, load = self.office, self.load
        until(lambda: office.waits_for() == code)
        before = self._proved()
        known = len(load.accepted)
        until(lambda: len(load.accepted) >= known + 3 * ROWS)
        newest = load.accepted[-1]
        with office.client("clerk") as clerk:
            shown = clerk.get(f"/v1/documents/{newest}").json()
            assert clerk.get(f"/v1/documents/{newest}/file").status_code == 409
        assert shown["state"] != "anchored"
        assert all(artefact["receipt"] is None for artefact in shown["artefacts"])
        assert self._proved() == before

    def _proved(self) -> tuple[set[str], bytes]:
        """What is anchored, and what the operator signed, at this moment."""
        anchored = {name for name, row in self.load.states().items() if row["state"] == "anchored"}
        return anchored, self.office.get("/v1/checkpoint").raise_for_status().content

    def says_stalled(self) -> None:
        """Check health, page and metrics while no blocks are made."""
        office = self.office
        until(lambda: office.health()["stalled"])
        health = office.health()
        assert (health["status"], health["database"], health["chain"]) == ("degraded", True, True)
        for language, words in (
            ("zh", ("没有新区块", "新证照需要等待")),
            ("en", ("makes no blocks", "New certificates wait")),
        ):
            page = office.get(f"/status?lang={language}").text
            assert all(word in page for word in words), page
        assert 'ecert_issuing_halted{reason="stalled"} 1.0' in office.get("/metrics").text

    def settled(self) -> bool:
        """Tell whether nothing waits any more."""
        numbers = self.office.get("/metrics").text
        waiting = re.findall(
            r"^ecert_(?:outbox_transactions|status_changes)\{.*\} (\S+)$", numbers, re.MULTILINE
        )
        assert waiting
        if any(float(count) for count in waiting):
            return False
        return {row["state"] for row in self.load.states().values()} == {"anchored"}


@contextmanager
def trial(office: Office, network: Network, item: pytest.Item, fault: str) -> Iterator[Trial]:
    """Issue while a fault comes and goes; then count, by the registry and by the chain itself."""
    before = office.counts
    with Load(office) as load:
        found = Trial(office, network, load)
        until(lambda: load.anchored() > 0)
        yield found
        load.stop()
    until(found.settled)
    seconds = time.monotonic() - found.healed
    settle(network)
    after = office.audit()
    row = Row(
        fault,
        len(load.accepted),
        after.anchored - before.anchored,
        after.lost,
        after.doubled,
        load.changes,
        found.blocks,
        seconds,
    )
    record(item, row)
    assert len(set(load.accepted)) == len(load.accepted) == after.issued - before.issued
    assert (row.anchored, row.lost, row.doubled) == (row.issued, 0, 0)
    assert load.changes > 0
    _check_on_chain(office, network, load)


def _check_on_chain(office: Office, network: Network, load: Load) -> None:
    """Ask each node for its log: every document's root once, every status as it was asked for."""
    logs = {node.name: _logged(office, node.url) for node in network.nodes}
    with office.client("clerk") as clerk:
        for document, status in load.statuses.items():
            artefacts = clerk.get(f"/v1/documents/{document}").json()["artefacts"]
            assert Counter(one["form"] for one in artefacts) == {"sd-jwt": 1, "card": 1}
            for one, (name, (roots, statuses)) in product(artefacts, logs.items()):
                assert roots[one["receipt"]["root"]] == 1, (name, document)
                place = one["status_list"], one["status_index"]
                assert statuses.get(place, "valid") == status, (name, document)


def _logged(office: Office, url: str) -> tuple[Counter[str], dict[tuple[int, int], str]]:
    """Return how often each root was anchored, and entries' last status, by a node's log."""
    contracts = signed_file((office.directory / "trust.json").read_bytes()).contracts
    nodes = Nodes([url])
    last = nodes.header("latest").number
    roots: Counter[str] = Counter()
    statuses: dict[tuple[int, int], str] = {}
    for name in ("anchors", "statuses"):
        for log in nodes.logs([contracts[name].address], 0, last):
            event = decode_log(log, name)
            if isinstance(event, Anchored):
                roots[hex_text(event.root)] += 1
            elif isinstance(event, StatusChanged):
                for index in event.indices:
                    statuses[event.list, index] = _STATUSES[event.status]
    return roots, statuses
