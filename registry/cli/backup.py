"""Making, checking and restoring backups, and what must be decided after a restore."""

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecert.client.console import MAX_SECRET_CHARS
from ecert.client.home import read_file, write_file
from ecert.errors import MalformedError, reason_of
from ecert.fields import time_text
from registry.cli.session import (
    Options,
    acting,
    kept_settings,
    opened,
    settings,
    settings_from,
)
from registry.database import Database
from registry.errors import RequestError, SettingsError
from registry.restored.models import RootState
from registry.settings import Settings

if TYPE_CHECKING:
    from registry.backup.keys import BackupKey

app = typer.Typer()

_FILE = typer.Argument(help="The backup. 备份文件。")
_SHARE = typer.Option("--share", help="A share of the key; once for each. 密钥分片，可多次给出。")
_KEY = typer.Option("--key", help="The key under a passphrase. 口令封存的密钥文件。")
_NOTHING_WAITS = "没有待决事项。\nNothing waits for a decision."
_DECIDE = (
    "以下事项待决，请由部门保管员运行 registry reissue 部门代码 --revoke 原因（或 --keep）。\n"
    "These wait for a decision. A custodian of the department runs "
    "registry reissue DEPARTMENT --revoke REASON, or --keep."
)
_PASSPHRASE = typer.Option("--passphrase-file", help="The key's passphrase. 密钥口令文件。")


@app.command("backup-key")
def backup_key(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A folder for shares, or a file. 输出位置。")
    ],
    shares: Annotated[
        str | None, typer.Option(help="Such as 3-of-5: any 3 restore. 分片，如 3-of-5。")
    ] = None,
    passphrase_file: Annotated[Path | None, _PASSPHRASE] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Make new backups with a new key. 换用新密钥。")
    ] = False,
) -> None:
    """Make the key of backups: what opens them goes to people, not to this machine. 备份密钥。"""
    from registry.backup import keys  # noqa: PLC0415  # see registry.cli.main

    if (shares is None) == (passphrase_file is None):
        raise RequestError("backup_key_how")
    settings()  # there is a registry
    if (Options.directory / keys.FILE).exists() and not replace:
        raise RequestError("backup_key_exists", path=Options.directory / keys.FILE)
    secret = keys.new_secret()
    key = keys.BackupKey.of(secret)
    if passphrase_file is not None:
        files = {output: keys.seal(key, _passphrase(passphrase_file))}
    else:
        files = _share_files(secret, shares or "", output)
    for path, data in files.items():
        _write_new(path, data)
    key.making.save(Options.directory)
    for path in files:
        print(path)
    if shares is not None:
        print(
            "请立即移出本机，交给各保管人；没有它们，任何备份都打不开。\n"
            "Take these off this machine now, each to its keeper: "
            "without them no backup can be opened."
        )
    else:
        print(
            "请立即将密钥和口令移出本机，分开保管；缺一则任何备份都打不开。\n"
            "Take the key and its passphrase off this machine now and keep them apart: "
            "without both no backup can be opened."
        )


@app.command()
def backup(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A new file, or a folder. 新文件或目录。")
    ],
) -> None:
    """Write database, chain and settings into one encrypted file, while all runs. 备份。"""
    from registry.backup.making import make_backup  # noqa: PLC0415  # see registry.cli.main

    chosen = settings()
    database = Database(chosen.url)
    try:
        made = make_backup(database, Options.directory, output, embedded=not chosen.nodes)
    finally:
        database.dispose()
    print(
        f"{made.path}  {made.size} bytes, {made.rows} 行 rows, 区块 block {made.head.final_block}\n"
        f"sha256 {made.sha256.hex()}"
    )


@app.command("backup-verify")
def backup_verify(
    file: Annotated[Path, _FILE],
    share: Annotated[list[Path] | None, _SHARE] = None,
    key: Annotated[Path | None, _KEY] = None,
    passphrase_file: Annotated[Path | None, _PASSPHRASE] = None,
) -> None:
    """Check a backup without restoring it: with its key all of it, else its outside. 核验备份。"""
    from registry.backup.reading import check_outside  # noqa: PLC0415  # see registry.cli.main
    from registry.backup.restoring import check_backup  # noqa: PLC0415

    if not share and key is None:
        check_outside(file)
        _print_known(file)
        return
    head, manifest, checked = check_backup(file, _opened(share, key, passphrase_file))
    print(f"完好 intact: {file}")
    print(f"  时间 made at      {time_text(head.made_at)}")
    print(f"  程序 program      {head.program}, 数据库 schema {head.revision}")
    print(f"  区块 final block  {head.final_block} (chain {head.chain_id})")
    for name in checked.files:
        print(f"  文件 file         {name}")
    for name, count in manifest.rows.items():
        print(f"  {count:>12} {name.removeprefix('tables/')}")


@app.command()
def restore(
    file: Annotated[Path, _FILE],
    share: Annotated[list[Path] | None, _SHARE] = None,
    key: Annotated[Path | None, _KEY] = None,
    passphrase_file: Annotated[Path | None, _PASSPHRASE] = None,
    database: Annotated[
        str | None,
        typer.Option(help="Its new address, or 'sqlite' for a file in the folder. 数据库。"),
    ] = None,
    keep_chain: Annotated[
        bool, typer.Option("--keep-chain", help="Go on with the chain that is there. 保留现有链。")
    ] = False,
    last_state: Annotated[
        bool,
        typer.Option("--last-state", help="Nothing was done since; keep tokens. 备份即最新。"),
    ] = False,
) -> None:
    """Restore a registry into an empty folder and an empty database. 恢复。"""
    from registry.backup.restoring import restore as bring_back  # noqa: PLC0415  # see above

    restored = bring_back(
        file,
        _opened(share, key, passphrase_file),
        Options.directory,
        partial(_chosen, database),
        kept_settings,
        keep_chain=keep_chain,
        last_state=last_state,
    )
    print(f"已恢复 restored: {restored.rows} 行 rows, {time_text(restored.head.made_at)}")
    if restored.token is not None:
        print(
            "全部人员令牌和未用领取码均已失效；运营者新令牌，仅显示一次\n"
            f"all tokens and open claim codes are ended; operator's new token, shown this once:\n"
            f"{restored.token}"
        )


