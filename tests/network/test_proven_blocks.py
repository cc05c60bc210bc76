"""A registry and its verifiers on a network whose validators change while they look."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from ecert.chain.block_proof import BlockProof, prove_block
from ecert.chain.node import Nodes
from ecert.errors import ProofError
from ecert.facts import Basis
from ecert.kinds.catalogue import Catalogue
from ecert.trust import TrustStore
from networks.qbft.network import Network
from registry.application import Registry
from registry.cli.running import set_up_registry
from registry.errors import SettingsError
from registry.outbox.seals import SealedHeader
from registry.outbox.worker import network_of
from registry.settings import Settings
from registry.trust import issue_trust
from tests.network.network_world import goes_on, require_network, running_network, until

EPOCH = 12


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    require_network()
    directory = tmp_path_factory.mktemp("network")
    with running_network(directory, validators=5, epoch_length=EPOCH) as running:
        yield running


def settings(directory: Path, network: Network) -> Settings:
    return Settings(
        directory=directory,
        origin="https://registry.example",
        passphrase=SecretStr("a passphrase of tests"),
        rpc_urls=network.urls,
        epoch_length=EPOCH,
        council_delay=0,
    )


@pytest.fixture(scope="module")
def registry(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    made = set_up_registry(settings(tmp_path_factory.mktemp("registry"), network))
    yield made.registry
    made.registry.close()


def trust(registry: Registry) -> TrustStore:
    with registry.transaction() as services:
        data = issue_trust(services)
    return TrustStore(data, Catalogue.load(), now=datetime.now(UTC))


def prove(network: Network, store: TrustStore) -> BlockProof:
    return prove_block(Nodes(network.urls), store, "latest", fetch_checkpoint=bytes)


def drop(network: Network, gone: bytes) -> None:
    """Let the other validators vote until it is out."""
    voters = [node for node in network.nodes if node.entry.validator != gone]
    for node in voters:
        node.owner.call("istanbul_propose", "0x" + gone.hex(), False)
    until(lambda: gone not in network.nodes[0].validators())
    for node in voters:
        node.owner.call("istanbul_discard", "0x" + gone.hex())
    goes_on(network, voters, more=2)


def test_the_trust_file_names_engine_and_validators(network: Network, registry: Registry) -> None:
    file = trust(registry).file
    assert (file.engine, file.epoch_length) == ("quorum", EPOCH)
    assert file.checkpoint.validators == tuple(sorted(network.nodes[0].validators()))
    proven = prove(network, trust(registry)).verify(trust(registry))
    assert proven.basis == Basis.VALIDATORS
    assert proven.number >= file.checkpoint.number


def test_no_chain_of_validators_passes_for_one_without(network: Network, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        set_up_registry(settings(tmp_path, network), "anvil")
    assert error.value.code == "engine_is_qbft"


def test_a_validator_is_voted_out_and_everybody_follows(
    network: Network, registry: Registry
) -> None:
    store = trust(registry)
    _, settlement = network_of(registry, network.urls)
    settlement.settle()
    gone = sorted(network.nodes[0].validators())[2]
    drop(network, gone)
    proof = prove(network, store)
    assert len(proof.handovers) == 1
    assert gone not in proof.verify(store).validators
    with pytest.raises(ProofError) as error:
        BlockProof(proof.header, (), None).verify(store)
    assert error.value.code == "validators_differ"
    for settling in (settlement, network_of(registry, network.urls)[1]):
        found = settling.settle()
        assert isinstance(found, SealedHeader)
        assert found.validators == tuple(sorted(network.nodes[0].validators()))


def test_the_base_goes_on_with_the_epochs(network: Network, registry: Registry) -> None:
    _, settlement = network_of(registry, network.urls)
    since = network.nodes[0].height()
    until(lambda: network.nodes[0].height() > since + 2 * EPOCH)
    found = settlement.settle()
    assert isinstance(found, SealedHeader)
    assert found.base.number == found.number
