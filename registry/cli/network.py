"""Making, running and watching a network of validators."""

import os
from collections.abc import Callable
from typing import Annotated

import typer

from ecert.fields import hex_text, time_text
from ecert.typesetting.text import text_width
from networks.qbft.description import Engine, HostKind
from networks.qbft.errors import NetworkError
from registry.cli import validators
from registry.cli.validators import Directory, address_of

app = typer.Typer(
    help="Make and run a network of validators. 建立并运行验证者网络。", no_args_is_help=True
)
app.command("add-validator")(validators.add)
app.command("remove-validator")(validators.remove)
app.command("allow")(validators.allow)


@app.command()
def init(
    directory: Directory,
    engine: Annotated[str, typer.Option(help="besu or quorum. 引擎。")] = "besu",
    count: Annotated[int, typer.Option("--validators", help="How many, 1 to 32. 验证者数量。")] = 4,
    chain_id: Annotated[
        int | None, typer.Option(help="Random if not given. 链编号，缺省随机。")
    ] = None,
    block_seconds: Annotated[
        int, typer.Option(help="Seconds between blocks. 出块间隔（秒）。")
    ] = 2,
    timeout_seconds: Annotated[
        int, typer.Option(help="Seconds that a first round waits. 首轮等待时间（秒）。")
    ] = 5,
    epoch_length: Annotated[
        int, typer.Option(help="Blocks after which votes start anew. 投票周期（区块数）。")
    ] = 30_000,
    hosts: Annotated[
        str | None,
        typer.Option(help="quorum: namespaces (needs root) or loopback. 节点所在主机。"),
    ] = None,
    subnet: Annotated[
        str | None, typer.Option(help="A private /24; a free one if not given. 子网。")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(help="besu: an account that may send; several. 可发送交易的账户。"),
    ] = None,
) -> None:
    """Make the keys and files of a new network. 生成新网络的密钥与文件。"""
    from networks.qbft.making import Plan, make_network  # noqa: PLC0415  # loads the curve's code

    kind = _engine(engine)
    plan = Plan(
        engine=kind,
        hosts=_hosts(kind, hosts),
        validators=count,
        chain_id=chain_id,
        block_seconds=block_seconds,
        timeout_seconds=timeout_seconds,
        epoch_length=epoch_length,
        subnet=subnet,
        accounts=tuple(address_of(text) for text in account or ()),
    )
    made = make_network(directory, plan)
    print(f"网络 network: {directory}, {made.engine}, 链编号 chain id {made.chain_id}")
    for node in made.nodes:
        print(f"{node.name}  {node.rpc_url}  {hex_text(node.validator)}")
    validators.warn_of_few(count)


@app.command()
def up(directory: Directory) -> None:
    """Start the nodes and wait for blocks. 启动节点并等待出块。"""
    from networks.qbft.network import Network  # noqa: PLC0415

    network = Network(directory)
    network.up()
    print("\n".join(network.urls))


@app.command()
def down(directory: Directory) -> None:
    """End the nodes and take their hosts away. 停止节点并移除其主机。"""
    from networks.qbft.network import Network  # noqa: PLC0415

    Network(directory).down()
    print("已停止 stopped")


@app.command()
def status(directory: Directory) -> None:
    """Show each node; exit code 0 only if a quorum makes blocks. 查看节点状态。"""
    from networks.qbft.network import Network  # noqa: PLC0415
    from networks.qbft.status import NodeStatus  # noqa: PLC0415
    from networks.qbft.status import status as look  # noqa: PLC0415

    found = look(Network(directory))
    columns: tuple[tuple[str, Callable[[NodeStatus], object]], ...] = (
        ("节点 node", lambda node: node.name),
        ("运行 running", lambda node: _word(node.running)),
        ("连接 peers", lambda node: node.peers),
        ("高度 height", lambda node: node.height),
        ("验证者 validator", lambda node: _word(node.validator)),
        ("最新区块 newest block", lambda node: _time(node.block_time)),
    )
    rows = [[title for title, _ in columns]]
    for node in found.nodes:
        values = [value(node) for _, value in columns]
        rows.append(["-" if value is None else str(value) for value in values])
    widths = [max(map(text_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell + " " * (width - text_width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        print("  ".join(cells).rstrip())
    said = "正常出块 blocks are made" if found.going else "未出块 no blocks"
    answering = f"{found.present}/{found.validators} 验证者应答 validators answer"
    print(f"{said}: {answering}, 需要 needed {found.needed}")
    if not found.going:
        raise typer.Exit(1)


def _word(value: bool | None) -> str | None:
    return None if value is None else ("是 yes" if value else "否 no")


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else time_text(seconds)


def _engine(text: str) -> Engine:
    if text == "quorum":
        return "quorum"
    if text == "besu":
        return "besu"
    raise typer.BadParameter(f"--engine: {text!r} is neither besu nor quorum")


def _hosts(engine: Engine, text: str | None) -> HostKind:
    """Return where nodes are to run: as asked, or the best that can be had.

    Raises:
        NetworkError: ``network_hosts_unsupported``, ``network_hosts_need_root``,
            ``network_hosts_need_ip``.
    """
    from networks.qbft.hosts import can_have_namespaces, default_hosts  # noqa: PLC0415

    if engine == "besu" and text in (None, "containers"):
        return "containers"
    if engine == "quorum" and text is None:
        return default_hosts()
    if engine == "quorum" and text == "loopback":
        return "loopback"
    if engine == "quorum" and text == "namespaces":
        if not can_have_namespaces():
            raise NetworkError(
                "network_hosts_need_ip" if os.geteuid() == 0 else "network_hosts_need_root"
            )
        return "namespaces"
    raise NetworkError("network_hosts_unsupported", engine=engine, hosts=text)