@app.command()
def restored(
    department: Annotated[
        str | None, typer.Option(help="List its held documents. 列出该部门的待决证照。")
    ] = None,
) -> None:
    """Show what a restore lost and what waits for a decision. 恢复后的待决事项。"""
    if department is not None:
        with acting() as (services, actor):
            documents = services.restored.held_documents(actor, department)
        for document, state in documents:
            print(f"{document}  {state.value}")
        if not documents:
            print(_NOTHING_WAITS)
        return
    with opened() as registry, registry.reading() as services:
        held, roots = services.restored.held(), services.restored.lost_roots()
        if held or any(root.state is RootState.OPEN for root in roots):
            print(_DECIDE)
        else:
            print(_NOTHING_WAITS)
        for root in roots:
            at = time_text(root.anchor_time)
            print(
                f"{root.department}  {root.state.value:8} 0x{root.root.hex()}  "
                f"{root.size} 叶 leaves, 区块 block {root.block}, {at}"
            )
        for code, count in held.items():
            print(f"{code}  {count} 份待决 documents held")
        for action, subject in services.restored.lost_others():
            print(f"{subject}  {action.removeprefix('registry.')}")


@app.command()
def reissue(
    department: Annotated[str, typer.Argument(help="The department. 部门。")],
    revoke: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Revoke lost roots, sign all anew. 撤销并重签。"),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave lost roots valid. 保留已上链的批次。")
    ] = False,
    document: Annotated[
        list[str] | None, typer.Option(help="With --keep: sign this one. 另外放行的证照。")
    ] = None,
) -> None:
    """Decide about documents signed since the backup that a restore lost. 恢复后重新签发。"""
    if (revoke is None) != keep or (document and not keep):
        raise RequestError("reissue_how")
    with acting() as (services, actor):
        if revoke is not None:
            roots, released = services.restored.revoke_lost(actor, department, revoke)
            print(f"{roots} 个批次已提交撤销 roots revoked, {released} 份将重签 signed again")
        else:
            roots, released = services.restored.keep_lost(actor, department, document or ())
            print(f"{roots} 个批次保留 roots kept, {released} 份放行 documents released")


def _chosen(database: str | None, text: bytes) -> Settings:
    """Return the settings of a registry that is restored, given those in the backup."""
    if database == "sqlite":
        return settings_from(text, {}, without=("database_url",))
    return settings_from(text, {"database_url": database})


def _opened(
    share: list[Path] | None, key: Path | None, passphrase_file: Path | None
) -> "BackupKey":
    from registry.backup import keys, shares  # noqa: PLC0415  # see registry.cli.main

    if (not share) == (key is None) or (key is None) != (passphrase_file is None):
        raise RequestError("backup_opened_how")
    if share:
        return shares.join(share)
    assert key is not None
    assert passphrase_file is not None
    data = read_file(key, limit=keys.MAX_KEY_FILE_BYTES)
    return keys.unseal(data, _passphrase(passphrase_file), where=str(key))


def _passphrase(path: Path) -> str:
    data = read_file(path, limit=MAX_SECRET_CHARS)
    try:
        return data.decode("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise MalformedError("file_unreadable", path=path, reason=reason_of(error)) from error


def _share_files(secret: bytes, wanted: str, folder: Path) -> dict[Path, bytes]:
    from registry.backup.shares import split  # noqa: PLC0415  # see registry.cli.main

    match = re.fullmatch(r"([0-9]{1,2})-of-([0-9]{1,2})", wanted)
    if match is None:
        raise RequestError("backup_shares_form", found=wanted)
    needed, count = int(match[1]), int(match[2])
    texts = split(secret, needed, count)
    return {
        folder / f"share-{number}-of-{count}.txt": text.encode()
        for number, text in enumerate(texts, 1)
    }


def _write_new(path: Path, data: bytes) -> None:
    if path.exists():
        raise RequestError("backup_key_file_exists", path=path)
    write_file(path, data)


def _print_known(file: Path) -> None:
    """Say what is known of a file without its key: whether this registry wrote it."""
    from registry.backup.known import made_before, sha256_of  # noqa: PLC0415  # see above

    try:
        url = settings().url
    except SettingsError as error:
        if error.code != "registry_not_set_up":
            raise
        raise RequestError("backup_not_known_here", directory=Options.directory) from error
    digest = sha256_of(file)
    print(f"sha256 {digest.hex()}")
    database = Database(url)
    try:
        found = made_before(database, digest)
    finally:
        database.dispose()
    if found is None:
        print(
            "审计记录中没有这份文件；没有密钥，无法核对其内容。\n"
            "The audit trail knows no such file, and without the key its content cannot be checked."
        )
        raise typer.Exit(2)
    print(
        f"与 {time_text(found)} 写出的备份逐字节相同；没有密钥，无法核对其能否打开。\n"
        f"The same, byte for byte, as was written at {time_text(found)}; whether it can be opened "
        "cannot be checked without the key."
    )
