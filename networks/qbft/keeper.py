"""Runs one node apart from whoever started it: ``keeper.py LOG PID_FILE COMMAND…``.

It leaves its parent, starts the command with the log as its output, writes the command's process
id, and waits for its end, which it notes in the log. While it waits it keeps the log bounded: what
is over the bound moves to ``LOG.1``, over what was there. The node writes to the file itself, so
that it lives on without its keeper.

It is run by its path and needs the standard library alone. Linux only.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

MAX_LOG_BYTES = 8 << 20
LOOK_SECONDS = 5.0


def main(log: Path, pid_file: Path, command: list[str]) -> int:
    """Start the command in a process of its own; return once it has been started."""
    receiving, sending = os.pipe()
    if os.fork():
        os.close(sending)
        with os.fdopen(receiving, "rb") as answers:
            reason = answers.read()
        sys.stderr.buffer.write(reason)
        return 1 if reason else 0
    os.close(receiving)
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    with log.open("ab") as output:
        try:
            node = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            beside = pid_file.with_suffix(".new")
            beside.write_text(f"{node.pid}\n")
            beside.replace(pid_file)
        except OSError as error:
            os.write(sending, f"{command[0]}: {error.strerror}".encode())
            os._exit(1)
        os.close(sending)
        _keep(node, log, output)
    os._exit(0)


def _keep(node: "subprocess.Popen[bytes]", log: Path, output: IO[bytes]) -> None:
    while True:
        try:
            code = node.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            _bound(log, output)
            continue
        said = f"signal {-code}" if code < 0 else f"exit code {code}"
        output.write(f"keeper: the node ended with {said}\n".encode())
        return


def _bound(log: Path, output: IO[bytes]) -> None:
    """Move what the log holds aside when it is over the bound; without room, let it go."""
    try:
        if os.fstat(output.fileno()).st_size <= MAX_LOG_BYTES:
            return
        try:
            shutil.copyfile(log, log.with_suffix(log.suffix + ".1"))
        finally:
            os.ftruncate(output.fileno(), 0)
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
