"""Writing proposals for the council: one command for each of its acts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer

from ecert.client.home import write_file
from ecert.fields import hex_bytes
from ecert.status import Status
from registry.chain.calls import COUNCIL, AnchorCalls, ContractCall, DepartmentCalls, StatusCalls
from registry.chain.sender import Sender
from registry.cli.council_session import RPC, SAFE, TRUST, connected, wallet_of
from registry.cli.session import opened
from registry.council.chain import CouncilView
from registry.errors import NotFoundError, RequestError

app = typer.Typer(help="Write a proposal. 起草提案。", no_args_is_help=True)

Code = Annotated[str, typer.Argument(help="The department. 部门代码。")]
Kind = Annotated[str, typer.Argument(help="The kind's code. 证照种类。")]
Address = Annotated[str, typer.Argument(help="An address. 地址。")]

_HASH = 32


class Contract(StrEnum):
    """A contract that can be closed."""

    DEPARTMENTS = "departments"
    ANCHORS = "anchors"
    STATUSES = "statuses"


@dataclass(frozen=True)
class _Draft:
    """Where a proposal goes, and what it is made for; nodes are asked when they are needed."""

    output: Path
    nonce: int | None
    safe: str | None
    rpc: list[str] | None
    trust: Path | None

    @cached_property
    def chain(self) -> tuple[Sender, CouncilView]:
        return connected(self.rpc, self.trust)

    @property
    def sender(self) -> Sender:
        return self.chain[0]

    @property
    def view(self) -> CouncilView:
        return self.chain[1]

    @property
    def departments(self) -> DepartmentCalls:
        return DepartmentCalls(self.view.departments)

    @property
    def anchors(self) -> AnchorCalls:
        return AnchorCalls(self.view.address("AnchorRegistry"))

    @property
    def statuses(self) -> StatusCalls:
        return StatusCalls(self.view.address("StatusRegistry"))

    def calls(self, contract: Contract) -> DepartmentCalls | AnchorCalls | StatusCalls:
        if contract == Contract.DEPARTMENTS:
            return self.departments
        return self.anchors if contract == Contract.ANCHORS else self.statuses


@app.callback()
def options(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="The proposal. 提案文件。")] = Path(
        "proposal.json"
    ),
    nonce: Annotated[
        int | None,
        typer.Option(min=0, help="The first nonce; the wallet's next if not given. 起始序号。"),
    ] = None,
    safe: Annotated[str | None, SAFE] = None,
    rpc: Annotated[list[str] | None, RPC] = None,
    trust: Annotated[Path | None, TRUST] = None,
) -> None:
    """Set what all proposals share."""
    context.obj = _Draft(output, nonce, safe, rpc, trust)


@app.command("awaiting")
def propose_awaiting(context: typer.Context, department: Code) -> None:
    """What this registry's operators ordered for a department. 本系统待理事会批准的事项。"""
    with opened() as registry, registry.reading() as services:
        calls = services.orders.calls(department)
    if not calls:
        raise NotFoundError("council_nothing_awaits", department=department)
    _write(context.obj, calls)


@app.command("suspend")
def propose_suspend(context: typer.Context, department: Code) -> None:
    """Suspend a department; it does not wait for the delay. 暂停部门，无须等待。"""
    _write(context.obj, [context.obj.departments.suspend(COUNCIL, department)])


@app.command("lift")
def propose_lift(context: typer.Context, department: Code) -> None:
    """End a suspension. 恢复部门。"""
    _write(context.obj, [context.obj.departments.lift(COUNCIL, department)])


@app.command("grant-kind")
def propose_grant_kind(context: typer.Context, department: Code, kind: Kind) -> None:
    """Let a department issue a kind. 授权签发某类证照。"""
    _write(context.obj, [context.obj.departments.grant_kind(COUNCIL, department, kind)])


@app.command("withdraw-kind")
def propose_withdraw_kind(context: typer.Context, department: Code, kind: Kind) -> None:
    """End a department's right to issue a kind. 撤回签发授权。"""
    _write(context.obj, [context.obj.departments.withdraw_kind(COUNCIL, department, kind)])


@app.command("move")
def propose_move(
    context: typer.Context,
    department: Code,
    under: Annotated[
        str | None, typer.Option(help="The new one above it; the top if not given. 新上级。")
    ] = None,
) -> None:
    """Hang a department under another. 调整上级部门。"""
    _write(context.obj, [context.obj.departments.move(COUNCIL, department, under)])


