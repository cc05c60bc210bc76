"""The long-running parts: chain, worker and web service, loaded only by commands that run them."""

import logging
import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from ecert.chain.node import Nodes
from ecert.trust import Engine
from networks.embedded import EmbeddedChain
from registry.application import Registry
from registry.chain.engines import engine_of
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from registry.errors import SettingsError
from registry.nodes import node_urls
from registry.outbox.seals import Base, genesis_base, newest_base, seals_of
from registry.outbox.sight import EmbeddedSettlement, NetworkSettlement, Settlement, Sight
from registry.outbox.worker import Worker, network_of, sight_of
from registry.settings import Settings
from registry.setup import SetUp, set_up


def set_up_registry(
    settings: Settings,
    chosen_engine: Engine | None = None,
    *,
    council: str | None = None,
    accept_validators: bool = False,
) -> SetUp:
    """Make keys, contracts, first checkpoint and first operator, telling of each contract.

    Args:
        settings: The deployment's choices.
        chosen_engine: The chain's engine; told by looking at the chain when not given.
        council: Address of the council's wallet; an account of its own when not given.
        accept_validators: Take the validators of the newest block on the word of all the nodes,
            instead of following them from block 0.

    Raises:
        SettingsError: ``engine_not_qbft``, ``engine_is_qbft``, or as ``set_up``.
        ChainRejectedError: ``council_no_safe``.
        UnavailableError: A node does not answer, or ``sender_chain_id_wrong``: not all are of one
            chain.
    """
    base: Base | None = None
    with ExitStack() as stack:
        if settings.nodes:
            chain_id = Nodes(settings.nodes[:1]).chain_id()
            for url in settings.nodes:
                Sender(RpcPool([url], chain_id)).block_number()
            urls = settings.nodes
            development = settings.environment == "development"
            engine = engine_of(Nodes(urls), development=development, chosen=chosen_engine)
            sender = Sender(RpcPool(urls, chain_id))
            if engine != "anvil":
                base = newest_base(sender, urls) if accept_validators else genesis_base(urls)
            seals = seals_of(
                urls, engine, settings.epoch_length, lambda: base or genesis_base(urls)
            )
            settlement: Settlement = NetworkSettlement(sender, seals=seals)
        else:
            chain = stack.enter_context(EmbeddedChain(settings.chain_directory))
            chain_id, settlement, urls = chain.chain_id, EmbeddedSettlement(chain), (chain.rpc_url,)
            engine = "anvil"
        return set_up(
            settings,
            urls,
            settlement,
            chain_id=chain_id,
            engine=engine,
            base=base,
            council=None if council is None else _wallet(council, urls, chain_id),
            report=lambda name: print(f"合约 contract: {name}", flush=True),
        )


def _wallet(address: str, urls: Sequence[str], chain_id: int) -> str:
    """Return a wallet's address, after a look whether it is one: contracts cannot change theirs."""
    from registry.chain.safe_creation import read_address  # noqa: PLC0415
    from registry.chain.safe_reading import read_safe  # noqa: PLC0415  # seldom needed

    return read_safe(Sender(RpcPool(urls, chain_id)), read_address(address)).address


def newest_validators(settings: Settings, chain_id: int) -> Base:
    """Return the validators of the newest block, on the word of all the nodes together.

    Raises:
        SettingsError: ``engine_not_qbft``.
        UnavailableError: As ``newest_base``.
    """
    if not settings.nodes or not Nodes(settings.nodes).is_qbft():
        raise SettingsError("engine_not_qbft")
    return newest_base(Sender(RpcPool(settings.nodes, chain_id)), settings.nodes)


def _tell() -> None:
    """Let those who watch a long run know who talks to the chain, and when."""
    logging.getLogger("registry.outbox").setLevel(logging.INFO)


def run_all(registry: Registry) -> None:
    """Run the chain (if embedded), the web service and the worker until a signal comes."""
    from registry.api.server import serving  # noqa: PLC0415  # a worker alone needs no web service

    _tell()
    stop = _stop_on_signals()
    with ExitStack() as stack:
        worker = _worker(registry, stack)
        stack.enter_context(serving(registry))
        with suppress(OSError):  # a log on a full disk: no reason not to serve
            print(f"{registry.settings.origin} — Ctrl-C 停止 to stop", flush=True)
        worker.run(stop)


def run_worker(registry: Registry) -> None:
    """Run the chain (if embedded) and the worker until a signal comes."""
    _tell()
    stop = _stop_on_signals()
    with ExitStack() as stack:
        _worker(registry, stack).run(stop)


def run_service(registry: Registry) -> None:
    """Run the web service until a signal comes."""
    from registry.api.server import serving  # noqa: PLC0415

    stop = _stop_on_signals()
    with serving(registry) as url:
        print(f"{url} — Ctrl-C 停止 to stop", flush=True)
        stop.wait()


def nodes_of(settings: Settings) -> Nodes:
    """Return the nodes of a registry's chain; an embedded one is run by another process.

    Raises:
        UnavailableError: ``chain_not_started``.
    """
    return Nodes(node_urls(settings))


def _worker(registry: Registry, stack: ExitStack) -> Worker:
    nodes = registry.settings.nodes

    def connect() -> tuple[Sight, Settlement]:
        if nodes:
            return network_of(registry, nodes)
        chain = stack.enter_context(EmbeddedChain(registry.settings.chain_directory))
        return sight_of(registry, [chain.rpc_url]), EmbeddedSettlement(chain)

    worker = Worker(registry, connect)
    stack.callback(worker.close)
    worker.start()
    return worker


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop
