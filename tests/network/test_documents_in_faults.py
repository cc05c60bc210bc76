"""Documents while the network fails: each is anchored once in the end, whatever happened.

One network and one registry for all; each test leaves them whole, and looks that they are.
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from networks.qbft.membership import add_node, add_validator, remove_validator
from networks.qbft.network import Network
from tests.network.network_world import until
from tests.network.office import Office, office_on
from tests.network.trial import Trial, trial

Names = Sequence[str]


class Stage:
    """The registry and its network, for one fault after another."""

    def __init__(self, office: Office, network: Network) -> None:
        self.office, self.network = office, network

    def use(self, *names: str) -> None:
        """Let the registry know these nodes, the preferred first, or all."""
        nodes = [node.url for node in self.network.nodes if not names or node.name in names]
        if nodes == list(self.office.nodes):
            return
        self.office.end(signal.SIGTERM, "worker", "serve")
        self.office.nodes = nodes
        self.office.start("worker", "serve")

    @contextmanager
    def trial(self, item: pytest.Item, fault: str, *nodes: str) -> Iterator[Trial]:
        self.use(*nodes)
        with trial(self.office, self.network, item, fault) as found:
            yield found

    def kill(self, *names: str) -> None:
        """End nodes at the same moment, as by ``kill -9``."""
        for name in names:
            self.network.node(name).send(signal.SIGKILL)
        for name in names:
            self.network.node(name).kill()

    def launch(self, *names: str) -> None:
        for name in names:
            self.network.node(name).launch()


@pytest.fixture(scope="module")
def stage(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with office_on(network.urls, tmp_path_factory.mktemp("faults") / "registry") as office:
        yield Stage(office, network)


def test_one_of_four_killed(stage: Stage, request: pytest.FixtureRequest) -> None:
    with (
        stage.trial(request.node, "one validator of four killed") as trial,
        trial.during(lambda: stage.kill("node4"), lambda: stage.launch("node4")),
    ):
        trial.goes_on()
        trial.goes_on()


def test_two_of_four_killed(stage: Stage, request: pytest.FixtureRequest) -> None:
    gone = ("node3", "node4")
    with (
        stage.trial(request.node, "two killed: the chain halts") as trial,
        trial.during(lambda: stage.kill(*gone), lambda: stage.launch(*gone)),
    ):
        trial.says_stalled()
        trial.queues()


def test_parted_in_the_middle(stage: Stage, request: pytest.FixtureRequest) -> None:
    hosts = stage.network.namespaces
    with (
        stage.trial(request.node, "parted 2 | 2: both halt") as trial,
        trial.during(lambda: hosts.part(["node1", "node2"], ["node3", "node4"]), hosts.heal),
    ):
        trial.says_stalled()
        trial.queues()


def test_parted_with_the_registry_on_the_lone_side(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    """Three go on elsewhere; what this one node says has been overtaken and proves nothing."""
    hosts = stage.network.namespaces
    with (
        stage.trial(request.node, "parted 3 | 1, the registry with the one", "node4") as trial,
        trial.during(lambda: hosts.part(["node4"], ["node1", "node2", "node3"]), hosts.heal),
    ):
        trial.says_stalled()
        trial.queues()
        assert trial.height() > stage.network.node("node4").height()


def test_the_registrys_only_node_restarts(stage: Stage, request: pytest.FixtureRequest) -> None:
    with (
        stage.trial(
            request.node, "the registry's only node killed, started again", "node4"
        ) as trial,
        trial.during(lambda: stage.kill("node4"), lambda: stage.launch("node4")),
    ):
        until(lambda: not stage.office.health()["chain"])
        trial.queues("rpc_unreachable")


def test_parted_with_the_registry_on_the_greater_side(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    hosts = stage.network.namespaces
    with (
        stage.trial(request.node, "parted 3 | 1, the registry with the three") as trial,
        trial.during(lambda: hosts.part(["node1", "node2", "node3"], ["node4"]), hosts.heal),
    ):
        trial.goes_on()
        trial.goes_on()


def test_the_preferred_of_several_nodes_killed(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    with (
        stage.trial(request.node, "the preferred of several nodes killed") as trial,
        trial.during(lambda: stage.kill("node1"), lambda: stage.launch("node1")),
    ):
        trial.goes_on()
        assert 'ecert_chain_node_up{node="1"} 0.0' in stage.office.get("/metrics").text
        trial.goes_on()


def test_the_worker_killed_while_the_chain_halts(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    gone = ("node2", "node3")
    with (
        stage.trial(request.node, "two killed, and the registry's worker") as trial,
        trial.during(lambda: stage.kill(*gone), lambda: stage.launch(*gone)),
    ):
        trial.says_stalled()
        stage.office.end(signal.SIGKILL, "worker")
        known = len(stage.office.log("worker"))
        stage.office.start("worker")
        # It has to find out for itself; what the other one told stands until it tells something.
        until(lambda: "chain_stalled" in stage.office.log("worker")[known:])
        trial.queues()


def test_all_restart_at_once(stage: Stage, request: pytest.FixtureRequest) -> None:
    names = [node.name for node in stage.network.nodes]
    with (
        stage.trial(request.node, "all four killed at once (power cut)") as trial,
        trial.during(lambda: stage.kill(*names), lambda: stage.launch(*names)),
    ):
        until(lambda: not stage.office.health()["chain"])
        trial.queues("rpc_unreachable")


def test_a_validator_joins_and_another_leaves(stage: Stage, request: pytest.FixtureRequest) -> None:
    """The last: the network has other nodes afterwards, one that the registry asks no more."""
    network = stage.network
    before = set(network.nodes[0].validators())
    with (
        stage.trial(request.node, "a validator added, another removed") as trial,
        trial.during(lambda: None, lambda: None),
    ):
        added = add_node(network)
        add_validator(network, added.name)
        trial.goes_on()
        remove_validator(network, "node4")
        trial.goes_on()
    assert set(network.nodes[0].validators()) - before == {added.entry.validator}
    assert [node.name for node in network.nodes] == ["node1", "node2", "node3", "node5"]
