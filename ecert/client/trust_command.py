"""``trust`` of the wallet's and the verifier's command lines: pin, follow, show what is pinned."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ecert.client.home import Home, read_trust_file
from ecert.client.trust_update import fetch_file, update
from ecert.fields import time_text
from ecert.kinds.catalogue import Catalogue
from ecert.trust import TrustFile, signed_file

UPDATE, STATUS = "update", "status"
"""What ``trust`` takes beside a file or an address; a file of such a name is ``./update``."""

_DAY = 24 * 3600


def run_trust(home: Home, source: str, nodes: Sequence[str], *, now: datetime) -> str:
    """Do what ``trust SOURCE`` says and return what to print.

    Args:
        home: The wallet's or verifier's folder.
        source: A file, an https address, ``update`` or ``status``.
        nodes: JSON-RPC addresses to remember when a file is pinned.
        now: The time, aware.

    Raises:
        EcertError: As ``Home.pin``, ``fetch_file`` and ``update``.
    """
    match source:
        case "status":
            return describe_pinned(home, now)
        case "update":
            done = update(home, Catalogue.load(), now=now)
            words = "已更新 updated" if done.store.file.version > done.before else "已是最新 newest"
            return f"{words}: {_summary(done.store.file)}"
    data = fetch_file(source) if "://" in source else read_trust_file(Path(source))
    store = home.pin(data, Catalogue.load(), now=now)
    if nodes:
        home.remember_nodes(nodes)
    # Wherever it came from, it is for people to compare with what the council says.
    return f"已采用 pinned: {_summary(store.file)}\n{_council(store.file)}"


def describe_pinned(home: Home, now: datetime) -> str:
    """Return what is pinned, since when, and for how long it will do.

    Raises:
        MalformedError: A file in the folder is damaged.
        TrustError: ``trust_not_pinned``.
    """
    file = signed_file(home.pinned())
    looked = home.last_look()
    left = (file.expires - int(now.timestamp())) // _DAY
    ends = f"还剩 {left} 天 {left} days left" if left >= 0 else "已过期 expired"
    at, age = home.pinned_at(), (int(now.timestamp()) - home.pinned_at()) // _DAY
    return "\n".join(
        (
            _summary(file) + f" ({ends})",
            f"采用于 pinned at: {time_text(at)} ({max(age, 0)} 天前 days ago)",
            f"上次查询更新 last looked: {'–' if looked is None else time_text(looked)}",
            f"检查点 checkpoint: block {file.checkpoint.number}, {file.engine}",
            _council(file),
            f"登记服务 registries: {', '.join(file.registries) or '–'}",
        )
    )


def _summary(file: TrustFile) -> str:
    until = time_text(file.expires)
    return f"version {file.version}, chain {file.chain_id}, until {until}"


def _council(file: TrustFile) -> str:
    """Return what people can compare: who signs trust files."""
    kids = "".join(f"\n  {key.kid}" for key in file.council)
    return f"理事会 council: {file.threshold} / {len(file.council)}{kids}"
