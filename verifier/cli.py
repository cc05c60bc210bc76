"""The verifier's command line."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ecert.artefact import Expectation
from ecert.card import PREFIX
from ecert.client.console import deciding, describe, run
from ecert.client.home import Home, read_file
from ecert.client.registry import Registries
from ecert.client.trust_command import run_trust
from ecert.client.trust_update import update_if_due
from ecert.encoding import b64url_decode
from ecert.errors import EcertError, MalformedError
from ecert.fields import time_text
from ecert.kinds.catalogue import Catalogue
from verifier.checker import SNAPSHOT, open_checker, utc_now
from verifier.evidence import cli as evidence
from verifier.inputs import MAX_FILE_BYTES
from verifier.options import Options, Shown
from verifier.text import exit_code, render

app = typer.Typer(
    help="Check whether a certificate is authentic, online, offline or from paper. 核验证照真伪。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


# A card, a look-up address, an SD-JWT: what somebody may take for an argument.
_CONTENT = re.compile(re.escape(PREFIX) + r"|https?://|eyJ[A-Za-z0-9_\-]+\.[^/]*~")

_OFFLINE = typer.Option("--offline", help="Use the snapshot alone. 只用离线数据。")


app.add_typer(evidence.app, name="evidence")


@app.callback()
def options(
    home: Annotated[
        Path | None,
        typer.Option(envvar="VERIFIER_HOME", help="The verifier's folder. 核验端目录。"),
    ] = None,
    rpc: Annotated[
        list[str] | None,
        typer.Option(envvar="ECERT_RPC", help="A chain node's JSON-RPC address. 链节点地址。"),
    ] = None,
) -> None:
    """Set what all commands share."""
    if home is not None:
        Options.home = Home(home)
    Options.nodes = tuple(rpc or ())


@app.command()
def trust(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_URL",
            help="A trust file, its https address, or: update, status. 信任文件或网址。",
        ),
    ],
) -> None:
    """Pin the council's trust file and the nodes given by --rpc; follow it; show it. 信任文件。"""
    print(run_trust(Options.home, source, Options.nodes, now=utc_now()))


@app.command()
def check(
    source: Annotated[
        str, typer.Argument(metavar="PATH_OR_-", help="A file, or - for standard input. 文件。")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON. 输出 JSON。")] = False,
    offline: Annotated[bool, _OFFLINE] = False,
    audience: Annotated[
        str | None, typer.Option(help="Who you told the holder you are. 核验方名称。")
    ] = None,
    nonce: Annotated[
        str | None, typer.Option(help="What you gave the holder. 给出的随机数。")
    ] = None,
    challenge: Annotated[
        str | None, typer.Option(help="What you showed for a card, base64url. 显示的挑战码。")
    ] = None,
    require_holder: Annotated[
        bool, typer.Option("--require-holder", help="Refuse without holder's proof. 须证明持有。")
    ] = False,
    lang: Annotated[Shown, typer.Option(help="Languages to print. 输出语言。")] = Shown.BOTH,
) -> None:
    """Check a document file, SD-JWT, card, QR code picture, PDF or evidence package. 核验。

    Exit code: 0 valid, 1 not valid, 2 cannot be decided now, 3 unreadable, 64 wrong usage.
    """
    data = _read(source)
    with deciding():
        expect = Expectation(
            audience=audience,
            nonce=nonce,
            challenge=None if challenge is None else b64url_decode(challenge, where="--challenge"),
            required=require_holder,
        )
        if not offline:
            _refresh()
        checker = open_checker(Options.home, nodes=Options.nodes, use_snapshot=offline)
        reports = checker.check(data, now=utc_now(), expect=expect)
    if as_json:
        values = [report.to_json() for report in reports]
        print(json.dumps(values if len(values) > 1 else values[0], ensure_ascii=False, indent=2))
    else:
        catalogue = Catalogue.load()
        print("\n\n".join(render(report, lang.languages, catalogue) for report in reports))
    raise typer.Exit(exit_code(reports))


@app.command()
def sync() -> None:
    """Fetch what offline checks need, or bring it up to date. 更新离线数据。"""
    from verifier.sync import sync as sync_snapshot  # noqa: PLC0415  # only here is it needed

    home = Options.home
    _refresh()
    store = home.trust(Catalogue.load(), now=utc_now())
    done = sync_snapshot(
        home.directory / SNAPSHOT,
        store,
        Options.nodes or home.nodes(),
        fetch_checkpoint=Registries(store.file.registries).checkpoint,
    )
    print(
        f"离线数据截至 snapshot as of {time_text(done.time)}: block {done.block}, "
        f"{done.events} events"
    )


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on. 监听地址。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port. 端口。")] = 8090,
    offline: Annotated[bool, _OFFLINE] = False,
    audience: Annotated[
        str | None,
        typer.Option(
            help="Whom holders sign for; the address the page is reached by if not given. 核验方。"
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that check. 核验进程数。")
    ] = 1,
) -> None:
    """Serve the verification page and its HTTP interface. 提供核验网页。"""
    home, nodes = Options.home, Options.nodes
    if not offline:
        _refresh()
    if processes == 1:
        from verifier.web.server import serve as serve_web  # noqa: PLC0415  # only here is it needed

        checker = open_checker(home, nodes=nodes, use_snapshot=offline)
        serve_web(checker, host, port, audience=audience)
        return
    from verifier.web.processes import serve_together  # noqa: PLC0415

    serve_together(
        home, host, port, processes=processes, nodes=nodes, offline=offline, audience=audience
    )


def _refresh() -> None:
    """Look for a newer trust file where that is due; say if there was none to be had."""
    failed = update_if_due(Options.home, Catalogue.load(), now=utc_now())
    if failed is not None:
        print(describe(EcertError("trust_not_updated", reason=failed.code)), file=sys.stderr)


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    if _CONTENT.match(source):
        raise MalformedError("source_is_content")
    return read_file(Path(source), limit=MAX_FILE_BYTES)


def main() -> NoReturn:
    """Run the command line."""
    run(app, typer.TyperException)
