"""What the three command lines have in common: errors as sentences, never tracebacks."""

import os
import signal
import sys
from collections.abc import Callable

from ecert.errors import EcertError, MalformedError, UnavailableError

REFUSED, UNAVAILABLE, UNREADABLE = 1, 2, 3


def run(app: Callable[[], object]) -> None:
    """Run a command line and exit: 1 refused, 2 a source did not answer, 3 unreadable input."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        app()
    except EcertError as error:
        print(describe(error), file=sys.stderr)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(130)


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


def secret_from_environment(name: str) -> str | None:
    """Return a secret given by the environment variable NAME, or in the file NAME_FILE names."""
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name)
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedError("file_unreadable", path=path, reason=type(error).__name__) from error
