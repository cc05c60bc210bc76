"""The wallet's command line: exit codes, both languages, no secret shown, never a traceback."""

import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zxingcpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ecert.artefact import Expectation
from ecert.client import console
from ecert.document import DocumentFile
from ecert.encoding import b64url_encode
from ecert.keystore import Cost
from ecert.kinds.catalogue import Catalogue
from ecert.report import Verdict
from tests.fakes.claim_desk import ClaimDesk, running
from tests.fakes.console import Done, run_command
from tests.fakes.world import RESIDENT, World
from wallet.cli import app
from wallet.library import Wallet
from wallet.vault import Vault

PASSPHRASE = "a wallet for tests"
AUDIENCE = "https://school.example"
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def world() -> World:
    return World(now=datetime.now(UTC))


@pytest.fixture(scope="module")
def filled(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A wallet with one document, and its id."""
    home = tmp_path_factory.mktemp("filled")
    with (
        Vault(home / "wallet.db", PASSPHRASE, cost=Cost(log_n=4)) as vault,
        running(ClaimDesk(world)) as desk,
    ):
        wallet = Wallet(vault, Catalogue.load(), world.verifier())
        wallet.claim(desk.url, desk.new_code())
        (entry,) = wallet.collect(now=world.now).new
    return home, entry


@pytest.fixture
def home(filled: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of it, of the test's own."""
    shutil.copytree(filled[0], tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def entry(filled: tuple[Path, str]) -> str:
    return filled[1]


def wallet(home: Path, *arguments: str, passphrase: str | None = PASSPHRASE) -> Done:
    given_by = {} if passphrase is None else {"WALLET_PASSPHRASE": passphrase}
    done = run_command(app, "--home", str(home), *arguments, environment=given_by)
    assert PASSPHRASE not in done.out + done.err
    return done


def told(done: Done, code: int, name: str) -> None:
    """The error came with its code and a sentence in each language, on stderr alone."""
    assert (done.code, done.out) == (code, ""), done.err
    first, zh, en, *more = done.err.splitlines()
    assert (first, more) == (name, [])
    assert CHINESE.search(zh)
    assert not CHINESE.search(en)


# -- what it shows


def test_documents_are_listed_and_shown(home: Path, entry: str) -> None:
    listed = wallet(home, "list")
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.startswith(f"{entry}  ")
    assert "居民身份证" in listed.out
    shown = wallet(home, "show", entry[:5])
    for name, value in RESIDENT.items():
        assert name in shown.out
        assert value in shown.out
    assert "full, over18" in shown.out


def test_programs_get_json_without_keys(home: Path, entry: str) -> None:
    document = json.loads(wallet(home, "show", entry, "--json").out)
    assert document["id"] == entry
    assert document["claims"] == RESIDENT
    assert json.loads(wallet(home, "list", "--json").out) == [document]
    with Vault(home / "wallet.db", PASSPHRASE) as vault:
        kept = vault.all("document")[entry]
    for secret in (kept["key"], *(card["key"] for card in kept["cards"].values())):
        assert secret not in json.dumps(document)


def test_an_empty_wallet_says_so_and_its_file_is_private(tmp_path: Path) -> None:
    done = wallet(tmp_path / "new", "list")
    assert (done.code, "empty" in done.out) == (0, True)
    assert stat.S_IMODE((tmp_path / "new" / "wallet.db").stat().st_mode) == 0o600
    assert json.loads(wallet(tmp_path / "new", "list", "--json").out) == []


def test_a_presentation_is_text_or_a_file(home: Path, entry: str, world: World) -> None:
    asked = ("--disclose", "name, birth_date", "--audience", AUDIENCE, "--nonce", "n1")
    text = wallet(home, "present", entry, *asked)
    assert (text.code, text.err) == (0, "")
    path = home / "shown.ecert.json"
    written = wallet(home, "present", entry, *asked, "-o", str(path))
    assert (written.code, written.out) == (0, "")
    assert DocumentFile.from_bytes(path.read_bytes()).receipt is not None
    verifier = world.verifier(lookup=True)
    expect = Expectation(audience=AUDIENCE, nonce="n1", required=True)
    for data in (text.out, path.read_bytes()):
        report = verifier.verify(data, now=datetime.now(UTC), expect=expect)
        assert report.verdict is Verdict.VALID
        assert report.subject is not None
        assert set(report.subject.claims) == {"name", "birth_date"}
    history = json.loads(wallet(home, "show", entry, "--json").out)["history"]
    assert [(shown["to"], shown["claims"]) for shown in history] == [
        (AUDIENCE, ["name", "birth_date"])
    ] * 2


def test_a_card_is_text_or_a_picture_that_verifies(home: Path, entry: str, world: World) -> None:
    path, challenge = home / "card.png", bytes(range(20))
    asked = ("--view", "over18", "--challenge", b64url_encode(challenge))
    text = wallet(home, "card", entry, *asked)
    drawn = wallet(home, "card", entry, *asked, "--qr", str(path))
    assert (drawn.code, drawn.out) == (0, "")
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(path.read_bytes())))
    for shown in (text.out, code.text):
        report = world.verifier().verify(
            shown, now=datetime.now(UTC), expect=Expectation(challenge=challenge, required=True)
        )
        assert report.verdict is Verdict.VALID


