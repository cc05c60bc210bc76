"""The wallet at a terminal: it asks for the passphrase unseen, and draws codes to be scanned."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from ecert.artefact import Expectation
from ecert.keystore import Cost
from ecert.kinds.catalogue import Catalogue
from ecert.report import Verdict
from tests.fakes.claim_desk import ClaimDesk, running
from tests.fakes.world import World
from wallet.library import Wallet
from wallet.vault import Vault

PASSPHRASE = "a wallet for tests"
QUIET_ZONE = 4


@contextmanager
def at_a_terminal(home: Path, *arguments: str, environment: dict[str, str]) -> Iterator["_Session"]:
    """Run the wallet with a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).parent / "wallet", "--home", home, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if "WALLET" not in name}
        | environment,
    )
    os.close(theirs)
    try:
        yield _Session(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


class _Session:
    def __init__(self, terminal: int, process: "subprocess.Popen[bytes]") -> None:
        self._terminal = terminal
        self._process = process
        self._watchdog = threading.Timer(60, process.kill)

    def talk(self, *answers: str) -> tuple[int, str]:
        """Answer each question; return the exit code and all that the terminal showed."""
        self._watchdog.start()
        shown, left = b"", list(answers)
        asked = 0
        while True:
            try:
                chunk = os.read(self._terminal, 1 << 16)
            except OSError:  # nobody has the other end any more
                break
            shown += chunk
            while left and shown.count(b": ") > asked:
                asked += 1
                os.write(self._terminal, f"{left.pop(0)}\n".encode())
        code = self._process.wait()
        self._watchdog.cancel()
        return code, shown.decode()


def test_a_new_wallets_passphrase_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path / "home", "list", environment={}) as session:
        code, shown = session.talk(PASSPHRASE, PASSPHRASE)
    assert (code, "empty" in shown) == (0, True), shown
    assert PASSPHRASE not in shown
    with at_a_terminal(tmp_path / "home", "list", environment={}) as session:
        code, shown = session.talk(PASSPHRASE)
    assert (code, shown.count(": ")) == (0, 1), shown


def test_a_slip_of_the_hand_makes_no_wallet(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path / "home", "list", environment={}) as session:
        code, shown = session.talk(PASSPHRASE, PASSPHRASE + "!")
    assert code == 1
    assert "passphrases_differ" in shown
    assert not (tmp_path / "home" / "wallet.db").exists()


def test_a_wrong_passphrase_is_told(tmp_path: Path) -> None:
    Vault(tmp_path / "wallet.db", PASSPHRASE, cost=Cost(log_n=4)).close()
    with at_a_terminal(tmp_path, "list", environment={}) as session:
        code, shown = session.talk("another one")
    assert code == 1
    assert "passphrase_wrong" in shown
    assert "another one" not in shown


def drawn(lines: Sequence[str]) -> Image.Image:
    """What a camera sees of a code that is drawn in half blocks, two modules a character."""
    halves = {"\xa0": (0, 0), " ": (0, 0), "▀": (255, 0), "▄": (0, 255), "█": (255, 255)}
    width = max(map(len, lines))
    rows = [[halves[char][half] for char in line.ljust(width)] for line in lines for half in (0, 1)]
    image = Image.new("L", (width, len(rows)))
    image.putdata([pixel for row in rows for pixel in row])
    return image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)


def test_a_card_drawn_on_the_terminal_is_scanned_and_verifies(tmp_path: Path) -> None:
    world = World(now=datetime.now(UTC))
    with (
        Vault(tmp_path / "wallet.db", PASSPHRASE, cost=Cost(log_n=4)) as vault,
        running(ClaimDesk(world)) as desk,
    ):
        wallet = Wallet(vault, Catalogue.load(), world.verifier())
        wallet.claim(desk.url, desk.new_code())
        (entry,) = wallet.collect(now=world.now).new
    given = {"WALLET_PASSPHRASE": PASSPHRASE}
    with at_a_terminal(tmp_path, "card", entry, "--view", "over18", environment=given) as session:
        code, shown = session.talk()
    assert code == 0, shown
    text, *lines = shown.replace("\r\n", "\n").split("\n")
    picture = drawn([line for line in lines if set(line) & set("▀▄█")])
    (found,) = zxingcpp.read_barcodes(picture)
    assert found.text == text
    report = world.verifier().verify(
        found.text, now=datetime.now(UTC), expect=Expectation(required=True)
    )
    assert report.verdict is Verdict.VALID
    assert picture.width > 8 * QUIET_ZONE


@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, subprocess.PIPE])
def test_without_a_terminal_it_does_not_ask(tmp_path: Path, stdin: int) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "wallet", "--home", tmp_path, "list"],
        stdin=stdin if stdin == subprocess.DEVNULL else None,
        input="a wallet for tests\n" if stdin == subprocess.PIPE else None,
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if "WALLET" not in name},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("passphrase_needed\n")
