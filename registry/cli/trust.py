"""Commands for the council's trust file: draft it, sign it by each member, publish it."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ecert.client.console import secret_from_environment
from ecert.client.home import read_trust_file, write_file
from ecert.errors import KeystoreError, TrustError
from ecert.signing import PublicKey, Signer
from ecert.trust import TrustFile, UnverifiedTrust, check_follows, countersign, signed_file
from registry.cli.session import Options, opened
from registry.cli.trust_text import describe, differences, line, signatures
from registry.departments.models import KeyPurpose
from registry.errors import ConflictError, NotFoundError
from registry.services import Services
from registry.settings import MIN_PASSPHRASE_CHARS
from registry.trust.certificates import read_certificate
from registry.trust.drafting import DAY, Choices, draft
from registry.trust.member_keys import make_key_file, public_path, read_key_file, read_public_key
from registry.trust.publishing import TRUST_FILE, publish, published

app = typer.Typer(
    help="Draft, sign and publish the council's trust file. 理事会的信任文件。",
    no_args_is_help=True,
)

_FILE = typer.Argument(help="The trust file on its way round the council. 待签信任文件。")
_COUNCIL = typer.Option(help="A member's public key (JWK file), each once. 理事会成员公钥。")
_THRESHOLD = typer.Option(min=1, help="How many of them must sign. 须有几人签署。")
_OPERATOR = typer.Option(help="Public key (JWK file) of who signs checkpoints. 运营者公钥。")
_PREVIOUS = typer.Option(
    help="The file in use, to compare with; this registry's if not given. 现行信任文件。"
)
_DAYS = typer.Option(min=1, max=3650, help="Days until it expires. 有效天数。")
_REGISTRY = typer.Option(help="Origin of a registry that serves it. 登记服务网址。")
_AUTHORITY = typer.Option(help="Root certificate of a timestamp authority. 时间戳机构根证书。")

Paths = list[Path] | None


@app.command()
def key(path: Annotated[Path, typer.Argument(help="Where to write it. 写入位置。")]) -> None:
    """Make a member's key under a passphrase, and its public half beside it. 生成成员密钥。"""
    public = make_key_file(path, _new_passphrase())
    print(f"密钥 key: {path}\n公钥 public key: {public_path(path)}\n{public.kid}")


@app.command()
def init(
    file: Annotated[Path, _FILE],
    council: Annotated[Paths, _COUNCIL] = None,
    threshold: Annotated[int | None, _THRESHOLD] = None,
    operator: Annotated[Paths, _OPERATOR] = None,
    days: Annotated[int, _DAYS] = 365,
    registry: Annotated[list[str] | None, _REGISTRY] = None,
    timestamp_authority: Annotated[Paths, _AUTHORITY] = None,
) -> None:
    """Write the first version's content, to be signed. 起草首个信任文件。"""
    choices = _choices(
        council, threshold, operator, days, registry, timestamp_authority, keep_checkpoint=False
    )
    _draft(file, choices, first=True)


@app.command()
def rotate(
    file: Annotated[Path, _FILE],
    council: Annotated[Paths, _COUNCIL] = None,
    threshold: Annotated[int | None, _THRESHOLD] = None,
    operator: Annotated[Paths, _OPERATOR] = None,
    days: Annotated[int, _DAYS] = 365,
    registry: Annotated[list[str] | None, _REGISTRY] = None,
    timestamp_authority: Annotated[Paths, _AUTHORITY] = None,
    keep_checkpoint: Annotated[
        bool, typer.Option("--keep-checkpoint", help="Leave the checkpoint. 不移动检查点。")
    ] = False,
) -> None:
    """Write the next version's content, to be signed by the old council and the new. 起草新版本。

    What is not given stays as it is. Earlier checkpoints are kept.
    """
    choices = _choices(
        council, threshold, operator, days, registry, timestamp_authority,
        keep_checkpoint=keep_checkpoint,
    )  # fmt: skip
    _draft(file, choices, first=False)


@app.command()
def sign(
    file: Annotated[Path, _FILE],
    key: Annotated[
        Paths, typer.Option(help="A member's key file; this registry's keys if not given. 密钥。")
    ] = None,
    previous: Annotated[Path | None, _PREVIOUS] = None,
) -> None:
    """Add a member's signature, after showing what is signed. 签署信任文件。"""
    data = read_trust_file(file)
    found = UnverifiedTrust.read(data)
    old = None if previous is None else _pinned(previous)
    signers: Sequence[Signer]
    if old is not None:
        check_follows(old, found.file)
    compared = old or _in_use(found.file)
    _show(found.file, compared)  # before the passphrase is asked for
    if not key:
        old, signers = _own_signers(old)
    else:
        signers = [read_key_file(path, _passphrase(path)) for path in key]
    signed = countersign(data, _fitting(signers, found.file, old))
    write_file(file, signed, mode=0o644)
    print(signatures(UnverifiedTrust.read(signed), old or compared))


@app.command("publish")
def publish_file(file: Annotated[Path, _FILE]) -> None:
    """Check it as all verifiers will, and put it in place. 核对并发布信任文件。"""
    data = read_trust_file(file)
    with opened() as registry:
        done = publish(registry, data)
    print(f"已发布 published: {line(done)}\n{Options.directory / TRUST_FILE}")


