"""What the three command lines have in common, whatever words they are given."""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command

from ecert.client import console
from ecert.errors import EcertError, MalformedError, TrustError, UnavailableError
from registry.cli.main import app as registry
from registry.cli.session import Options
from tests.fakes.console import Done, run_command
from verifier.cli import app as verifier
from wallet.cli import app as wallet

PROGRAMS = {"wallet": wallet, "verifier": verifier, "registry": registry}
FOLDERS = {"wallet": "--home", "verifier": "--home", "registry": "--dir"}


def commands(command: Any, *above: str) -> Iterator[tuple[str, ...]]:
    """Every command, with the group it is in."""
    if not hasattr(command, "commands"):
        yield above
        return
    for name, part in command.commands.items():
        yield from commands(part, *above, name)


ALL = [(name, command) for name, app in PROGRAMS.items() for command in commands(get_command(app))]


@pytest.mark.parametrize(
    ("program", "command"), ALL, ids=[f"{name} {' '.join(words)}" for name, words in ALL]
)
def test_every_command_explains_itself_in_both_languages(
    program: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = run_command(PROGRAMS[program], *command, "--help")
    assert (done.code, done.err) == (0, "")
    assert any("\u4e00" <= char <= "\u9fff" for char in done.out)
    assert "Usage" in done.out


_OPTIONS = (
    "--home", "--dir", "--rpc", "--json", "--offline", "--audience", "--nonce", "--challenge",
    "--require-holder", "--lang", "--host", "--port", "--help", "--", "-", "--name", "--kind",
    "--issues", "--parent", "--role", "--department", "--import", "--reason", "--limit",
    "--version", "--origin", "--council-delay", "--batch-seconds", "--development", "-o",
)  # fmt: skip
_WORDS = st.sampled_from([
    *_OPTIONS, *(word for _, command in ALL for word in command),
    "zh", "0", "-1", "1e99", "nan", "99999", "clerk", "https://r.example", "http://[",
    "\udcff", "a\u202eb", "{0}", "%s", "~" * 9,
])  # fmt: skip
_TEXTS = st.text(st.characters(exclude_characters="\0/"), max_size=20)  # no path to elsewhere


@pytest.mark.parametrize("program", ["verifier", "registry"])  # the wallet has a test of its own
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(arguments=st.lists(st.one_of(_WORDS, _TEXTS), max_size=8))
def test_no_arguments_break_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, arguments: list[str]
) -> None:
    """Any words in any order: a known exit code, and a reason wherever it is not 0."""
    for name in ("REGISTRY_PASSPHRASE", "REGISTRY_PASSPHRASE_FILE", "ECERT_RPC"):
        monkeypatch.delenv(name, raising=False)  # so that nothing is made or run
    monkeypatch.setattr(Options, "directory", tmp_path / "folder")
    with chdir(tmp_path):
        done = run_command(
            PROGRAMS[program], FOLDERS[program], str(tmp_path / "folder"), *arguments
        )
    assert done.code in (0, 1, 2, 3, console.USAGE)
    assert done.out or done.err or done.code == 0


class _Failing:
    """A program that ends in some way."""

    def __init__(self, end: object) -> None:
        self._end = end

    def __call__(self, *, standalone_mode: bool) -> object:
        assert standalone_mode is False
        if isinstance(self._end, BaseException):
            raise self._end
        return self._end


def ended(end: object) -> Done:
    return run_command(_Failing(end))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (None, 0),
        (0, 0),
        (2, 2),
        ("what a command returned", 0),
        (TrustError("trust_not_pinned", path="x"), 1),
        (UnavailableError("registry_none"), 2),
        (MalformedError("claim_code_malformed", length=20), 3),
        (typer.BadParameter("not so"), 64),
        (KeyboardInterrupt(), 130),
        (OSError(28, "No space left on device"), 3),
    ],
)
def test_each_end_has_its_exit_code(end: object, code: int) -> None:
    done = ended(end)
    assert done.code == code
    if isinstance(end, EcertError):
        assert done.err.startswith(f"{end.code}\n")
    assert "Traceback" not in done.err


def test_a_defect_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        ended(ZeroDivisionError())


def test_what_comes_before_a_verdict_decides_nothing() -> None:
    for error in (TrustError("trust_not_pinned", path="x"), MalformedError("rpc_url_malformed")):
        with pytest.raises(UnavailableError) as caught, console.deciding():
            raise error
        assert caught.value.code == error.code
        assert caught.value.message("zh") == error.message("zh")


def test_a_secret_in_a_file_is_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text("the secret\r\nanother line\n")
    monkeypatch.setenv("A_SECRET", "in the environment")
    assert console.secret_from_environment("A_SECRET") == "in the environment"
    monkeypatch.setenv("A_SECRET_FILE", str(file))
    assert console.secret_from_environment("A_SECRET") == "the secret"
    monkeypatch.setenv("A_SECRET_FILE", "/dev/zero")
    assert len(console.secret_from_environment("A_SECRET") or "") == console.MAX_SECRET_CHARS
    monkeypatch.setenv("A_SECRET_FILE", str(tmp_path))
    with pytest.raises(MalformedError, match="file_unreadable"):
        console.secret_from_environment("A_SECRET")


@pytest.mark.parametrize(
    ("program", "words", "said"),
    [
        ("verifier", "trust", "缺少参数 'FILE_OR_URL'"),
        ("registry", "list", "缺少选项 '--department'"),
        ("verifier", "chek x", "没有命令 'chek'，是否指 'check'"),
        ("wallet", "steal", "没有命令 'steal'"),
        ("verifier", "check x --nope", "没有选项 --nope，是否指 --nonce"),
        ("wallet", "--frobnicate", "没有选项 --frobnicate"),
        ("verifier", "check x --audience", "选项 '--audience' 需要一个值"),
        ("verifier", "check x --offline=1", "选项 '--offline' 不带值"),
        ("verifier", "check a b", "多出了参数 b"),
        (
            "verifier",
            "check x --lang fr",
            "'--lang' 的值不对：'fr' 不是以下之一：'zh', 'en', 'both'",
        ),
        ("verifier", "serve --processes 99", "'--processes' 的值不对：应不大于 64"),
        ("verifier", "serve --port x", "'--port' 的值不对：应为整数"),
        ("wallet", "collect --wait soon", "'--wait' 的值不对：应为数字"),
    ],
)
def test_what_the_parser_says_is_said_in_chinese(program: str, words: str, said: str) -> None:
    done = run_command(PROGRAMS[program], *words.split())
    assert done.code == console.USAGE
    _, zh, en = done.err.splitlines()
    assert zh == f"  命令用法不对：{said}。请用 --help 查看用法。"
    assert not any("\u4e00" <= char <= "\u9fff" for char in en)
    assert "Value error" not in en