@app.command("merge")
def propose_merge(
    context: typer.Context,
    department: Code,
    into: Annotated[str, typer.Option(help="The one that goes on. 并入的部门。")],
) -> None:
    """Dissolve a department into another, for good. 并入其他部门。"""
    _write(context.obj, [context.obj.departments.merge(COUNCIL, department, into)])


@app.command("council")
def propose_council(context: typer.Context, wallet: Address) -> None:
    """Name the next council, which must accept. 提名下一届理事会。"""
    draft: _Draft = context.obj
    found = wallet_of(draft.sender, draft.view, wallet)
    _write(draft, [draft.departments.propose_council(found.address)])


@app.command("accept")
def propose_accept(context: typer.Context) -> None:
    """Become the council, as it proposed: for the next one's wallet. 接任理事会。"""
    draft: _Draft = context.obj
    proposed = draft.view.proposed()
    if proposed is None:
        raise NotFoundError("council_nobody_proposed")
    _write(draft, [draft.departments.accept_council()], safe=draft.safe or proposed)


@app.command("revoke")
def propose_revoke(
    context: typer.Context,
    department: Code,
    digest: Annotated[str | None, typer.Option(help="A document's digest. 证照摘要。")] = None,
    root: Annotated[str | None, typer.Option(help="A batch's root. 批次的根。")] = None,
    status_list: Annotated[
        int | None, typer.Option("--list", min=0, help="A status list. 状态列表。")
    ] = None,
    index: Annotated[
        list[int] | None, typer.Option(min=0, help="Its entry; once for each. 条目号。")
    ] = None,
) -> None:
    """Revoke for a department, for good. 代部门吊销，不可恢复。"""
    draft: _Draft = context.obj
    if [digest, root, status_list].count(None) != 2 or (status_list is None) != (not index):
        raise RequestError("council_revoke_what")
    if digest is not None:
        call = draft.statuses.revoke_digest(COUNCIL, department, _hash(digest))
    elif root is not None:
        call = draft.statuses.revoke_root(COUNCIL, department, _hash(root))
    else:
        entries = sorted(set(index or []))
        call = draft.statuses.set_status(
            COUNCIL, department, status_list or 0, entries, Status.REVOKED
        )
    _write(draft, [call])


@app.command("close")
def propose_close(
    context: typer.Context,
    contract: Annotated[Contract, typer.Argument(help="Which. 合约。")],
    successor: Address,
) -> None:
    """End a contract for good in favour of another. 关闭合约，由后继接替。"""
    from registry.chain.safe_creation import read_address  # noqa: PLC0415  # see registry.cli.main

    draft: _Draft = context.obj
    _write(draft, [draft.calls(contract).close(read_address(successor))])


@app.command("cancel")
def propose_cancel(
    context: typer.Context,
    contract: Annotated[Contract, typer.Argument(help="Where it was announced. 合约。")],
    act: Annotated[str, typer.Argument(help="Its hash, which `show` names. 预告的哈希。")],
) -> None:
    """Drop an announced act. 撤销预告。"""
    draft: _Draft = context.obj
    _write(draft, [draft.calls(contract).cancel(_hash(act))])


def _write(draft: _Draft, calls: Sequence[ContractCall], *, safe: str | None = None) -> None:
    """Write the proposal of calls, each announced first where it has to be."""
    from registry.council.proposals import propose  # noqa: PLC0415  # see registry.cli.main

    wallet = wallet_of(draft.sender, draft.view, safe or draft.safe)
    now = int(time.time())
    announcements, acts = [], []
    for call in calls:
        to = call.to or ""
        announcement = draft.view.announcement(to, call.data, now=now)
        if announcement is not None:
            announcements.append((to, announcement))
        acts.append((to, call.data))
    proposal = propose(
        draft.sender.chain_id,
        wallet.address,
        draft.view.contracts,
        [*announcements, *acts],
        nonce=wallet.nonce if draft.nonce is None else draft.nonce,
    )
    write_file(draft.output, proposal.encode(), mode=0o644)
    for step in proposal.steps:
        words = step.words()
        print(f"{step.transaction.nonce}\n  {words['zh']}\n  {words['en']}")
    print(f"提案 proposal: {draft.output}  ({wallet.threshold} / {len(wallet.owners)})")


def _hash(text: str) -> bytes:
    data = hex_bytes(text, _HASH)
    if data is None:
        raise RequestError("council_hash_malformed", text=text[:66])
    return data
