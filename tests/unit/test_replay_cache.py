"""Proofs of cards that were accepted: once in all processes, and never when that is not known."""

import secrets
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from ecert import card, limits
from ecert.errors import HolderBindingError, UnavailableError
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from ecert.trust import TrustStore
from ecert.verification import Verifier
from tests.fakes.world import NOW, World
from verifier.replay import FileReplayCache

AT = int(NOW.timestamp())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "replay.db"


def test_a_proof_is_taken_once_while_it_can_be_fresh(path: Path) -> None:
    proof, other = secrets.token_bytes(32), secrets.token_bytes(32)
    cache = FileReplayCache(path)
    cache.remember(proof, now=AT)
    cache.remember(other, now=AT)
    for later in (0, limits.CARD_PROOF_SECONDS, limits.REPLAY_CACHE_SECONDS - 1):
        with pytest.raises(HolderBindingError, match="card_proof_replayed"):
            FileReplayCache(path).remember(proof, now=AT + later)
    FileReplayCache(path).remember(proof, now=AT + limits.REPLAY_CACHE_SECONDS)


def test_a_full_cache_forgets_nothing_early(path: Path) -> None:
    cache = FileReplayCache(path, capacity=3)
    for _ in range(3):
        cache.remember(secrets.token_bytes(32), now=AT)
    with pytest.raises(UnavailableError, match="card_replay_cache_full"):
        cache.remember(secrets.token_bytes(32), now=AT)
    cache.remember(secrets.token_bytes(32), now=AT + limits.REPLAY_CACHE_SECONDS)


@pytest.mark.parametrize("damage", ["garbage", "directory", "other table"])
def test_a_file_that_cannot_be_used_decides_nothing(path: Path, damage: str) -> None:
    cache = FileReplayCache(path)
    cache.remember(secrets.token_bytes(32), now=AT)
    cache.close()
    match damage:
        case "garbage":
            path.write_bytes(b"garbage" * 1000)
        case "directory":
            path.unlink()
            path.mkdir()
        case _:
            path.unlink()
            script = (
                f"import sqlite3; sqlite3.connect({str(path)!r}).execute('CREATE TABLE seen (a)')"
            )
            subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(UnavailableError) as caught:
        cache.remember(secrets.token_bytes(32), now=AT)
    assert caught.value.code == "seen_unusable"
    assert str(path) in caught.value.message("zh")


SECOND = """
import sys
from pathlib import Path
from ecert.errors import EcertError
from verifier.replay import FileReplayCache
try:
    FileReplayCache(Path(sys.argv[1])).remember(bytes.fromhex(sys.argv[2]), now=int(sys.argv[3]))
except EcertError as error:
    print(error.code)
"""


def test_of_processes_that_are_shown_one_proof_one_takes_it(path: Path) -> None:
    proof = secrets.token_hex(32)
    command = [sys.executable, "-c", SECOND, str(path), proof, str(AT)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert sorted(answers) == ["", *["card_proof_replayed"] * 3]


def test_a_card_shown_to_one_process_does_not_pass_at_the_next(path: Path) -> None:
    world, holder = World(), SoftwareSigner.generate()
    issued = world.issue_card(holder=holder.public_key)
    text = card.with_receipt(issued.text, world.anchor(issued.digest)[0].compact())
    trust = TrustStore(world.trust_file().sign([world.council]), world.catalogue, now=NOW)
    shown = card.with_proof(text, holder=holder, now=NOW)
    found = [
        Verifier(trust, world, replay=FileReplayCache(path)).verify(
            proof, now=NOW + timedelta(seconds=seconds)
        )
        for seconds, proof in (
            (0, shown),
            (30, shown),
            (30, card.with_proof(text, holder=holder, now=NOW + timedelta(seconds=30))),
        )
    ]
    assert [report.verdict for report in found] == [
        Verdict.VALID,
        Verdict.HOLDER_NOT_PROVEN,
        Verdict.VALID,
    ]
    path.write_bytes(b"garbage" * 1000)
    fresh = card.with_proof(text, holder=holder, now=NOW + timedelta(seconds=1))
    report = Verifier(trust, world, replay=FileReplayCache(path)).verify(fresh, now=NOW)
    assert report.verdict is Verdict.UNDECIDED
