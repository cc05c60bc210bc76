"""The council as a wallet of k of n members: making it, proposing, signing, carrying out.

None of this needs the registry's database or keys, only nodes and the trust file: a member signs on
a machine of their own.
"""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ecert.client.home import read_file, write_file
from ecert.errors import EcertError
from ecert.fields import hex_text, time_text
from registry.chain.safe_creation import create_safe, read_address
from registry.chain.safe_origin import MAX_SALT
from registry.chain.safe_reading import read_safe
from registry.cli.council_session import (
    RPC,
    SAFE,
    TRUST,
    connected,
    owner_key,
    passphrase,
    sender_of,
    wallet_of,
)
from registry.cli.proposing import Code
from registry.cli.proposing import app as proposing
from registry.cli.session import acting
from registry.errors import ConflictError

app = typer.Typer(
    help="The council: a wallet of k of n members. 理事会：多签钱包。", no_args_is_help=True
)
app.add_typer(proposing, name="propose")

_FILE = typer.Argument(help="The proposal. 提案文件。")
_KEY = typer.Option("--key", help="A member's key file. 成员密钥文件。")


@app.command()
def new(
    owner: Annotated[list[str], typer.Option(help="A member's address; once for each. 成员地址。")],
    threshold: Annotated[int, typer.Option(min=1, help="How many must sign. 所需签名数。")],
    salt: Annotated[
        int,
        typer.Option(
            min=0, max=MAX_SALT, help="Another one makes another wallet. 区分同一批成员的钱包。"
        ),
    ] = 0,
    rpc: Annotated[list[str] | None, RPC] = None,
) -> None:
    """Make the council's wallet on the chain, or find it there. 建立多签钱包。"""
    made = create_safe(
        sender_of(rpc),
        owner,
        threshold,
        salt=salt,
        report=lambda name: print(f"合约 contract: {name}", file=sys.stderr, flush=True),
    )
    print(made.address)


@app.command()
def show(
    safe: Annotated[str | None, SAFE] = None,
    rpc: Annotated[list[str] | None, RPC] = None,
    trust: Annotated[Path | None, TRUST] = None,
) -> None:
    """Show who the council is, and what it has announced. 显示理事会。"""
    from registry.council.announced import announced  # noqa: PLC0415

    sender, view = connected(rpc, trust)
    council = view.council()
    print(f"理事会 council: {council}")
    if (proposed := view.proposed()) is not None:
        print(f"候任理事会 proposed council: {proposed}")
    print(f"等待期 delay: {view.delay()} s")
    for one in announced(sender, view, now=int(time.time())):
        state = "可执行 due" if one.due else f"{time_text(one.eta)} 起 from"
        print(f"已预告 announced, {state}:\n  {one.words['zh']}\n  {one.words['en']}")
    try:
        found = wallet_of(sender, view, safe)
    except EcertError as error:
        if safe is not None or error.code != "council_no_safe":
            raise
        print("理事会不是多签钱包，而是单个账户。\nThe council is no such wallet: one account.")
    else:
        answer = ("是", "yes") if found.address == council else ("否", "no")
        print(f"钱包 wallet: {found.address}")
        print(f"  是本部署的理事会 is this deployment's council: {answer[0]} {answer[1]}")
        print(f"  签名 signatures: {found.threshold} / {len(found.owners)}")
        for owner in found.owners:
            print(f"  成员 member: {owner}")
        print(f"  序号 nonce: {found.nonce}")


@app.command()
def key(
    output: Annotated[Path, typer.Option("--output", "-o", help="The key file. 密钥文件。")],
) -> None:
    """Make a member's key in a file under a passphrase; prints its address. 生成成员密钥。"""
    from registry.chain.owners import OwnerKey  # noqa: PLC0415

    if output.exists():
        raise ConflictError("owner_key_exists", path=output)
    made = OwnerKey.generate()
    write_file(output, made.seal(passphrase(new=True)))
    print(made.address)


@app.command()
def sign(
    file: Annotated[Path, _FILE],
    key: Annotated[Path, _KEY],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. 不再询问。")] = False,
    rpc: Annotated[list[str] | None, RPC] = None,
    trust: Annotated[Path | None, TRUST] = None,
) -> None:
    """Show what a proposal does, and sign it. 查看并签署提案。"""
    from registry.council.proposals import MAX_PROPOSAL_BYTES, Proposal  # noqa: PLC0415

    sender, view = connected(rpc, trust)
    proposal = Proposal.parse(read_file(file, limit=MAX_PROPOSAL_BYTES), view.contracts)
    safe = wallet_of(sender, view, proposal.safe)
    proposal.require(sender.chain_id, safe)
    signed = proposal.sign(owner_key(key), safe)  # refused before it is read through
    print(f"链 chain {proposal.chain_id}，钱包 wallet {proposal.safe}")
    for step in proposal.steps:
        words = step.words()
        print(f"{step.transaction.nonce}\n  {words['zh']}\n  {words['en']}")
        print(f"  {hex_text(proposal.digest(step))}")
    if sys.stdin.isatty() and not yes:
        typer.confirm("签署？ Sign?", abort=True)
    write_file(file, signed.encode(), mode=0o644)
    count = min(
        len(step.signatures) for step in signed.steps if step.transaction.nonce >= safe.nonce
    )
    print(f"已签署 signed: {count} / {safe.threshold}")


@app.command("hand-over")
def hand_over(
    wallet: Annotated[str, typer.Argument(help="The next council's wallet. 接任的钱包地址。")],
) -> None:
    """Name a wallet as the next council, where this registry's account is it. 移交理事会。"""
    with acting() as (services, actor):
        found = read_safe(sender_of(None), read_address(wallet))
        services.orders.hand_over(actor, found.address)
    print(f"已提交 submitted: {found.address} ({found.threshold} / {len(found.owners)})")


@app.command()
def decline(department: Code) -> None:
    """Give up what of a department awaits the council. 放弃等待理事会的事项。"""
    with acting() as (services, actor):
        count = services.orders.decline(actor, department)
    print(f"已放弃 given up: {department} ({count})")


@app.command()
def execute(
    file: Annotated[Path, _FILE],
    rpc: Annotated[list[str] | None, RPC] = None,
    trust: Annotated[Path | None, TRUST] = None,
) -> None:
    """Carry a proposal out that enough members have signed. 执行提案。"""
    from registry.council.execution import Fate, carry_out  # noqa: PLC0415
    from registry.council.proposals import MAX_PROPOSAL_BYTES, Proposal, Step  # noqa: PLC0415

    sender, view = connected(rpc, trust)
    proposal = Proposal.parse(read_file(file, limit=MAX_PROPOSAL_BYTES), view.contracts)

    def tell(step: Step, fate: Fate, block: int) -> None:
        words = step.words()
        done = f"已执行于区块 done in block {block}"
        said = done if fate == Fate.DONE else "序号已用过 nonce was used before"
        print(f"{step.transaction.nonce}  {said}\n  {words['zh']}\n  {words['en']}", flush=True)

    carry_out(sender, view, proposal, wallet_of(sender, view, proposal.safe), tell)
