"""What a child process runs: it answers calls until its pipe closes.

    python -m registry.processes.child DESCRIPTOR

The pipe closes when its parent ends, however that ends, so that no child outlives it.
"""

import gc
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer calls of functions by their results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to judge
    gc.freeze()
    with Connection(int(sys.argv[1])) as pipe:
        while True:
            try:
                function, task = pipe.recv()
                pipe.send(_answer(function, task))
            except (EOFError, OSError):
                return
            except Exception as error:  # noqa: BLE001 - a function that is not there
                pipe.send((False, _place(error)))


def _answer(function: Callable[[Any], Any], task: Any) -> tuple[bool, Any]:
    try:
        return True, function(task)
    except Exception as error:  # noqa: BLE001 - a fault of the program, told where it can be logged
        return False, _place(error)


def _place(error: BaseException) -> str:
    """Return kind and place of an error, never its words: they may hold somebody's data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return (
        f"{type(error).__name__}, {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    )


if __name__ == "__main__":
    main()
