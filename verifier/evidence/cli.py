"""Checking evidence packages, with no network and no database."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ecert import limits
from ecert.client.console import deciding
from ecert.client.home import TRUST, read_file, read_trust_file, write_file
from ecert.errors import Language, MalformedError
from ecert.evidence import check_evidence
from ecert.kinds.catalogue import Catalogue
from ecert.trust import TrustStore
from verifier.checker import utc_now
from verifier.evidence.report.exhibit import Exhibit, NamedFile
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
        typer.Option(help="A later time to ask about, up to now: 2026-11-28T08:00:00Z. 所问时间。"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON. 输出 JSON。")] = False,
    lang: Annotated[Shown, typer.Option(help="Languages to print. 输出语言。")] = Shown.BOTH,
) -> None:
    """Check a package with nothing but the trust file. 离线核验证据包。

    Exit code: 0 valid as of its block, 1 not valid or false, 2 cannot be decided (also for want of
    a trust file that fits, or about a time to come), 3 unreadable.
    """
    report = checked(file, trust, at).report
    if as_json:
        print(json.dumps(report.to_json(), ensure_ascii=False, indent=2))
    else:
        print(render_evidence(report, lang.languages, Catalogue.load()))
    raise typer.Exit(report.verdict.exit_code)


@app.command("report")
def write_report(
    file: Annotated[Path, typer.Argument(help="The package. 证据包文件。")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where to write: .html or .pdf. 报告文件。")
    ],
    trust: Annotated[
        Path | None,
        typer.Option(help="The trust file; the pinned one if not given. 信任文件。"),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="A later time to ask about, up to now: 2026-11-28T08:00:00Z. 所问时间。"),
    ] = None,
    lang: Annotated[Shown, typer.Option(help="Languages of the report. 报告语言。")] = Shown.BOTH,
) -> None:
    """Check a package and write a report for people who decide. 核验证据包并出具报告。

    Exit code: as of check. What cannot be checked at all has no report.
    """
    suffix = output.suffix.lower()
    if suffix not in (".html", ".pdf"):
        raise MalformedError("report_suffix_unknown", name=output.name)
    exhibit = checked(file, trust, at)
    write_file(output, _laid_out(exhibit, suffix, lang.languages))
    report = exhibit.report.report
    for language in lang.languages:
        print(report.headline(language))
    print(output)
    raise typer.Exit(report.verdict.exit_code)


def checked(file: Path, trust: Path | None, at: str | None) -> Exhibit:
    """Return a package with the report on it.

    Raises:
        EcertError: As ``check_evidence``; a file that cannot be read.
    """
    package = NamedFile(file.name, read_file(file, limit=limits.MAX_EVIDENCE_BYTES))
    asked = None if at is None else _time(at)
    now, catalogue = utc_now(), Catalogue.load()
    with deciding():
        trusted = _trusted(trust, catalogue)
    report = check_evidence(package.data, trusted.data, catalogue, now=now, at=asked)
    return Exhibit(package, trusted, report, at, now, catalogue)


def _trusted(trust: Path | None, catalogue: Catalogue) -> NamedFile:
    """Return the trust file, which may have expired since the package was made."""
    file = (
        NamedFile(TRUST, Options.home.pinned())
        if trust is None
        else NamedFile(trust.name, read_trust_file(trust))
    )
    TrustStore(file.data, catalogue, now=datetime.fromtimestamp(0, UTC))
    return file


def _laid_out(exhibit: Exhibit, suffix: str, languages: Sequence[Language]) -> bytes:
    # What lays out takes a while to load; a check needs none of it.
    if suffix == ".pdf":
        from verifier.evidence.report.pdf import render_pdf  # noqa: PLC0415

        return render_pdf(exhibit, languages)
    from verifier.evidence.report.html import render_html  # noqa: PLC0415

    return render_html(exhibit, languages).encode("utf-8")


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedError("time_argument_malformed", value=text[:40]) from error
    if time.tzinfo is None:
        raise MalformedError("time_argument_malformed", value=text[:40])
    return time