def test_a_document_is_removed(home: Path, entry: str) -> None:
    assert entry in wallet(home, "remove", entry[:6]).out
    told(wallet(home, "remove", entry), 1, "document_not_found")


# -- what it refuses


@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (("show", "zz"), 1, "document_not_found"),
        (("show", ""), 1, "document_not_found"),
        (("check", "ID"), 2, "trust_not_pinned"),
        (("collect",), 1, "trust_not_pinned"),
        (("add", "nowhere.ecert.json"), 3, "add_source_unknown"),
        (("add", "0000-1111"), 3, "add_source_unknown"),
        (("add", "ABCDE-FGHJK-MNPQR-STVWX"), 1, "trust_not_pinned"),
        (("trust", "nowhere.json"), 3, "file_unreadable"),
        (("trust", "/"), 3, "file_unreadable"),
        (("card", "ID", "--view", "over21"), 1, "card_not_found"),
        (("card", "ID", "--view", "over18", "--challenge", "!"), 3, "base64url_malformed"),
        (("card", "ID", "--view", "over18", "--challenge", "A" * 44), 3, "challenge_too_long"),
        (("card", "ID", "--view", "over18", "--qr", "/dev/null/a.png"), 3, "file_unwritable"),
        (
            ("present", "ID", "--disclose", "salary", "--audience", "a", "--nonce", "n"),
            1,
            "claim_not_found",
        ),
        (
            ("present", "ID", "--disclose", "name", "--audience", "", "--nonce", "n"),
            3,
            "argument_length",
        ),
        (("present", "ID", "--disclose", "name"), 64, "usage_wrong"),
        (("collect", "--wait", "-1"), 64, "usage_wrong"),
        (("collect", "--wait", "soon"), 64, "usage_wrong"),
        (("show",), 64, "usage_wrong"),
        (("show", "a", "b"), 64, "usage_wrong"),
        (("steal",), 64, "usage_wrong"),
        (("--frobnicate",), 64, "usage_wrong"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_told_in_both_languages(
    home: Path,
    entry: str,
    arguments: tuple[str, ...],
    code: int,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    filled_in = [entry if argument == "ID" else argument for argument in arguments]
    told(wallet(home, *filled_in), code, name)


def test_without_a_command_the_help_comes(home: Path) -> None:
    done = run_command(app, environment={"WALLET_HOME": str(home)})
    assert done.code == console.USAGE
    assert "present" in done.out + done.err


def test_the_passphrase_is_needed_right_and_long_enough(home: Path, tmp_path: Path) -> None:
    told(wallet(home, "list", passphrase=None), 1, "passphrase_needed")
    told(wallet(home, "list", passphrase="another one"), 1, "passphrase_wrong")
    told(wallet(home, "list", passphrase="\udcff\udc80 not text"), 1, "passphrase_wrong")
    told(wallet(tmp_path / "new", "list", passphrase="1234567"), 1, "passphrase_too_short")


def test_the_passphrase_may_lie_in_a_file(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\nanother line\n")
    by_file = {"WALLET_PASSPHRASE_FILE": str(file)}
    assert run_command(app, "--home", str(home), "list", environment=by_file).code == 0
    file.write_bytes(b"\xff\xfe")
    told(run_command(app, "--home", str(home), "list", environment=by_file), 3, "file_unreadable")
    file.unlink()
    told(run_command(app, "--home", str(home), "list", environment=by_file), 3, "file_unreadable")


def test_a_foreign_or_damaged_wallet_is_told(home: Path, entry: str) -> None:
    (home / "wallet.db").write_bytes(b"not a wallet" * 500)
    told(wallet(home, "list"), 3, "vault_foreign")
    (home / "wallet.db").unlink()
    (home / "wallet.db").mkdir()
    told(wallet(home, "show", entry), 3, "vault_unusable")


_WORDS = st.sampled_from(
    [
        *("trust", "add", "collect", "list", "show", "present", "card", "check", "remove"),
        *("--home", "--rpc", "--registry", "--wait", "--json", "--disclose", "--audience"),
        *("--nonce", "-o", "--output", "--view", "--qr", "--challenge", "--help", "--", "-"),
        *("ID", "name", "over18", "nan", "inf", "1e309", "http://[", "http://127.0.0.1:9"),
        *("ABCDE-FGHJK-MNPQR-STVWX", "\udcff", "a\u202eb", "%s%n", "{0}", "~" * 9),
    ]
)

_TEXTS = st.text(st.characters(exclude_characters="\0/"), max_size=20)  # no path to elsewhere


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(arguments=st.lists(st.one_of(_WORDS, _TEXTS), max_size=8))
def test_no_arguments_break_it(home: Path, entry: str, arguments: list[str]) -> None:
    """Any words in any order: a known exit code, and a reason wherever it is not 0."""
    with chdir(home):  # what is written by chance lands here
        done = wallet(home, *(entry if word == "ID" else word for word in arguments))
    assert done.code in (0, 1, 2, 3, console.USAGE)
    assert done.out or done.err or done.code == 0


# -- the program itself


def program(home: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [Path(sys.executable).parent / "wallet", "--home", home, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "WALLET_PASSPHRASE": PASSPHRASE, **environment},
    )


def test_the_installed_program_runs_and_prints_on_any_terminal(home: Path, entry: str) -> None:
    plain = program(home, "list")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert "居民身份证" in plain.stdout
    narrow = program(home, "list", PYTHONIOENCODING="ascii")
    assert (narrow.returncode, narrow.stderr) == (0, "")
    assert entry in narrow.stdout


def test_a_reader_that_leaves_early_is_no_error(home: Path, entry: str) -> None:
    with subprocess.Popen(
        [Path(sys.executable).parent / "wallet", "--home", home, "show", entry],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "WALLET_PASSPHRASE": PASSPHRASE},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_full_disk_is_told(home: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [Path(sys.executable).parent / "wallet", "--home", home, "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "WALLET_PASSPHRASE": PASSPHRASE},
        )
    assert done.returncode == console.UNREADABLE
    assert done.stderr.startswith("file_unwritable\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("reader", ["pipe", "link", "new"])
def test_where_output_goes_is_written_to_and_not_replaced(
    home: Path, entry: str, reader: str
) -> None:
    path, target = home / "out", home / "target"
    match reader:
        case "pipe":
            os.mkfifo(path)
            opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        case "link":
            path.symlink_to(target)
    asked = ("--disclose", "name", "--audience", AUDIENCE, "--nonce", "n1", "-o", str(path))
    assert wallet(home, "present", entry, *asked).code == 0
    match reader:
        case "pipe":
            assert DocumentFile.from_bytes(os.read(opened, 1 << 16)).receipt is not None
            os.close(opened)
            assert path.is_fifo()
        case "link":
            assert path.is_symlink()
            assert DocumentFile.from_bytes(target.read_bytes()).receipt is not None
        case _:
            assert DocumentFile.from_bytes(path.read_bytes()).receipt is not None
    assert not list(home.glob(".out*"))
