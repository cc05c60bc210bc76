"""Snapshots: equal to what a node answers, never going back, refusing what does not fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from ecert.authority import check_key, check_kind
from ecert.chain.finality import FinalWhenSigned
from ecert.chain.reader import ChainReader
from ecert.errors import AuthorityError
from ecert.facts import Basis, Facts, Query
from networks.embedded import EmbeddedChain
from tests.integration.chain_world import ChainWorld, department, kind
from tests.integration.random_history import ADMIN, RandomHistory
from verifier.snapshot import Snapshot
from verifier.sync import sync


@pytest.mark.parametrize("seed", range(4))
def test_snapshot_and_node_agree(chain: EmbeddedChain, tmp_path: Path, seed: int) -> None:
    world = ChainWorld(chain)
    history = RandomHistory(world, seed)
    path = tmp_path / "snapshot.db"
    trust = world.trust()
    anchored = 0
    for _ in range(4):
        history.make(blocks=8, calls=14)
        signed = world.checkpoint()
        fetch = lambda signed=signed: signed  # noqa: E731
        sync(path, trust, [chain.rpc_url], fetch_checkpoint=fetch)
        finality = FinalWhenSigned(trust, fetch)
        reader = ChainReader(trust, [chain.rpc_url], finality=finality)
        with Snapshot.open(path, trust) as snapshot:
            for query in history.queries():
                online = reader.facts(query)
                offline = snapshot.facts(query)
                assert (offline.basis, online.basis) == (Basis.OPERATOR, Basis.NODE)
                assert replace(offline, time=online.time, basis=Basis.NODE) == online
                anchored += online.anchor is not None
                agrees_with_contracts(world, query, online)
    assert anchored > 4
    assert history.sent > 100


def agrees_with_contracts(world: ChainWorld, query: Query, facts: Facts) -> None:
    """Compare our rules over histories with what the contracts themselves held at that block."""
    at = facts.anchor.block if facts.anchor else facts.block
    if facts.block - at > 100:
        return  # the node keeps so many states only
    code, levels, suspended, granted = department(query.department), [], False, True
    while any(code):
        record = world.ask("departments", "departmentOf", code, block=hex(at))
        parent, admitted_at, suspended_since = record[:3]
        if not admitted_at:
            break
        levels.append(code.rstrip(b"\0").decode())
        suspended = suspended or suspended_since > 0
        intervals = world.ask("departments", "kindHistory", code, kind(query.kind), block=hex(at))
        granted = granted and bool(intervals) and intervals[-1][1] == 0
        code = parent
    assert list(facts.lineage) == levels
    try:
        check_kind(facts.lineage, query.department, query.kind, at)
        allowed = True
    except AuthorityError:
        allowed = False
    assert allowed == (bool(levels) and granted and not suspended)
    role = world.ask("departments", "roleHistory", department(query.department), 1, ADMIN)
    in_force = bool(role) and role[-1][1] == 0
    now = [any(facts.block in i for i in r.suspensions) for r in facts.lineage.values()]
    if facts.anchor is None:
        authorised = world.ask("departments", "authorised", department(query.department), 1, ADMIN)
        assert authorised == (in_force and not any(now))
    key_then = world.ask(
        "departments", "keyOf", department(query.department), query.key_id, block=hex(at)
    )
    if facts.key is None:
        assert key_then[0] == 0
        return
    try:
        check_key(facts.key, query.department, at)
        good = True
    except AuthorityError:
        good = False
    since = facts.key.compromised_since
    held = bool(key_then[4]) and key_then[4][-1][1] == 0
    assert good == (held and not (since is not None and since <= at))
