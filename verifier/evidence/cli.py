"""Checking evidence packages, with no network and no database."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ecert import limits
from ecert.client.home import read_file
from ecert.errors import MalformedError
from ecert.evidence import EvidenceReport, check_evidence
from ecert.kinds.catalogue import Catalogue
from verifier.checker import utc_now
from verifier.evidence.text import render_evidence
from verifier.options import Options, Shown

app = typer.Typer(help="Evidence packages. 证据包。", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The package. 证据包文件。")],
    trust: Annotated[
        Path | None,
        typer.Option(help="The trust file; the pinned one if not given. 信任文件。"),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="Another time to ask about, as 2026-11-28T08:00:00Z. 所问时间。"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON. 输出 JSON。")] = False,
    lang: Annotated[Shown, typer.Option(help="Languages to print. 输出语言。")] = Shown.BOTH,
) -> None:
    """Check a package with nothing but the trust file. 离线核验证据包。

    Exit code: 0 valid as of its block, 1 not valid or false, 2 cannot be decided, 3 unreadable.
    """
    report = checked(file, trust, at)
    if as_json:
        print(json.dumps(report.to_json(), ensure_ascii=False, indent=2))
    else:
        print(render_evidence(report, lang.languages, Catalogue.load()))
    raise typer.Exit(report.verdict.exit_code)


def checked(file: Path, trust: Path | None, at: str | None) -> EvidenceReport:
    """Return the report on a package.

    Raises:
        EcertError: As ``check_evidence``; a file that cannot be read.
    """
    data = read_file(file, limit=limits.MAX_EVIDENCE_BYTES)
    trusted = (
        Options.home.pinned()
        if trust is None
        else read_file(trust, limit=limits.MAX_TRUST_FILE_BYTES)
    )
    asked = None if at is None else _time(at)
    return check_evidence(data, trusted, Catalogue.load(), now=utc_now(), at=asked)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedError("time_argument_malformed", value=text[:40]) from error
    if time.tzinfo is None:
        raise MalformedError("time_argument_malformed", value=text[:40])
    return time
