"""Who seals blocks of a network, and whose transactions its nodes take.

A GoQuorum network on this machine is changed at once. Of a Besu network, whose nodes run elsewhere,
the files are changed, and what its nodes must be told is printed.
"""

from pathlib import Path
from typing import Annotated

import typer

from ecert.fields import hex_bytes, hex_text
from networks.qbft.description import NetworkDescription

Directory = Annotated[
    Path, typer.Option("--dir", help="The network's folder. 网络目录。", show_default=False)
]


FEW = 4
"""Validators below which none may fail."""


def warn_of_few(count: int) -> None:
    """Say what it means when a network has so few validators."""
    if count < FEW:
        _tell(
            "验证者少于四个时，任何一个失效都会使网络停止。",
            "With fewer than four validators the network stops when any of them fails.",
        )


def add(
    directory: Directory,
    name: Annotated[
        str | None, typer.Argument(help="A node that is there; a new one if not given. 已有节点。")
    ] = None,
) -> None:
    """Make a node, and let the validators vote it in. 增加验证者。"""
    if NetworkDescription.read(directory).engine == "besu":
        _add_to_besu(directory, name)
        return
    from networks.qbft.membership import add_node, add_validator  # noqa: PLC0415
    from networks.qbft.network import Network  # noqa: PLC0415

    network = Network(directory)
    chosen = network.node(name) if name else add_node(network)
    add_validator(network, chosen.name)
    print(f"已成为验证者 is a validator: {chosen.name}  {hex_text(chosen.entry.validator)}")


def remove(
    directory: Directory,
    name: Annotated[str, typer.Argument(help="Which node. 节点。")],
    voted: Annotated[
        bool, typer.Option("--voted", help="besu: the vote is over. 表决已完成。")
    ] = False,
) -> None:
    """Let the others vote a validator out, and its node be let in no more. 移除验证者。"""
    description = NetworkDescription.read(directory)
    if description.engine == "besu":
        _remove_from_besu(directory, description, name, voted=voted)
        return
    from networks.qbft.membership import remove_validator  # noqa: PLC0415
    from networks.qbft.network import Network  # noqa: PLC0415

    network = Network(directory)
    gone = network.node(name)
    remove_validator(network, name)
    _tell(
        f"已移除 removed: {name}",
        f"以 {gone.url} 为 --rpc 的登记系统和核验方请改用其他节点。",
        f"Registries and verifiers that name {gone.url} by --rpc need another node.",
    )
    warn_of_few(len(network.nodes))


def allow(
    directory: Directory,
    addresses: Annotated[list[str], typer.Argument(help="Accounts. 账户地址。")],
) -> None:
    """besu: let nodes take transactions of more accounts. 允许账户发送交易。"""
    from networks.qbft import besu  # noqa: PLC0415
    from networks.qbft.making import allow_accounts  # noqa: PLC0415

    found = allow_accounts(directory, [address_of(text) for text in addresses])
    print(f"名单上的账户 accounts listed: {len(found.accounts)}")
    _tell(f"让每个节点重新读取名单 let each node read its lists again: {besu.RELOAD}")


def address_of(text: str) -> bytes:
    """Read an account's address."""
    found = hex_bytes(text.lower(), 20)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no address")
    return found


def _add_to_besu(directory: Path, name: str | None) -> None:
    from networks.qbft import besu, making  # noqa: PLC0415

    before = NetworkDescription.read(directory)
    entry = making.add_files(directory) if name is None else before.node(name)
    voters = [node.name for node in before.nodes if node != entry]
    _tell(
        f"节点 node: {entry.name}  {hex_text(entry.validator)}",
        f"一、让其余节点重新读取名单 1. let the others read their lists again: {besu.RELOAD}",
        f"二、启动并等待同步 2. start it, let it catch up: docker compose up -d {entry.name}",
        f"三、让多数验证者投票 3. let more than half of them vote ({', '.join(voters)}): "
        f"{besu.vote(entry.validator, add=True)}",
    )


def _remove_from_besu(
    directory: Path, description: NetworkDescription, name: str, *, voted: bool
) -> None:
    from networks.qbft import besu, making  # noqa: PLC0415

    entry = description.node(name)
    if not voted:
        voters = [node.name for node in description.nodes if node != entry]
        _tell(
            f"一、让多数验证者投票 1. let more than half of them vote ({', '.join(voters)}): "
            f"{besu.vote(entry.validator, add=False)}",
            "二、此后带 --voted 再次运行 2. then run this again with --voted",
        )
        return
    making.remove_files(directory, name)
    _tell(
        f"一、停止该节点 1. stop it: docker compose rm -s {name}",
        f"二、让其余节点重新读取名单 2. let the others read their lists again: {besu.RELOAD}",
    )


def _tell(*lines: str) -> None:
    print("\n".join(lines))
