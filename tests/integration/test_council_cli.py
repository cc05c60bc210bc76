"""The council's commands, and a registry that was set up for a wallet."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from networks.embedded import EmbeddedChain
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from tests.integration.council_world import members
from tests.integration.office_world import KIND, POLICE, Office, Running, told, wait_for
from tests.integration.wallet_world import Wallet, entry, writer

PASSPHRASE = "a member's long passphrase"
DELAY = "1"


@dataclass
class Members:
    """Key files of a council, its wallet, and the registry that it steers."""

    office: Office
    url: str
    safe: str = ""
    keys: dict[str, Path] = field(default_factory=dict)

    @property
    def proposal(self) -> Path:
        return self.office.directory.parent / "proposal.json"

    def propose(self, *words: str) -> str:
        return self.office.done(None, "council", "propose", "--output", str(self.proposal), *words)

    def sign(self, key: Path) -> str:
        return self.office.done(None, "council", "sign", str(self.proposal), "--key", str(key))

    def execute(self) -> str:
        return self.office.done(None, "council", "execute", str(self.proposal))


@pytest.fixture(scope="module")
def council(chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    directory = tmp_path_factory.mktemp("council")
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as probe:
        patch.setenv("COUNCIL_PASSPHRASE", PASSPHRASE)
        port = str(probe.getsockname()[1])
        office = Office(directory / "registry", f"http://127.0.0.1:{port}")
        made = Members(office, chain.rpc_url)
        for number in range(3):
            path = directory / f"member-{number}.json"
            made.keys[office.done(None, "council", "key", "-o", str(path))] = path
        owners = [word for address in made.keys for word in ("--owner", address)]
        found = office.run(
            None, "council", "new", *owners, "--threshold", "2", "--rpc", chain.rpc_url
        )
        assert found.code == 0, found.err
        made.safe = found.out.strip()
        printed = office.done(
            None, "init", "--development", "--origin", office.origin, "--port", port,
            "--council-delay", DELAY, "--batch-seconds", "0", "--rpc", chain.rpc_url,
            "--council", made.safe,
        )  # fmt: skip
        office.tokens["operator"] = printed.splitlines()[-1]
        probe.close()
        yield made


def test_a_wallet_is_needed_for_a_council(council: Members, tmp_path: Path) -> None:
    office = Office(tmp_path / "registry", "http://127.0.0.1:1")
    account = next(iter(council.keys))
    done = office.run(
        None, "init", "--development", "--origin", office.origin, "--rpc", council.url,
        "--council", account,
    )  # fmt: skip
    told(done, 1, "council_no_safe")


def test_it_shows_who_it_is(council: Members) -> None:
    shown = council.office.done(None, "council", "show")
    assert f"council: {council.safe}" in shown
    assert "2 / 3" in shown
    assert "yes" in shown
    assert all(address in shown for address in council.keys)


def test_where_no_registry_is_it_says_so(council: Members, tmp_path: Path) -> None:
    nowhere = Office(tmp_path / "nowhere", "http://127.0.0.1:1")
    told(nowhere.run(None, "council", "show", "--rpc", council.url), 1, "registry_not_set_up")
    named = ("--trust", str(council.keys[next(iter(council.keys))]))
    done = nowhere.run(None, "council", "show", "--rpc", council.url, *named)
    told(done, 3, "trust_file_malformed")


def test_a_department_is_admitted_by_two_of_three(council: Members) -> None:
    office, (first, second, third) = council.office, council.keys.values()
    assert "no departments yet" in office.done(None, "department", "list")
    with Running(office):
        office.done(
            "operator", "department", "admit", POLICE, "--name", "样例市公安局",
            "--kind", "PS", "--issues", KIND,
        )  # fmt: skip
        assert "awaiting the council: admit" in office.done(None, "department", "list")
        said = council.propose("awaiting", POLICE)
        assert POLICE in said
        assert "样例市公安局" in said
        council.sign(first)
        told(
            office.run(None, "council", "sign", str(council.proposal), "--key", str(first)),
            1,
            "proposal_signed_already",
        )
        done = office.run(None, "council", "execute", str(council.proposal))
        told(done, 1, "proposal_signatures_missing")
        assert "2 / 2" in council.sign(third)
        assert council.execute().count("done in block") == 2
        wait_for(lambda: f"{POLICE}  admitted" in office.done(None, "department", "list"))
        assert "awaiting" not in office.done(None, "department", "list")
        office.done("operator", "department", "suspend", POLICE)
        assert "not in force on the chain" in office.done(None, "department", "list")
        council.propose("awaiting", POLICE)
        council.sign(second)
        council.sign(third)
        assert council.execute().count("done in block") == 1
        wait_for(lambda: "awaiting" not in office.done(None, "department", "list"))
        wait_for(lambda: "not in force" not in office.done(None, "department", "list"))
        assert f"{POLICE}  suspended" in office.done(None, "department", "list")
        office.done("operator", "department", "lift", POLICE)
        told(office.run("operator", "council", "decline", "NOBODY"), 1, "council_nothing_awaits")
        assert "(1)" in office.done("operator", "council", "decline", POLICE)
        assert f"{POLICE}  suspended" in office.done(None, "department", "list")
    told(office.run(None, "council", "execute", str(council.proposal)), 1, "proposal_nonce_used")


def test_nothing_is_signed_that_was_altered(council: Members, tmp_path: Path) -> None:
    office, key = council.office, next(iter(council.keys.values()))
    council.propose("suspend", "CITY-1")
    value = json.loads(council.proposal.read_bytes())
    (transaction,) = value["transactions"]
    altered = tmp_path / "altered.json"
    for change in (
        {"says": transaction["says"] | {"en": "Suspend department CITY-2 at once"}},
        {"safe_tx_hash": "0x" + "11" * 32},
        {"nonce": transaction["nonce"] + 1},
        {"signatures": {next(iter(council.keys)): "0x" + "11" * 64 + "1b"}},
    ):
        altered.write_text(json.dumps(value | {"transactions": [transaction | change]}))
        told(
            office.run(None, "council", "sign", str(altered), "--key", str(key)),
            3,
            "proposal_altered",
        )


def test_strangers_and_wrong_passphrases_sign_nothing(
    council: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, key = council.office, next(iter(council.keys.values()))
    council.propose("suspend", "CITY-1")
    stranger = tmp_path / "stranger.json"
    office.done(None, "council", "key", "-o", str(stranger))
    words = ("council", "sign", str(council.proposal), "--key")
    told(office.run(None, *words, str(stranger)), 1, "proposal_not_owner")
    told(office.run(None, "council", "key", "-o", str(stranger)), 1, "owner_key_exists")
    assert stranger.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("COUNCIL_PASSPHRASE", "another long passphrase")
    told(office.run(None, *words, str(key)), 1, "owner_passphrase_wrong")
    monkeypatch.delenv("COUNCIL_PASSPHRASE")
    told(office.run(None, *words, str(key)), 1, "owner_passphrase_needed")
    monkeypatch.setenv("COUNCIL_PASSPHRASE", "short")
    told(
        office.run(None, "council", "key", "-o", str(tmp_path / "short.json")),
        1,
        "owner_passphrase_short",
    )
    assert not (tmp_path / "short.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lift", "CITY-1"), "End the suspension of department CITY-1"),
        (("grant-kind", "CITY-1", "resident-id"), "Let department CITY-1 issue resident-id"),
        (("withdraw-kind", "CITY-1", "resident-id"), "to issue resident-id"),
        (("move", "CITY-1"), "Move department CITY-1 under the top"),
        (("move", "CITY-1", "--under", "CITY-2"), "Move department CITY-1 under CITY-2"),
        (("merge", "CITY-1", "--into", "CITY-2"), "Dissolve department CITY-1 into CITY-2"),
        (("revoke", "CITY-1", "--digest", "0x" + "11" * 32), "document of digest 0x1111"),
        (("revoke", "CITY-1", "--root", "0x" + "11" * 32), "under the root 0x1111"),
        (("revoke", "CITY-1", "--list", "1", "--index", "7", "--index", "3"), "entries 3, 7 of"),
        (("close", "anchors", "0x" + "11" * 20), "Close AnchorRegistry for good"),
        (("cancel", "departments", "0x" + "11" * 32), "Drop the announced act 0x1111"),
    ],
)
def test_each_act_says_what_it_does(council: Members, words: tuple[str, ...], said: str) -> None:
    printed = council.propose(*words)
    assert said in printed
    value = json.loads(council.proposal.read_bytes())
    waits = words[0] != "cancel"
    assert len(value["transactions"]) == 1 + waits
    assert all(said in transaction["says"]["en"] for transaction in value["transactions"])


def test_what_cannot_be_proposed(council: Members) -> None:
    office = council.office
    words = ("council", "propose", "--output", str(council.proposal))
    told(office.run(None, *words, "revoke", "CITY-1"), 1, "council_revoke_what")
    malformed = office.run(None, *words, "revoke", "CITY-1", "--digest", "0x1")
    told(malformed, 1, "council_hash_malformed")
    told(office.run(None, *words, "accept"), 1, "council_nobody_proposed")
    told(office.run(None, *words, "awaiting", "NOBODY"), 1, "council_nothing_awaits")
    told(office.run(None, *words, "council", next(iter(council.keys))), 1, "council_no_safe")


def test_a_wallet_that_a_stranger_steers_becomes_no_council(
    council: Members, chain: EmbeddedChain, tmp_path: Path
) -> None:
    sender = Sender(RpcPool([council.url], chain.chain_id))
    hider = writer(sender, (entry(1, "0x" + "11" * 20), 1))
    steered = Wallet.make(sender, members(), 2, delegate=hider).address
    office, new = council.office, Office(tmp_path / "registry", "http://127.0.0.1:1")
    for done in (
        office.run(None, "council", "propose", "-o", str(council.proposal), "council", steered),
        office.run("operator", "council", "hand-over", steered),
        new.run(
            None, "init", "--development", "--origin", new.origin, "--rpc", council.url,
            "--council", steered,
        ),
    ):  # fmt: skip
        told(done, 1, "council_safe_unproven")
    shown = office.run(None, "council", "show", "--safe", steered)
    assert shown.code == 1
    assert "council_safe_unproven" in shown.err
    assert steered not in shown.out


def test_the_council_hands_over(council: Members) -> None:
    office, (first, second, _) = council.office, council.keys.values()
    owners = [word for address in council.keys for word in ("--owner", address)]
    found = office.run(None, "council", "new", *owners, "--threshold", "3")
    following = found.out.strip()
    assert following != council.safe
    council.propose("council", following)
    council.sign(first)
    council.sign(second)
    council.execute()
    assert f"proposed council: {following}" in office.done(None, "council", "show")
    council.propose("accept")
    assert json.loads(council.proposal.read_bytes())["safe"] == following
    for key in council.keys.values():
        council.sign(key)
    council.execute()
    assert f"council: {following}" in office.done(None, "council", "show")
