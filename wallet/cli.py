"""The wallet's command line."""

import getpass
import json
import math
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ecert import limits
from ecert.claiming import CODE_CHARS, normal_code
from ecert.client.console import deciding, describe, exit_code, run, secret_from_environment
from ecert.client.home import Home, read_file, refuse_existing, write_file
from ecert.client.online import online_verifier
from ecert.client.registry import Registries
from ecert.client.trust_command import run_trust
from ecert.client.trust_update import update_if_due
from ecert.encoding import b64url_decode
from ecert.errors import EcertError, KeystoreError, MalformedError
from ecert.fields import time_text
from ecert.kinds.catalogue import Catalogue
from wallet.library import Wallet, utc_now
from wallet.qr_write import draw_qr, write_qr
from wallet.text import describe_document, document_json, document_line, pending_line
from wallet.vault import Vault, is_new

POLL_SECONDS = 0.5
MAX_WAIT_SECONDS = 24 * 3600
_FILE = "wallet.db"

app = typer.Typer(
    help="Keep certificates, choose what to show, prove to be their holder. 收存、选择性出示证照。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_HOME = typer.Option(envvar="WALLET_HOME", help="The wallet's folder. 钱包目录。")
_RPC = typer.Option(envvar="ECERT_RPC", help="A chain node's JSON-RPC address. 链节点地址。")
_WAIT = typer.Option(
    min=0, max=MAX_WAIT_SECONDS, help="Seconds to wait for anchoring. 等待登记的秒数。"
)
_ID = typer.Argument(metavar="ID", help="Its id, or the beginning of it. 编号或其开头几位。")
_JSON = typer.Option("--json", help="As JSON. 输出 JSON。")


class _Options:
    home = Home(Path.home() / ".ecert" / "wallet")
    nodes: tuple[str, ...] = ()


@app.callback()
def options(
    home: Annotated[Path | None, _HOME] = None, rpc: Annotated[list[str] | None, _RPC] = None
) -> None:
    """Set what all commands share."""
    if home is not None:
        _Options.home = Home(home)
    _Options.nodes = tuple(rpc or ())


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
    print(run_trust(_Options.home, source, _Options.nodes, now=utc_now()))


@app.command()
def add(
    source: Annotated[
        str, typer.Argument(help="A .ecert.json file or a claim code. 文件或领取码。")
    ],
    registry: Annotated[
        str | None, typer.Option(help="The registry's origin. 登记服务网址。")
    ] = None,
    wait: Annotated[float, _WAIT] = 60,
) -> None:
    """Verify a document and keep it: a file, or what a claim code stands for. 核验并收入。

    The same code continues a claim that was interrupted.
    """
    path = Path(source)
    if path.is_file():
        data = read_file(path, limit=limits.MAX_DOCUMENT_FILE_BYTES)
        with _open(verify=True) as wallet:
            _print_added(wallet, wallet.add_file(data, now=utc_now()))
        return
    code = _code(source)
    with _open(verify=True) as wallet:
        claim = wallet.claim(registry or _registries()[0], code)
        _collect(wallet, wait, only=claim)


@app.command()
def collect(wait: Annotated[float, _WAIT] = 0) -> None:
    """Fetch what pending claims have brought. 领取已完成登记的证照。"""
    with _open(verify=True) as wallet:
        _collect(wallet, wait)


@app.command("list")
def list_documents(as_json: Annotated[bool, _JSON] = False) -> None:
    """List the documents kept and the claims pending. 列出证照和待领取的证照。"""
    with _open(verify=False) as wallet:
        documents, pending = wallet.documents(), wallet.pending()
    if as_json:
        values = [document_json(entry_id, held) for entry_id, held in documents.items()]
        print(json.dumps(values, ensure_ascii=False, indent=2))
        return
    if not documents and not pending:
        print("钱包是空的。 The wallet is empty.")
    for entry_id, held in documents.items():
        print(document_line(entry_id, held))
    for entry_id, claim in pending.items():
        print(pending_line(entry_id, claim))


@app.command()
def show(document: Annotated[str, _ID], as_json: Annotated[bool, _JSON] = False) -> None:
    """Show a document's claims, cards and history. 查看证照。"""
    with _open(verify=False) as wallet:
        entry_id, held = wallet.document(document)
    if as_json:
        print(json.dumps(document_json(entry_id, held), ensure_ascii=False, indent=2))
    else:
        print(describe_document(entry_id, held))


@app.command()
def present(
    document: Annotated[str, _ID],
    disclose: Annotated[str, typer.Option(help="Claims to show, with commas. 出示的项目。")],
    audience: Annotated[str, typer.Option(help="Who asks. 向谁出示。")],
    nonce: Annotated[str, typer.Option(help="What the verifier gave. 对方给出的随机数。")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a .ecert.json file. 写入文件。")
    ] = None,
) -> None:
    """Write a presentation for one verifier: text, or a file with its receipt. 向对方出示。"""
    names = _names(disclose)
    with _open(verify=False) as wallet:
        file = wallet.present(document, names, audience=audience, nonce=nonce, now=utc_now())
    if output is None:
        print(file.presentation)
    else:
        write_file(output, file.to_bytes(), mode=0o644)
        print(f"已写入 written: {output}", file=sys.stderr)


@app.command()
def evidence(
    document: Annotated[str, _ID],
    output: Annotated[Path, typer.Option("--output", "-o", help="The package. 证据包文件。")],
    disclose: Annotated[
        str | None,
        typer.Option(
            help="Claims to show, with commas; those of the paper if not given. 出示的项目。"
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there. 覆盖已有文件。")
    ] = False,
) -> None:
    """Write a package that proves a document with no server at all. 制作证据包。"""
    from ecert.client.proofs import prover  # noqa: PLC0415  # loads what reads the chain
    from ecert.evidence import make_evidence  # noqa: PLC0415

    if not force:
        refuse_existing(output)
    home = _Options.home
    store = home.trust(Catalogue.load(), now=utc_now())
    with _open(verify=False) as wallet:
        names = wallet.face(document) if disclose is None else _names(disclose)
        file = wallet.disclosed(document, names)
    prove = prover(store, _Options.nodes or home.nodes())
    data, report = make_evidence(file.to_bytes(), store, prove, now=utc_now())
    write_file(output, data)
    as_of = time_text(report.block.time)
    print(f"已写入 written: {output} ({len(data)} bytes)")
    print(f"{report.verdict}: {report.report.headline('zh')} {as_of}")
    print(f"  {report.report.headline('en')} As of {as_of}, showing: {', '.join(names)}")
    raise typer.Exit(report.verdict.exit_code)


@app.command()
def card(
    document: Annotated[str, _ID],
    view: Annotated[str, typer.Option(help="Which card. 卡片视图。")],
    qr: Annotated[
        Path | None, typer.Option(help="Write a PNG with the QR code. 二维码图片。")
    ] = None,
    challenge: Annotated[
        str, typer.Option(help="What the verifier shows, base64url. 对方显示的挑战码。")
    ] = "",
) -> None:
    """Show a card: a fresh proof, good for a minute, as text or QR code. 出示卡片。"""
    asked = b64url_decode(challenge, where="--challenge")
    with _open(verify=False) as wallet:
        text = wallet.card(document, view, now=utc_now(), challenge=asked)
    if qr is None:
        print(text)
        if sys.stdout.isatty():
            draw_qr(text)
        return
    image = write_qr(text)
    write_file(qr, image.png, mode=0o644)
    size = f"{image.version}-{image.level}, {len(text)} characters"
    print(f"已写入 written: {qr} ({size})", file=sys.stderr)


@app.command()
def check(document: Annotated[str, _ID]) -> None:
    """Verify a kept document again. 重新核验。"""
    with deciding(), _open(verify=True) as wallet:
        report = wallet.check(document, now=utc_now())
    print(f"{report.verdict}: {report.headline('zh')}\n  {report.headline('en')}")
    raise typer.Exit(report.verdict.exit_code)


@app.command()
def remove(document: Annotated[str, _ID]) -> None:
    """Delete a document, or a pending claim, with its keys, for good. 删除证照及其密钥。"""
    with _open(verify=False) as wallet:
        print(f"已删除 removed: {wallet.remove(document)}")


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _open(*, verify: bool) -> Wallet:
    home, catalogue = _Options.home, Catalogue.load()
    verifier = None
    if verify:
        failed = update_if_due(home, catalogue, now=utc_now())
        if failed is not None:
            print(describe(EcertError("trust_not_updated", reason=failed.code)), file=sys.stderr)
        store = home.trust(catalogue, now=utc_now())
        nodes = _Options.nodes or home.nodes()
        verifier = online_verifier(store, nodes, Registries(store.file.registries))
    return Wallet(Vault(home.directory / _FILE, _passphrase(home)), catalogue, verifier)


def _code(source: str) -> str:
    try:
        return normal_code(source)
    except MalformedError as error:
        raise MalformedError("add_source_unknown", source=source[:80], length=CODE_CHARS) from error


def _registries() -> tuple[str, ...]:
    found = _Options.home.trust(Catalogue.load(), now=utc_now()).file.registries
    if not found:
        raise MalformedError("registry_none")
    return found


def _passphrase(home: Home) -> str:
    given = secret_from_environment("WALLET_PASSPHRASE")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise KeystoreError("passphrase_needed")
    try:
        given = getpass.getpass("钱包口令 Wallet passphrase: ")
        if is_new(home.directory / _FILE):
            again = getpass.getpass("再次输入以确认 Again, for the new wallet: ")
            if given != again:
                raise KeystoreError("passphrases_differ")
    except EOFError as error:
        raise KeystoreError("passphrase_needed") from error
    return given


def _collect(wallet: Wallet, wait: float, *, only: str | None = None) -> None:
    """Collect until nothing is waiting, the time is over, or nothing but failures is left.

    Args:
        wallet: The wallet.
        wait: Seconds.
        only: The claim whose outcome decides; all pending ones when not given.
    """
    deadline = time.monotonic() + (wait if math.isfinite(wait) else 0)
    while True:
        done = wallet.collect(now=utc_now())
        _print_added(wallet, *done.new)
        waiting = [claim for claim in done.waiting if only in (None, claim)]
        failed = [error for claim, error in done.failed.items() if only in (None, claim)]
        if waiting and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            continue
        if waiting:
            print(
                f"{len(waiting)} 份尚在登记，稍后运行 wallet collect。 "
                f"{len(waiting)} still being anchored; run wallet collect later."
            )
        for error in failed:
            print(describe(error), file=sys.stderr)
        if failed:
            raise typer.Exit(max(exit_code(error) for error in failed))
        return


def _print_added(wallet: Wallet, *ids: str) -> None:
    for entry_id in ids:
        line = document_line(*wallet.document(entry_id))
        print(f"已核验并收入 verified and kept: {line}")


def main() -> NoReturn:
    """Run the command line."""
    run(app, typer.TyperException)
