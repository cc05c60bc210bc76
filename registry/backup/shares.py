"""The backup key in shares (SLIP-39): any k of n custodians restore together, fewer learn nothing.

Each share is a text file for one custodian, to be printed or kept on a stick: words that can be
typed again, and what to do with them.
"""

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share

from ecert.client.home import read_file
from ecert.errors import MalformedError
from registry.backup.errors import BackupError
from registry.backup.keys import MAX_KEY_FILE_BYTES, BackupKey

MAX_SHARES = 16
"""SLIP-39 knows no more."""

_WORDS = re.compile(r"^share:((?: [a-z]+){20,60})$", re.MULTILINE)
_LETTER = "share.txt"


def split(secret: bytes, needed: int, count: int) -> list[str]:
    """Return the texts of ``count`` shares of which any ``needed`` give the secret back.

    Raises:
        BackupError: ``shares_numbers_wrong``.
    """
    if not 2 <= needed <= count <= MAX_SHARES:
        raise BackupError("shares_numbers_wrong", limit=MAX_SHARES)
    [mnemonics] = generate_mnemonics(1, [(needed, count)], secret)
    letter = resources.files("registry.backup").joinpath(_LETTER).read_text("utf-8")
    recipient = BackupKey.of(secret).making.recipient
    return [
        letter.format(
            number=number, count=count, needed=needed, recipient=recipient, words=mnemonic
        )
        for number, mnemonic in enumerate(mnemonics, 1)
    ]


def join(paths: Sequence[Path]) -> BackupKey:
    """Return the key that share files give together.

    Raises:
        MalformedError: ``share_malformed`` naming the file.
        BackupError: ``shares_too_few``, ``shares_of_different_keys``.
    """
    found: dict[int, str] = {}
    sets: set[tuple[int, int]] = set()
    needed = 0
    for path in paths:
        words = _words(path)
        try:
            share = Share.from_mnemonic(words)
        except MnemonicError as error:
            raise MalformedError("share_malformed", path=path) from error
        sets.add((share.identifier, share.member_threshold))
        found[share.index] = words
        needed = share.member_threshold
    if len(sets) != 1:
        raise BackupError("shares_of_different_keys")
    if len(found) < needed:
        raise BackupError("shares_too_few", given=len(found), needed=needed)
    try:
        secret = combine_mnemonics(sorted(found.values())[:needed])
    except MnemonicError as error:
        raise BackupError("shares_of_different_keys") from error
    return BackupKey.of(secret)


def _words(path: Path) -> str:
    data = read_file(path, limit=MAX_KEY_FILE_BYTES)
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    lines: list[str] = _WORDS.findall(text)
    if len(lines) != 1:
        raise MalformedError("share_malformed", path=path)
    return lines[0].strip()
