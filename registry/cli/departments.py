"""Departments and officers."""

import sys
from typing import Annotated

import typer

from ecert.errors import printable
from ecert.signing import ED25519, ES256
from registry.access.models import Role
from registry.cli.session import acting, opened

app = typer.Typer(help="Departments. 部门。", no_args_is_help=True)
officers = typer.Typer(help="Officers and systems. 人员与系统。", no_args_is_help=True)
_NOT_IN_FORCE = (
    "此处已停止签发，但暂停尚未在链上生效 it issues no more here, "
    "but its suspension is not in force on the chain yet"
)
_CODE = typer.Argument(help="The department's code. 部门代码。")
_KIND = typer.Argument(help="The kind's code. 证照种类。")


@app.command()
def admit(
    code: Annotated[str, _CODE],
    name: Annotated[str, typer.Option(help="What it is called. 名称。")],
    kind: Annotated[str, typer.Option(help="Its sort, such as PS. 部门类别。")],
    issues: Annotated[
        list[str] | None, typer.Option(help="A kind of document it may issue. 可签发的证照种类。")
    ] = None,
    parent: Annotated[str | None, typer.Option(help="The one above it. 上级部门。")] = None,
    ed25519: Annotated[bool, typer.Option("--ed25519", help="Ed25519 instead of ES256.")] = False,
) -> None:
    """Admit a department with accounts and a signing key. 接入部门。"""
    with acting() as (services, actor):
        services.departments.admit(
            actor,
            code=code,
            name=name,
            kind=kind,
            kinds=issues or [],
            parent=parent,
            suite=ED25519 if ed25519 else ES256,
        )
    print(f"已提交 submitted: {code} {name}")


@app.command("list")
def list_departments() -> None:
    """List the departments. 列出部门。"""
    with opened() as registry, registry.reading() as services:
        awaited = services.orders.awaiting()
        rows = services.departments.all()
        if not rows:
            print("还没有部门。 There are no departments yet: registry department admit")
        for row in rows:
            kinds = ", ".join(grant.kind for grant in services.departments.kinds_of(row.code))
            print(f"{row.code}  {row.state:10} {row.kind:4} {row.name}  [{kinds}]")
            if services.departments.pending(row, "suspend"):
                print(f"  {_NOT_IN_FORCE}")
            if row.code in awaited:
                print(f"  等待理事会 awaiting the council: {', '.join(awaited[row.code])}")


@app.command()
def suspend(code: Annotated[str, _CODE]) -> None:
    """Suspend a department with all below it. 暂停部门。"""
    with acting() as (services, actor):
        services.departments.suspend(actor, code)
    print(f"已提交 submitted: {code}")


@app.command()
def lift(code: Annotated[str, _CODE]) -> None:
    """End a department's suspension. 恢复部门。"""
    with acting() as (services, actor):
        services.departments.lift(actor, code)
    print(f"已提交 submitted: {code}")


@app.command("grant-kind")
def grant_kind(code: Annotated[str, _CODE], kind: Annotated[str, _KIND]) -> None:
    """Let a department issue a kind. 授权签发某类证照。"""
    with acting() as (services, actor):
        services.departments.grant_kind(actor, code, kind)
    print(f"已提交 submitted: {code} {kind}")


@app.command("withdraw-kind")
def withdraw_kind(code: Annotated[str, _CODE], kind: Annotated[str, _KIND]) -> None:
    """Take the right to issue a kind away. 撤回签发授权。"""
    with acting() as (services, actor):
        services.departments.withdraw_kind(actor, code, kind)
    print(f"已提交 submitted: {code} {kind}")


@app.command("new-key")
def new_key(code: Annotated[str, _CODE]) -> None:
    """Register a new signing key. 登记新签名密钥。"""
    with acting() as (services, actor):
        print(services.departments.register_key(actor, code).kid)


@app.command("withdraw-key")
def withdraw_key(
    kid: Annotated[str, typer.Argument(help="The key's thumbprint. 密钥编号。")],
    compromised_since: Annotated[
        int | None, typer.Option(help="Block since which it is not trusted. 泄露起始区块。")
    ] = None,
) -> None:
    """Withdraw a signing key. 撤回签名密钥。"""
    with acting() as (services, actor):
        services.departments.withdraw_key(actor, kid, compromised_since=compromised_since)
    print(f"已提交 submitted: {kid}")


@officers.command("add")
def add_officer(
    label: Annotated[str, typer.Argument(help="What they are called. 名称。")],
    role: Annotated[list[Role], typer.Option(help="What they may do. 角色。")],
    department: Annotated[str | None, typer.Option(help="Where. 部门。")] = None,
) -> None:
    """Add an officer or system; prints the token, once. 添加人员，令牌仅显示一次。"""
    with acting() as (services, actor):
        _, token = services.officers.add(actor, department=department, label=label, roles=role)
    _hand_over(token, label)


@officers.command("list")
def list_officers() -> None:
    """List officers and systems. 列出人员。"""
    with acting() as (services, actor):
        for row in services.officers.all(actor):
            state = "disabled" if row.disabled_at else "active"
            print(
                f"{row.id}  {row.department or '-':20} {state:8} {','.join(row.roles)}  {row.label}"
            )


@officers.command("renew")
def renew_officer(officer: Annotated[str, typer.Argument(help="Their id. 编号。")]) -> None:
    """Give an officer a new token, printed once; the old one ends. 换发令牌，旧令牌失效。"""
    with acting() as (services, actor):
        token = services.officers.renew(actor, officer)
    _hand_over(token, officer)


@officers.command("disable")
def disable_officer(officer: Annotated[str, typer.Argument(help="Their id. 编号。")]) -> None:
    """End an officer's access. 停用人员。"""
    with acting() as (services, actor):
        services.officers.disable(actor, officer)
    print(f"已停用 disabled: {officer}")


@officers.command("recover")
def recover_operator() -> None:
    """Give the first operator a new token where all were lost; needs the passphrase. 找回令牌。"""
    with opened() as registry, registry.transaction() as services:
        token = services.officers.recover()
    _hand_over(token, "operator")


def _hand_over(token: str, whose: str) -> None:
    """Print a token alone on standard output, for scripts, and what it is beside it."""
    print(f"{printable(whose)} 的令牌，仅显示一次 their token, shown this once:", file=sys.stderr)
    print(token)
