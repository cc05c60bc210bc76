"""The root command, setting up and running."""

import logging
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ecert.client.console import run as run_console
from ecert.client.home import write_file
from networks.embedded import EmbeddedChain, endpoint
from registry.application import Registry
from registry.cli import departments, documents
from registry.cli.session import Options, keep_settings, opened, settings
from registry.database import Database
from registry.outbox.sight import EmbeddedSettlement, NetworkSettlement, Settlement
from registry.outbox.worker import Worker, sight_of
from registry.settings import Settings
from registry.trust import issue_trust

CHAIN, TRUST = "chain", "trust.json"
GRACE_SECONDS = 10

app = typer.Typer(
    help="Issue certificates and anchor them on the chain. 签发证照并登记上链。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(departments.app, name="department")
app.add_typer(departments.officers, name="officer")
app.add_typer(documents.app)


@app.callback()
def options(
    directory: Annotated[
        Path | None,
        typer.Option("--dir", envvar="REGISTRY_DIRECTORY", help="The registry's folder. 目录。"),
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Log more. 输出更多日志。")] = False,
) -> None:
    """Set what all commands share."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if directory is not None:
        Options.directory = directory


@app.command()
def init(
    origin: Annotated[str, typer.Option(help="Public https origin. 对外网址。")],
    council_delay: Annotated[
        int | None, typer.Option(help="Seconds that the council's acts wait. 理事会行为延迟。")
    ] = None,
    rpc: Annotated[
        str | None, typer.Option(help="A node; an embedded chain if not given. 链节点。")
    ] = None,
    development: Annotated[
        bool, typer.Option("--development", help="Allow http on this machine. 开发环境。")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on. 监听地址。")] = None,
    port: Annotated[int | None, typer.Option(help="Port. 端口。")] = None,
    batch_seconds: Annotated[
        float | None, typer.Option(help="A batch closes after this long. 批次时长。")
    ] = None,
) -> None:
    """Make keys, contracts, trust file and the first operator. 初始化。"""
    chosen = settings(
        origin=origin,
        council_delay=council_delay,
        rpc_url=rpc,
        environment="development" if development else None,
        host=host,
        port=port,
        batch_seconds=batch_seconds,
    )
    from registry.setup import set_up  # noqa: PLC0415  # Alembic takes a second to load

    chosen.read_passphrase()
    Options.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        url, settlement, chain_id = _chain(chosen, stack)
        made = set_up(
            chosen,
            [url],
            settlement,
            chain_id=chain_id,
            engine="anvil" if chosen.rpc_url is None else "besu",
            report=lambda name: print(f"合约 contract: {name}"),
        )
        keep_settings(chosen)
        write_trust(made.registry)
        made.registry.close()
    print(f"信任文件 trust file: {Options.directory / TRUST}")
    if made.token is not None:
        print(f"运营者令牌，仅显示一次 operator's token, shown this once:\n{made.token}")


@app.command()
def run() -> None:
    """Run the chain (if embedded), the worker and the web service. 运行。"""
    stop = _stop_on_signals()
    with opened() as registry, ExitStack() as stack:
        worker = _worker(registry, stack)
        from registry.api.server import serving  # noqa: PLC0415  # only here is it needed

        stack.enter_context(serving(registry))
        print(f"{registry.settings.origin} — Ctrl-C 停止 to stop", flush=True)
        worker.run(stop)


@app.command()
def worker() -> None:
    """Run the worker alone. 只运行后台任务。"""
    stop = _stop_on_signals()
    with opened() as registry, ExitStack() as stack:
        _worker(registry, stack).run(stop)


@app.command()
def serve() -> None:
    """Run the web service alone. 只运行网页服务。"""
    stop = _stop_on_signals()
    from registry.api.server import serving  # noqa: PLC0415  # only here is it needed

    with opened() as registry, serving(registry):
        stop.wait()


@app.command()
def trust(
    version: Annotated[int, typer.Option(help="Must rise with every change. 版本号。")],
) -> None:
    """Sign the trust file anew with the council's keys kept here. 重新签署信任文件。"""
    with opened() as registry:
        write_trust(registry, version=version)


@app.command("db-upgrade")
def db_upgrade() -> None:
    """Bring the database's schema up to date. 升级数据库。"""
    from registry.migrations import upgrade  # noqa: PLC0415  # Alembic takes a second to load

    database = Database(settings().url)
    upgrade(database)
    database.dispose()


@app.command()
def rpc() -> None:
    """Print the address of the chain's node. 显示链节点地址。"""
    print(settings().rpc_url or endpoint(Options.directory / CHAIN))


def write_trust(registry: Registry, *, version: int = 1) -> None:
    """Write the trust file, whole or not at all."""
    with registry.transaction() as services:
        data = issue_trust(services, version=version)
    write_file(registry.settings.directory / TRUST, data, mode=0o644)


def _chain(chosen: Settings, stack: ExitStack) -> tuple[str, Settlement, int]:
    """Return the chain's address, what makes its blocks final, and its id."""
    if chosen.rpc_url is None:
        chain = stack.enter_context(EmbeddedChain(chosen.directory / CHAIN))
        return chain.rpc_url, EmbeddedSettlement(chain), chain.chain_id
    from ecert.chain.node import Nodes  # noqa: PLC0415

    nodes = Nodes([chosen.rpc_url])
    return chosen.rpc_url, NetworkSettlement(nodes), nodes.chain_id()


def _worker(registry: Registry, stack: ExitStack) -> Worker:
    url, settlement, _ = _chain(registry.settings, stack)
    return Worker(registry, sight_of(registry, [url]), settlement)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main() -> None:
    """Run the command line."""
    run_console(app, typer.TyperException)
