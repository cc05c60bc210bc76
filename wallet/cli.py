"""The wallet's command line."""

import getpass
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ecert import limits, sd_jwt
from ecert.client.console import run, secret_from_environment
from ecert.client.home import Home, read_file, write_file
from ecert.client.online import online_verifier
from ecert.client.registry import Registries
from ecert.encoding import b64url_decode
from ecert.errors import KeystoreError, Language, MalformedError
from ecert.fields import time_text
from ecert.kinds.catalogue import Catalogue
from wallet.library import Wallet, utc_now
from wallet.model import HeldDocument
from wallet.qr_write import draw_qr, write_qr
from wallet.vault import Vault

MIN_PASSPHRASE = 8
POLL_SECONDS = 0.5

app = typer.Typer(
    help="Keep certificates, choose what to show, prove to be their holder. 收存、选择性出示证照。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_HOME = typer.Option(envvar="WALLET_HOME", help="The wallet's folder. 钱包目录。")
_RPC = typer.Option(envvar="ECERT_RPC", help="A chain node's JSON-RPC address. 链节点地址。")


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
def trust(file: Annotated[Path, typer.Argument(help="The trust file. 信任文件。")]) -> None:
    """Pin the council's trust file, and the nodes given by --rpc. 采用信任文件。"""
    data = read_file(file, limit=limits.MAX_TRUST_FILE_BYTES)
    store = _Options.home.pin(data, Catalogue.load(), now=utc_now())
    if _Options.nodes:
        _Options.home.remember_nodes(_Options.nodes)
    print(
        f"已采用 pinned: version {store.file.version}, chain {store.file.chain_id}, "
        f"until {time_text(store.file.expires)}"
    )


@app.command()
def add(
    source: Annotated[
        str, typer.Argument(help="A .ecert.json file or a claim code. 文件或领取码。")
    ],
    registry: Annotated[
        str | None, typer.Option(help="The registry's origin. 登记服务网址。")
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for anchoring. 等待秒数。")] = 60,
) -> None:
    """Verify a document and keep it: a file, or what a claim code stands for. 核验并收入。"""
    wallet = _open(verify=True)
    path = Path(source)
    if path.is_file():
        data = read_file(path, limit=limits.MAX_DOCUMENT_FILE_BYTES)
        _print_added(wallet, [wallet.add_file(data, now=utc_now())])
        return
    wallet.claim(registry or _registries()[0], source)
    _collect(wallet, wait)


@app.command()
def collect(
    wait: Annotated[float, typer.Option(help="Seconds to wait for anchoring. 等待秒数。")] = 0,
) -> None:
    """Fetch what pending claims have brought. 领取已完成登记的证照。"""
    _collect(_open(verify=True), wait)


@app.command("list")
def list_documents() -> None:
    """List the documents kept. 列出证照。"""
    documents = _open(verify=False).documents()
    if not documents:
        print("钱包是空的。 The wallet is empty.")
    for entry_id, held in documents.items():
        print(_line(entry_id, held))


@app.command()
def show(
    document: Annotated[str, typer.Argument(help="Its id, or the beginning of it. 编号。")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON. 输出 JSON。")] = False,
) -> None:
    """Show a document's claims, cards and history. 查看证照。"""
    entry_id, held = _open(verify=False).document(document)
    claims = _claims(held)
    if as_json:
        print(json.dumps(_summary(entry_id, held, claims), ensure_ascii=False, indent=2))
        return
    kind = Catalogue.load().kind(held.kind)
    print(_line(entry_id, held))
    for name in kind.claim_names:
        if name in claims:
            label = f"{kind.label(name, 'zh')} {kind.label(name, 'en')}"
            print(f"  {name:24} {label}: {kind.value_text(name, claims[name], 'zh')}")
    print(f"  卡片 cards: {', '.join(held.cards) or '-'}")
    for entry in held.history:
        to = entry.to or "(card)"
        print(f"  {time_text(entry.at)} 出示 shown to {to}: {', '.join(entry.claims)}")


@app.command()
def present(
    document: Annotated[str, typer.Argument(help="Its id. 编号。")],
    disclose: Annotated[str, typer.Option(help="Claims to show, with commas. 出示的项目。")],
    audience: Annotated[str, typer.Option(help="Who asks. 向谁出示。")],
    nonce: Annotated[str, typer.Option(help="What the verifier gave. 对方给出的随机数。")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a .ecert.json file. 写入文件。")
    ] = None,
) -> None:
    """Write a presentation for one verifier: text, or a file with its receipt. 向对方出示。"""
    names = [name.strip() for name in disclose.split(",") if name.strip()]
    file = _open(verify=False).present(
        document, names, audience=audience, nonce=nonce, now=utc_now()
    )
    if output is None:
        print(file.presentation)
    else:
        write_file(output, file.to_bytes(), mode=0o644)
        print(f"已写入 written: {output}", file=sys.stderr)


@app.command()
def card(
    document: Annotated[str, typer.Argument(help="Its id. 编号。")],
    view: Annotated[str, typer.Option(help="Which card. 卡片视图。")],
    qr: Annotated[
        Path | None, typer.Option(help="Write a PNG with the QR code. 二维码图片。")
    ] = None,
    challenge: Annotated[
        str, typer.Option(help="What the verifier shows, base64url. 对方显示的挑战码。")
    ] = "",
) -> None:
    """Show a card: a fresh proof, good for a minute, as text or QR code. 出示卡片。"""
    text = _open(verify=False).card(
        document, view, now=utc_now(), challenge=b64url_decode(challenge, where="--challenge")
    )
    if qr is None:
        print(text)
        if sys.stdout.isatty():
            draw_qr(text)
        return
    image = write_qr(text)
    write_file(qr, image.png, mode=0o644)
    print(f"{qr}: {image.version}-{image.level}, {len(text)} characters", file=sys.stderr)


@app.command()
def check(document: Annotated[str, typer.Argument(help="Its id. 编号。")]) -> None:
    """Verify a kept document again. 重新核验。"""
    report = _open(verify=True).check(document, now=utc_now())
    print(f"{report.verdict}: {report.headline('zh')}\n  {report.headline('en')}")
    raise typer.Exit(report.verdict.exit_code)


@app.command()
def remove(document: Annotated[str, typer.Argument(help="Its id. 编号。")]) -> None:
    """Delete a document with its keys. 删除证照及其密钥。"""
    print(f"已删除 removed: {_open(verify=False).remove(document)}")


def _open(*, verify: bool) -> Wallet:
    home, catalogue = _Options.home, Catalogue.load()
    vault = Vault(home.directory / "wallet.db", _passphrase(home))
    if not verify:
        return Wallet(vault, catalogue, None)
    store = home.trust(catalogue, now=utc_now())
    nodes = _Options.nodes or home.nodes()
    verifier = online_verifier(store, nodes, Registries(store.file.registries))
    return Wallet(vault, catalogue, verifier)


def _registries() -> tuple[str, ...]:
    found = _Options.home.trust(Catalogue.load(), now=utc_now()).file.registries
    if not found:
        raise MalformedError("registry_none")
    return found


def _passphrase(home: Home) -> str:
    given = secret_from_environment("WALLET_PASSPHRASE")
    if given is None:
        if not sys.stdin.isatty():
            raise KeystoreError("passphrase_needed")
        given = getpass.getpass("钱包口令 Wallet passphrase: ")
    if len(given) < MIN_PASSPHRASE and not (home.directory / "wallet.db").exists():
        raise KeystoreError("passphrase_too_short", minimum=MIN_PASSPHRASE)
    return given


def _collect(wallet: Wallet, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        new, waiting = wallet.collect(now=utc_now())
        _print_added(wallet, new)
        if not waiting:
            return
        if time.monotonic() >= deadline:
            print(
                f"{waiting} 份尚在登记，稍后运行 wallet collect。 "
                f"{waiting} still being anchored; run wallet collect later."
            )
            return
        time.sleep(POLL_SECONDS)


def _print_added(wallet: Wallet, ids: list[str]) -> None:
    documents = wallet.documents()
    for entry_id in ids:
        print(f"已核验并收入 verified and kept: {_line(entry_id, documents[entry_id])}")


def _line(entry_id: str, held: HeldDocument) -> str:
    kind = Catalogue.load().kind(held.kind)
    claims = _claims(held)
    titles: list[str] = [kind.title(claims, language) for language in _LANGUAGES]
    until = "长期 permanent" if held.expires is None else time_text(held.expires)[:10]
    return f"{entry_id}  {' / '.join(titles)}  {held.department}  至 until {until}"


_LANGUAGES: tuple[Language, ...] = ("zh", "en")


def _claims(held: HeldDocument) -> dict[str, Any]:
    """Return all claims of a document; its signature was checked before it was kept."""
    contents = sd_jwt.parse(held.sd_jwt).contents.values()
    return {content[-2]: content[-1] for content in contents if len(content) == 3}


def _summary(entry_id: str, held: HeldDocument, claims: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": entry_id,
        "kind": held.kind,
        "department": held.department,
        "expires": None if held.expires is None else time_text(held.expires),
        "claims": claims,
        "cards": list(held.cards),
        "history": [{"at": time_text(s.at), "to": s.to, "claims": s.claims} for s in held.history],
    }


def main() -> None:
    """Run the command line."""
    run(app)
