"""Importing, approving, handing out and withdrawing documents."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ecert.client.home import refuse_existing, write_file
from ecert.document import SUFFIX
from ecert.status import Status
from registry.application import Registry
from registry.cli.progress import as_line, import_report, watched
from registry.cli.session import acting, acting_at_length, opened
from registry.documents.delivery import document_file, paper_input
from registry.documents.models import DocumentState
from registry.documents.streaming import import_stream
from registry.errors import RequestError
from registry.paper import render_pdf

app = typer.Typer()
_ID = typer.Argument(help="The document's id. 证照编号。")
_WITHDRAWN = {
    Status.REVOKED: "注意：此证照已撤销，核验不会通过。Note: it is revoked and will not verify.",
    Status.SUSPENDED: "注意：此证照已暂停，核验不会通过。Note: suspended; it will not verify.",
}
_JSON = typer.Option("--json", help="As JSON. 输出 JSON。")
_DEPARTMENT = typer.Option(help="The department. 部门。")
_REASON = typer.Option(help="Kept here, not on the chain. 原因（不上链）。")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV or Excel file. CSV 或 Excel 文件。")],
    kind: Annotated[str, typer.Option(help="The kind of all rows. 证照种类。")],
    department: Annotated[str, typer.Option(help="The issuing department. 签发部门。")],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Read applications from a file: good rows are kept, every error is told. 导入。

    A CSV file may have any number of rows: it is read as a stream.
    """
    report = (lambda _: None) if as_json else import_report()
    with acting_at_length() as (registry, actor):
        job = import_stream(
            registry, actor, department=department, kind=kind, path=file, report=report
        )
    if as_json:
        values = job.model_dump(mode="json", exclude={"officer"})
        print(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        print(f"{job.id}  {job.good} 行收入 kept, {job.known} 行已有 known, {job.bad} 行有误 wrong")
        for error in job.errors:
            print(f"  {_problem(error)}")
    if job.bad:
        raise typer.Exit(1)


@app.command()
def approve(
    documents: Annotated[list[str] | None, typer.Argument(help="Their ids. 编号。")] = None,
    job: Annotated[
        str | None, typer.Option("--import", help="All of an import. 整个导入批次。")
    ] = None,
) -> None:
    """Approve what another officer entered: documents, or all of an import. 审批。"""
    if not documents and job is None:
        raise RequestError("approval_of_nothing")
    with acting() as (services, actor):
        count = services.documents.approve(actor, documents) if documents else 0
        if job is not None:
            count += services.documents.approve_import(actor, job)
    print(f"{count} 份已审批 approved")


@app.command()
def progress(
    job: Annotated[str, typer.Option("--import", help="The import. 导入批次。")],
    watch: Annotated[
        bool, typer.Option("--watch", help="Until nothing of it is left to do. 持续显示直到完成。")
    ] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Tell how far an import's documents have come, and how long they will take. 进度。"""
    with acting_at_length() as (registry, actor):
        for state, rate in watched(registry, actor, job, again=watch):
            print(as_line(state, rate, as_json=as_json), flush=True)


@app.command()
def reject(document: Annotated[str, _ID], reason: Annotated[str, _REASON]) -> None:
    """Refuse an application that is not yet signed. 驳回。"""
    with acting() as (services, actor):
        services.documents.reject(actor, document, reason)
    print(f"已驳回 rejected: {document}")


@app.command("list")
def list_documents(
    department: Annotated[str, _DEPARTMENT],
    state: Annotated[DocumentState | None, typer.Option(help="Only in this state. 状态。")] = None,
    job: Annotated[
        str | None, typer.Option("--import", help="Only of this import. 导入批次。")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many. 条数。")] = 100,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List a department's documents. 列出证照。"""
    with acting() as (services, actor):
        rows = services.documents.page(
            actor, department=department, state=state, import_id=job, limit=limit
        )
    if as_json:
        values = [{"id": row.id, "kind": row.kind, "state": row.state} for row in rows]
        print(json.dumps(values))
        return
    for row in rows:
        print(f"{row.id}  {row.state:10} {row.kind:20} {Status(row.status).name.lower()}")


@app.command()
def status(
    department: Annotated[str, _DEPARTMENT],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Tell how many documents are in each state. 各状态数量。"""
    with acting() as (services, actor):
        counts = services.documents.counts(actor, department)
    if as_json:
        print(json.dumps({state.value: count for state, count in counts.items()}))
        return
    for state, count in counts.items():
        print(f"{state:10} {count}")


@app.command()
def revoke(document: Annotated[str, _ID], reason: Annotated[str, _REASON]) -> None:
    """Revoke a document with all its artefacts, for good. 撤销。"""
    with acting() as (services, actor):
        services.statuses.revoke(actor, document, reason)
    print(f"已提交 submitted: {document}")


@app.command("suspend")
def suspend_document(document: Annotated[str, _ID], reason: Annotated[str, _REASON]) -> None:
    """Suspend a document until it is reinstated or revoked. 暂停。"""
    with acting() as (services, actor):
        services.statuses.suspend(actor, document, reason)
    print(f"已提交 submitted: {document}")


@app.command()
def reinstate(document: Annotated[str, _ID], reason: Annotated[str, _REASON]) -> None:
    """End a document's suspension. 恢复。"""
    with acting() as (services, actor):
        services.statuses.reinstate(actor, document, reason)
    print(f"已提交 submitted: {document}")


@app.command("claim-code")
def claim_code(document: Annotated[str, _ID]) -> None:
    """Make a one-time code with which the holder's wallet claims it. 生成领取码。"""
    with acting() as (services, actor):
        _, code = services.claims.make_code(actor, document)
    print(code)


@app.command()
def export(
    document: Annotated[str, _ID],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Ends in .ecert.json or .pdf. 输出文件。")
    ],
) -> None:
    """Write an anchored document as a file or as a PDF. 导出。"""
    if output.name.endswith(SUFFIX):
        with acting() as (services, actor):
            data = document_file(services, actor, document)
            status = services.documents.get(actor, document).status
    elif output.suffix == ".pdf":
        with acting() as (services, actor):
            paper = paper_input(services, actor, document)
            status = services.documents.get(actor, document).status
        data = render_pdf(paper)
    else:
        raise RequestError("output_type_unknown", path=str(output))
    _hand_out(output, data, Status(status))


@app.command()
def evidence(
    document: Annotated[str, _ID],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The package, .ecert-evidence. 证据包文件。")
    ],
    every: Annotated[
        bool, typer.Option("--all", help="Show all claims, not only the paper's. 出示全部项目。")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there. 覆盖已有文件。")
    ] = False,
) -> None:
    """Write a package that proves an anchored document with no server. 制作证据包。"""
    from registry.evidence.service import Prover  # noqa: PLC0415  # loads what reads timestamps

    if not force:
        refuse_existing(output)
    with acting_at_length() as (registry, actor):
        data = Prover(registry).package(actor, document, "all" if every else "face")
        with registry.reading() as services:
            status = services.documents.get(actor, document).status
    _hand_out(output, data, Status(status))


def _hand_out(output: Path, data: bytes, status: Status) -> None:
    """Write a document for its owner, and warn where it will not verify."""
    write_file(output, data)  # personal data: who it is for may let others read it
    print(output)
    if status != Status.VALID:
        print(_WITHDRAWN[status], file=sys.stderr)


@app.command()
def audit(
    chain: Annotated[
        bool, typer.Option("--chain", help="Compare everything with the chain, too. 与链核对。")
    ] = False,
) -> None:
    """Check the chain of audit entries, or database against chain. 核对审计记录。"""
    with opened() as registry:
        with registry.reading() as services:
            print(f"{services.audit.check()} 条记录完好 entries intact")
        if chain:
            _audit_chain(registry)


def _audit_chain(registry: Registry) -> None:
    from registry.cli.running import nodes_of  # noqa: PLC0415  # loads what talks to the chain
    from registry.outbox.comparison import compare  # noqa: PLC0415

    found = compare(registry, nodes_of(registry.settings))
    print(f"{found.issued} 份已签发 issued, {found.anchored} 份已上链 anchored")
    print(f"{found.lost} 份丢失 lost, {found.doubled} 份重复 doubled")
    print(f"{found.roots} 个批次根 roots, {found.withdrawals} 项状态变更 changes of status")
    for finding in found.findings:
        print(f"{finding.code}\n    {finding.message('zh')}\n    {finding.message('en')}")
    if found.findings_left_out:
        print(f"另有 {found.findings_left_out} 项 more")
    if found.findings:
        raise typer.Exit(1)


def _problem(problem: dict[str, Any]) -> str:
    place = f"{problem['row']} / {problem['column']}"
    return f"{place}: {problem['code']}\n    {problem['zh']}\n    {problem['en']}"