@app.command()
def renew(days: Annotated[int, _DAYS] = 365) -> None:
    """Draft, sign with this registry's own keys and publish the next version. 更新信任文件。

    For a registry that holds the council's keys itself.
    """
    with opened() as registry:
        with registry.transaction() as services:
            present = signed_file(published(services.session, Options.directory))
            signers = _members_here(services, present)
            file = draft(services, Choices(lifetime=days * DAY), present)
        done = publish(registry, file.sign(signers))
    print(f"已发布 published: {line(done)}\n{Options.directory / TRUST_FILE}")


@app.command()
def show(file: Annotated[Path, _FILE], previous: Annotated[Path | None, _PREVIOUS] = None) -> None:
    """Show what a trust file says, what it changes, and who of whom signed it. 查看信任文件。"""
    found = UnverifiedTrust.read(read_trust_file(file))
    old = _in_use(found.file) if previous is None else _pinned(previous)
    _show(found.file, old)
    print(signatures(found, old))


def _show(file: TrustFile, old: TrustFile | None) -> None:
    print(describe(file))
    if old is not None and old != file:
        print(differences(old, file))


def _in_use(file: TrustFile) -> TrustFile | None:
    """Return what this registry published last, if it has, and ``file`` is to come after it."""
    path = Options.directory / TRUST_FILE
    old = _pinned(path) if path.is_file() else None
    return None if old is None or old.version >= file.version else old


def _draft(path: Path, choices: Choices, *, first: bool) -> None:
    with opened() as registry, registry.transaction() as services:
        present = _published(services)
        if first and present is not None:
            raise ConflictError("trust_is_published", version=present.version)
        if not first and present is None:
            raise NotFoundError("trust_file_missing")
        file = draft(services, choices, present)
    data = file.sign([])
    _check_form(data)
    write_file(path, data, mode=0o644)
    print(describe(file))
    print(f"待签 to be signed: {path}")


def _check_form(data: bytes) -> None:
    """Refuse a draft that nobody could read, such as with more to sign than there are keys."""
    UnverifiedTrust.read(data)


def _choices(
    council: Paths,
    threshold: int | None,
    operator: Paths,
    days: int,
    registry: list[str] | None,
    authorities: Paths,
    *,
    keep_checkpoint: bool,
) -> Choices:
    return Choices(
        council=_keys(council),
        threshold=threshold,
        operators=_keys(operator),
        lifetime=days * DAY,
        registries=tuple(registry) if registry else None,
        timestamp_authorities=tuple(map(read_certificate, authorities)) if authorities else None,
        keep_checkpoint=keep_checkpoint,
    )


def _keys(paths: Paths) -> tuple[PublicKey, ...] | None:
    return tuple(map(read_public_key, paths)) if paths else None


def _members_here(services: Services, file: TrustFile) -> list[Signer]:
    """Return the keys of a file's council that are in this registry's store.

    Raises:
        TrustError: ``trust_keys_elsewhere``: too few to sign the next version alone.
    """
    kids = {key.kid for key in file.council}
    rows = services.keys.signing_keys(KeyPurpose.TRUST)
    found: list[Signer] = [services.keys.signer(row) for row in rows if row.kid in kids]
    if len(found) < file.threshold:
        raise TrustError("trust_keys_elsewhere", found=len(found), needed=file.threshold)
    return found


def _own_signers(old: TrustFile | None) -> tuple[TrustFile | None, list[Signer]]:
    """Return the file in use and the council's keys of this registry's store."""
    with opened() as registry, registry.transaction() as services:
        signers: list[Signer] = [services.keys.signer(row) for row in services.keys.council()]
        return old or _published(services), signers


def _fitting(signers: Sequence[Signer], file: TrustFile, old: TrustFile | None) -> Sequence[Signer]:
    """Return those whose signatures count, as far as that is known here.

    Raises:
        TrustError: ``trust_signer_unknown``: none would.
    """
    if old is None and file.version > 1:  # it may be one of a council before
        return signers
    known = {key.kid for key in (*file.council, *(old.council if old else ()))}
    fit = [signer for signer in signers if signer.public_key.kid in known]
    if not fit:
        raise TrustError("trust_signer_unknown", kid=signers[0].public_key.kid)
    return fit


def _published(services: Services) -> TrustFile | None:
    try:
        return signed_file(published(services.session, Options.directory))
    except NotFoundError:
        return None


def _pinned(path: Path) -> TrustFile:
    return signed_file(read_trust_file(path))


def _passphrase(path: Path) -> str:
    given = secret_from_environment("TRUST_KEY_PASSPHRASE")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise KeystoreError("key_passphrase_needed")
    return getpass.getpass(f"{path} 口令 passphrase: ")


def _new_passphrase() -> str:
    given = secret_from_environment("TRUST_KEY_PASSPHRASE")
    if given is None:
        if not sys.stdin.isatty():
            raise KeystoreError("key_passphrase_needed")
        given = getpass.getpass("新密钥口令 Passphrase of the new key: ")
        if given != getpass.getpass("再次输入以确认 Again: "):
            raise KeystoreError("key_passphrases_differ")
    if len(given) < MIN_PASSPHRASE_CHARS:
        raise KeystoreError("key_passphrase_short", minimum=MIN_PASSPHRASE_CHARS)
    return given
