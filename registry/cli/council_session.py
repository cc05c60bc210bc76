"""What the council's commands share: nodes, contracts, the wallet, a member's passphrase."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ecert.chain.node import Nodes
from ecert.chain.stored import SOLIDITY_NAMES
from ecert.client.console import secret_from_environment
from ecert.client.home import read_file, read_trust_file
from ecert.errors import KeystoreError
from ecert.fields import hex_text
from ecert.trust import signed_file
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from registry.cli.session import Options, settings
from registry.council.chain import CouncilView
from registry.errors import ConflictError, SettingsError
from registry.trust.publishing import TRUST_FILE

if TYPE_CHECKING:
    from registry.chain.owners import OwnerKey
    from registry.chain.safe import SafeState

RPC = typer.Option("--rpc", help="A node; the registry's if not given. 链节点，可多次给出。")
TRUST = typer.Option("--trust", help="The trust file; the registry's if not given. 信任文件。")
SAFE = typer.Option("--safe", help="The wallet; the council if not given. 多签钱包地址。")


def sender_of(rpc: Sequence[str] | None) -> Sender:
    """Return how the chain is asked and sent to.

    Raises:
        UnavailableError: No node answers.
        SettingsError: ``registry_not_set_up``, and no node is named.
    """
    from registry.nodes import node_urls  # noqa: PLC0415  # see registry.cli.main

    urls = tuple(rpc or ()) or node_urls(settings())
    return Sender(RpcPool(urls, Nodes(urls).chain_id()))


def connected(rpc: Sequence[str] | None, trust: Path | None) -> tuple[Sender, CouncilView]:
    """Return the chain, and the contracts of the trust file on it.

    Raises:
        ConflictError: ``council_other_chain``: the nodes are of another chain than the trust file.
        MalformedError: There is no trust file of that name, or it is not good.
        SettingsError: ``registry_not_set_up``: none is named, and there is no registry.
        SignatureInvalidError: Too few of its council's keys signed it.
        UnavailableError: No node answers.
    """
    path = trust or Options.directory / TRUST_FILE
    if trust is None and not path.exists():
        raise SettingsError("registry_not_set_up", directory=Options.directory)
    file = signed_file(read_trust_file(path))
    sender = sender_of(rpc)
    genesis = sender.header(0)
    if file.chain_id != sender.chain_id or genesis is None or genesis.hash != file.genesis_hash:
        raise ConflictError("council_other_chain", found=sender.chain_id, expected=file.chain_id)
    book = {hex_text(file.contracts[name].address): full for name, full in SOLIDITY_NAMES.items()}
    return sender, CouncilView(sender, book)


def wallet_of(sender: Sender, view: CouncilView, safe: str | None) -> "SafeState":
    """Return the wallet that is named, or the council.

    Raises:
        ChainRejectedError: ``council_no_safe``.
        MalformedError: ``address_unreadable``, ``address_checksum_wrong``.
        UnavailableError: No node answers.
    """
    from registry.chain.safe_creation import read_address  # noqa: PLC0415
    from registry.chain.safe_reading import read_safe  # noqa: PLC0415  # see registry.cli.main

    return read_safe(sender, view.council() if safe is None else read_address(safe))


def owner_key(path: Path) -> "OwnerKey":
    """Open a member's key file.

    Raises:
        MalformedError: It is none.
        KeystoreError: ``owner_passphrase_wrong``, ``passphrase_needed``.
    """
    from registry.chain.owners import MAX_KEY_FILE_BYTES, OwnerKey  # noqa: PLC0415

    return OwnerKey.open(read_file(path, limit=MAX_KEY_FILE_BYTES), passphrase())


def passphrase(*, new: bool = False) -> str:
    """Return a member's passphrase: from the environment, or asked for on a terminal.

    Raises:
        KeystoreError: ``owner_passphrase_needed``, ``owner_passphrases_differ``.
    """
    given = secret_from_environment("COUNCIL_PASSPHRASE")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise KeystoreError("owner_passphrase_needed")
    try:
        given = getpass.getpass("成员密钥口令 Passphrase of the member's key: ")
        if new and given != getpass.getpass("再次输入以确认 Again: "):
            raise KeystoreError("owner_passphrases_differ")
    except EOFError as error:
        raise KeystoreError("owner_passphrase_needed") from error
    return given
