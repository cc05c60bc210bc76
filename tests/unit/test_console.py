"""Command lines end with a code and a sentence, whatever happens, and never with a traceback."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from ecert.client import console
from ecert.errors import (
    EcertError,
    MalformedError,
    TrustError,
    UnavailableError,
    messages,
)


class UsageError(Exception):
    """What a parser raises."""

    def format_message(self) -> str:
        return "No such option:\n  --x."


def ended(outcome: object) -> int:
    """Run a command that returns or raises ``outcome``; return the exit code."""

    def app(*, standalone_mode: bool) -> object:
        assert not standalone_mode
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    with pytest.raises(SystemExit) as caught:
        console.run(app, UsageError)
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (None, 0),
        (0, 0),
        (1, 1),
        (3, 3),
        ("text", 0),
        (MalformedError("input_unrecognised"), 3),
        (UnavailableError("registry_none"), 2),
        (TrustError("trust_not_pinned", path="x"), 1),
        (UsageError(), 64),
        (KeyboardInterrupt(), 130),
        (OSError("gone"), 3),
    ],
    ids=str,
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, outcome: object, code: int) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert ended(outcome) == code
    said = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert bool(said) == isinstance(outcome, EcertError | UsageError | OSError)
    assert "Traceback" not in said


def test_an_error_is_told_in_both_languages() -> None:
    error = TrustError("trust_not_pinned", path="/x\x1b[2J/trust.json")
    text = console.describe(error)
    assert text.splitlines()[0] == "trust_not_pinned"
    assert len(text.splitlines()) == 3
    assert "\x1b" not in text
    assert error.message("zh") in text and error.message("en") in text


def test_a_detail_that_nobody_gave_is_named() -> None:
    assert "<path>" in EcertError("trust_not_pinned").message()
    assert str(EcertError("registry_none")).startswith("registry_none: ")
    assert "registry_none" in messages()


RUN = """
import sys
from ecert.client.console import run
from ecert.errors import MalformedError
def app(*, standalone_mode):
    {body}
run(app, SystemError)
"""


def python(body: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    script = RUN.replace("{body}", body)
    return subprocess.run(  # noqa: PLW1510
        [sys.executable, "-c", script], capture_output=True, timeout=60, **options
    )  # type: ignore[call-overload,no-any-return]


def test_a_terminal_without_the_characters_gets_escapes() -> None:
    done = python("print('\\u2714 林')", env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": "."})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.strip() == b"\\u2714 \\u6797"


def test_a_path_that_is_no_text_is_told() -> None:
    done = python("raise MalformedError('file_unreadable', path='\\udcff', reason='x')")
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr and b"file_unreadable" in done.stderr


def test_a_full_disk_is_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("wb") as full:
        script = RUN.replace("{body}", "print('x')")
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith(b"file_unwritable\n") and b"Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    script = RUN.replace("{body}", "[print('x' * 1000) for _ in range(10000)]")
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == console.LEFT_ALONE


def test_secrets_come_from_the_environment_or_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = console.secret_from_environment
    for name in ("ECERT_X", "ECERT_X_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert read("ECERT_X") is None
    monkeypatch.setenv("ECERT_X", " in the environment ")
    assert read("ECERT_X") == " in the environment "
    path = tmp_path / "secret"
    monkeypatch.setenv("ECERT_X_FILE", str(path))
    with pytest.raises(MalformedError, match="file_unreadable"):
        read("ECERT_X")
    for content, secret in (
        (b"first\r\nsecond\n", "first"),
        ("口令\n".encode(), "口令"),
        (b"", ""),
        (b"x" * 10_000, "x" * console.MAX_SECRET_CHARS),
    ):
        path.write_bytes(content)
        assert read("ECERT_X") == secret
    path.write_bytes(b"\xff")
    with pytest.raises(MalformedError, match="file_unreadable") as caught:
        read("ECERT_X")
    assert "xff" not in str(caught.value)
