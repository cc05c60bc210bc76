"""The root command, setting up and running.

What only some commands need (the chain, the web service, Alembic, PDFs) takes seconds to load, and
is loaded by those commands alone.
"""

import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ecert.client.console import run as run_console
from ecert.fields import hex_text, time_text
from registry.application import Registry
from registry.cli import backup, council, departments, documents, network, trust
from registry.cli.session import (
    Options,
    acting,
    is_kept,
    keep_settings,
    opened,
    settings,
)
from registry.database import Database, without_password
from registry.errors import SettingsError
from registry.settings import Settings
from registry.trust import issue_trust
from registry.trust.publishing import TRUST_FILE, publish

_ANY_ORIGIN = "https://localhost"
"""Stands for the origin where none has been kept and none matters."""

FIXED = ("origin", "environment", "council_delay", "database_url")
"""Choices that cannot be made again."""


class Engines(StrEnum):
    """Engines of chains that others run."""

    QUORUM = "quorum"
    BESU = "besu"
    ANVIL = "anvil"


app = typer.Typer(
    help="Issue certificates and anchor them on the chain. 签发证照并登记上链。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(departments.app, name="department")
app.add_typer(departments.officers, name="officer")
app.add_typer(documents.app)
app.add_typer(backup.app)
app.add_typer(network.app, name="network")
app.add_typer(trust.app, name="trust")
app.add_typer(council.app, name="council")


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
    database: Annotated[
        str | None,
        typer.Option(help="postgresql://user@host/name; SQLite if not given. 数据库地址。"),
    ] = None,
    rpc: Annotated[
        list[str] | None,
        typer.Option(
            help="A node, or several; an embedded chain if not given. 链节点，可多次给出。"
        ),
    ] = None,
    engine: Annotated[
        Engines | None,
        typer.Option(help="The nodes' engine; told by looking if not given. 链引擎。"),
    ] = None,
    epoch_length: Annotated[
        int | None, typer.Option(help="Blocks after which validators' votes lapse. 投票周期。")
    ] = None,
    council_elsewhere: Annotated[
        bool,
        typer.Option(
            "--council-elsewhere", help="Its members sign the trust file. 由理事会成员签署。"
        ),
    ] = False,
    council: Annotated[
        str | None,
        typer.Option(help="The council's wallet; an account of its own if not given. 理事会钱包。"),
    ] = None,
    accept_validators: Annotated[
        bool,
        typer.Option(
            "--accept-validators", help="Take the nodes' word for the validators. 采信验证节点。"
        ),
    ] = False,
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
        database_url=database,
        rpc_urls=rpc or None,
        environment="development" if development else None,
        host=host,
        port=port,
        batch_seconds=batch_seconds,
        epoch_length=epoch_length,
    )
    chosen.read_passphrase()
    _require_same(chosen)
    _make_directory(Options.directory)
    from registry.cli.running import set_up_registry  # noqa: PLC0415  # see above

    made = set_up_registry(
        chosen,
        None if engine is None else engine.value,
        council=council,
        accept_validators=accept_validators,
    )
    keep_settings(chosen)
    if council_elsewhere:
        print("信任文件待签 the trust file is to be signed: registry trust init")
    else:
        if not (Options.directory / TRUST_FILE).exists():  # run again, this goes on
            _publish_first(made.registry)
        print(f"信任文件 trust file: {Options.directory / TRUST_FILE}")
    made.registry.close()
    if made.token is not None:
        print(f"运营者令牌，仅显示一次 operator's token, shown this once:\n{made.token}")


def _require_same(chosen: Settings) -> None:
    """Refuse other choices for a registry that is there: documents and contracts hold them."""
    if not is_kept():
        return
    there = settings()
    names = [name for name in FIXED if _said(there, name) != _said(chosen, name)]
    if names:
        raise SettingsError(
            "registry_is_set_up", directory=Options.directory, names=", ".join(names)
        )


def _said(found: Settings, name: str) -> object:
    if name == "database_url" and found.database_url is not None:
        return without_password(found.database_url.get_secret_value())
    return getattr(found, name)


@app.command()
def run() -> None:
    """Run the chain (if embedded), the worker and the web service. 运行。"""
    with opened() as registry:
        from registry.cli.running import run_all  # noqa: PLC0415  # see above

        run_all(registry)


@app.command()
def worker() -> None:
    """Run the worker alone. 只运行后台任务。"""
    with opened() as registry:
        from registry.cli.running import run_worker  # noqa: PLC0415  # see above

        run_worker(registry)


@app.command()
def serve() -> None:
    """Run the web service alone. 只运行网页服务。"""
    with opened() as registry:
        from registry.cli.running import run_service  # noqa: PLC0415  # see above

        run_service(registry)


@app.command("accept-clock")
def accept_clock() -> None:
    """Say that this machine's clock is right, after it was not. 确认本机时钟正确。"""
    from registry.outbox.checkpoints import accept_clock as accept  # noqa: PLC0415  # see above

    with acting() as (services, actor):
        now = accept(services.session, services.context, actor)
    print(f"已确认 accepted: {time_text(now)}")


@app.command("accept-validators")
def accept_the_validators() -> None:
    """Say that the validators were changed on purpose, without votes. 确认验证节点变更。"""
    from registry.cli.running import newest_validators  # noqa: PLC0415  # see above
    from registry.outbox.checkpoints import accept_validators  # noqa: PLC0415

    with acting() as (services, actor):
        base = newest_validators(settings(), services.context.contracts.chain_id)
        accept_validators(services.session, services.context, actor, base)
    listed = "\n".join(hex_text(address) for address in base.validators)
    print(f"已确认，自区块 accepted from block {base.number}:\n{listed}")


@app.command("db-upgrade")
def db_upgrade() -> None:
    """Bring the database's schema up to date. 升级数据库。"""
    from registry.migrations import NEWEST, upgrade  # noqa: PLC0415  # see above

    database = Database(settings().url)
    upgrade(database)
    database.dispose()
    print(f"数据库版本 schema revision: {NEWEST}")


@app.command()
def rpc() -> None:
    """Print the address of the chain's node, or of each. 显示链节点地址。"""
    from registry.nodes import node_urls  # noqa: PLC0415  # see above

    print("\n".join(node_urls(settings())))


@app.command()
def accounts() -> None:
    """List the accounts that transactions are sent from. 列出发送交易的链上账户。"""
    from registry.departments.keys import account_list  # noqa: PLC0415  # see above
    from registry.migrations import revision_of  # noqa: PLC0415

    if not Options.directory.is_dir():
        raise SettingsError("registry_not_set_up", directory=Options.directory)
    kept = is_kept()  # not while init is refused
    database = Database(settings(**({} if kept else {"origin": _ANY_ORIGIN})).url)
    try:
        with database.reading() as session:
            if revision_of(session.connection()) is None:
                raise SettingsError("registry_not_set_up", directory=Options.directory)
            found = account_list(session)
    finally:
        database.dispose()
    for address, department, purpose in found:
        print(f"{address}  {department or '-'}  {purpose}")


def _publish_first(registry: Registry) -> None:
    """Publish the first trust file, signed with the council's keys that are here."""
    with registry.transaction() as services:
        data = issue_trust(services)
    publish(registry, data)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(
            "directory_unusable", directory=directory, reason=error.strerror
        ) from error


def main() -> NoReturn:
    """Run the command line."""
    run_console(app, typer.TyperException)
