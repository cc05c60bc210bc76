"""What the three command lines have in common: errors as sentences, never tracebacks."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, Protocol

from ecert.client.usage import in_chinese, one_line
from ecert.errors import EcertError, MalformedError, UnavailableError, reason_of

REFUSED, UNAVAILABLE, UNREADABLE = 1, 2, 3
USAGE = 64
"""The command itself was wrong (EX_USAGE of BSD's sysexits); apart from what a verdict can be."""
INTERRUPTED = 130
LEFT_ALONE = 141
"""As if SIGPIPE had ended it. The signal itself is not let through: it would also end a service
whose client has left, and a call to a node that has."""

MAX_SECRET_CHARS = 4096
"""A secret in a file: its first line, and no more of it."""


class CommandLine(Protocol):
    """A program's commands, as typer makes them callable."""

    def __call__(self, *, standalone_mode: bool) -> object:
        """Parse the arguments and run; return an exit code, or nothing for success."""


def run(app: CommandLine, usage_error: type[Exception]) -> NoReturn:
    """Run a command line and exit.

    Exit codes: what the command returns; 1 refused, 2 a source did not answer, 3 unreadable input,
    64 wrong usage.

    Args:
        app: The commands.
        usage_error: What its parser raises for arguments that it does not understand.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal need not have all characters
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(app, usage_error))


def _run(app: CommandLine, usage_error: type[Exception]) -> int:
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except EcertError as error:
        print(describe(error), file=sys.stderr)
        return exit_code(error)
    except usage_error as error:
        _print_usage(error)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has left
        sys.stdout = None  # else its last flush fails again
        return LEFT_ALONE
    except OSError as error:  # what is read and written otherwise has errors of its own
        reason = reason_of(error)
        unwritable = MalformedError("file_unwritable", path="(stdout)", reason=reason)
        print(describe(unwritable), file=sys.stderr)
        sys.stdout = None  # else its last flush fails again
        return UNREADABLE
    return code if isinstance(code, int) else 0


def describe(error: EcertError) -> str:
    """Return an error's code and its sentences in both languages."""
    return f"{error.code}\n  {error.message('zh')}\n  {error.message('en')}"


def exit_code(error: EcertError) -> int:
    """Return the exit code for an error."""
    match error:
        case UnavailableError():
            return UNAVAILABLE
        case MalformedError():
            return UNREADABLE
        case _:
            return REFUSED


@contextmanager
def deciding() -> Iterator[None]:
    """Let every error within count as "cannot be decided": for what comes before a verdict.

    A missing trust file or a node's address with a slip says nothing against a document.
    """
    try:
        yield
    except EcertError as error:
        raise UnavailableError(error.code, **error.details) from error


def secret_from_environment(name: str) -> str | None:
    """Return a secret given by the environment variable NAME, or in the file NAME_FILE names."""
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name)
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.readline(MAX_SECRET_CHARS).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedError("file_unreadable", path=path, reason=reason_of(error)) from error


def _print_usage(error: Exception) -> None:
    reason = error.format_message() if hasattr(error, "format_message") else str(error)
    if reason.strip():  # asked for nothing, typer prints its help and says no more
        en = one_line(reason)
        print(describe(EcertError("usage_wrong", zh=in_chinese(en), en=en)), file=sys.stderr)
