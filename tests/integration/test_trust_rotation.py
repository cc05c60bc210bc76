"""The council changes hands: trust files drafted, signed by members, published and followed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from office_world import Office, running_office, told

from ecert.kinds import Catalogue
from ecert.trust import TrustFile, TrustStore, UnverifiedTrust
from registry.cli.main import app as registry_app
from registry.trust.member_keys import read_key_file
from tests.fakes.console import Done, run_command
from verifier.cli import app as verifier_app
from wallet.cli import app as wallet_app

SECRET = "a member's own words"
MEMBER = {"TRUST_KEY_PASSPHRASE": SECRET}


@pytest.fixture
def office(anvil: Path, tmp_path: Path) -> Iterator[Office]:
    """A running registry of one test's own."""
    assert anvil
    with running_office(tmp_path / "registry") as made:
        yield made


class Council:
    """Members with keys in files of their own, on machines that have no registry."""

    def __init__(self, folder: Path, count: int) -> None:
        self.keys = [folder / f"member-{number}.pem" for number in range(count)]
        for key in self.keys:
            done = self.run("key", str(key))
            assert (done.code, done.err) == (0, ""), done
            assert key.stat().st_mode & 0o77 == 0

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> Done:
        found = MEMBER if environment is None else environment
        done = run_command(
            registry_app, "--dir", "/nonexistent", "trust", *arguments, environment=found
        )
        assert SECRET not in done.out + done.err
        return done

    def named(self, option: str = "--council") -> list[str]:
        return [word for key in self.keys for word in (option, f"{key}.jwk")]

    def sign(self, file: Path, *members: int, previous: Path | None = None) -> str:
        found = [word for number in members for word in ("--key", str(self.keys[number]))]
        before = ["--previous", str(previous)] if previous else []
        done = self.run("sign", str(file), *found, *before)
        assert (done.code, done.err) == (0, ""), done
        return done.out


def content(file: Path) -> TrustFile:
    return UnverifiedTrust.read(file.read_bytes()).file


def client(app: Any, home: Path, *arguments: str) -> Done:
    return run_command(app, "--home", str(home), *arguments)


def test_a_council_hands_over_and_everybody_follows(office: Office, tmp_path: Path) -> None:
    trust, drafted = office.directory / "trust.json", tmp_path / "next.json"
    homes = [(verifier_app, tmp_path / "verifier"), (wallet_app, tmp_path / "wallet")]
    for app, home in homes:
        pinned = client(app, home, "trust", str(trust))
        assert pinned.code == 0
        assert all(key.kid in pinned.out for key in content(trust).council)
    first, members, later = content(trust), Council(tmp_path, 3), Council(tmp_path / "later", 2)

    said = office.done(None, "trust", "rotate", str(drafted), *members.named(), "--days", "90")
    assert all(read_key_file(key, SECRET).public_key.kid in said for key in members.keys)
    second = content(drafted)
    assert (second.version, second.threshold, len(second.council)) == (2, 2, 3)
    assert second.operators == first.operators
    assert first.checkpoint in second.pins
    refusal = "trust_old_signatures_missing"
    told(office.run(None, "trust", "publish", str(drafted)), 1, refusal)
    members.sign(drafted, 0, 1)
    shown = office.done(None, "trust", "show", str(drafted))
    assert shown.endswith("of its council: 2 / 2; of the council before: 0 / 2")
    done = office.run(None, "trust", "publish", str(drafted))
    told(done, 1, refusal)
    assert "version 1" in done.err and "0 have" in done.err
    office.done(None, "trust", "rotate", str(drafted), *members.named(), "--days", "90")
    assert "of its council: 0 / 2; of the council before: 3 / 2" in (
        office.done(None, "trust", "sign", str(drafted))
    )
    told(office.run(None, "trust", "publish", str(drafted)), 1, "trust_signatures_missing")
    assert "1 / 2" in members.sign(drafted, 1)
    told(office.run(None, "trust", "publish", str(drafted)), 1, "trust_signatures_missing")
    assert "2 / 2; of the council before: 3 / 2" in members.sign(drafted, 2, previous=trust)
    assert "version 2" in office.done(None, "trust", "publish", str(drafted))
    assert trust.read_bytes() == drafted.read_bytes()
    told(office.run(None, "trust", "renew"), 1, "trust_keys_elsewhere")

    # The next council shares no key with the first one: who missed a version is led over it.
    office.done(None, "trust", "rotate", str(drafted), *later.named(), "--threshold", "2")
    members.sign(drafted, 0, 1, previous=trust)
    later.sign(drafted, 0, 1, previous=trust)
    office.done(None, "trust", "publish", str(drafted))
    third = content(trust)
    assert third.version == 3
    assert set(third.pins) >= {*second.pins, first.checkpoint}

    for number, data in ((2, None), (3, trust.read_bytes())):
        served = httpx.get(f"{office.origin}/v1/trust/{number}")
        assert served.status_code == 200
        assert data is None or served.content == data
    assert httpx.get(f"{office.origin}/v1/trust").content == trust.read_bytes()
    assert httpx.get(f"{office.origin}/v1/trust/4").json()["code"] == "trust_file_missing"
    for app, home in homes:
        assert "version 1" in client(app, home, "trust", "status").out
        done = client(app, home, "trust", "update")
        assert (done.code, done.err) == (0, ""), done
        assert "version 3" in done.out
        assert (home / "trust.json").read_bytes() == trust.read_bytes()
        told(client(app, home, "trust", str(tmp_path / "nowhere")), 3, "file_unreadable")
        fetched = client(app, home, "trust", office.origin)
        assert "version 3" in fetched.out


def test_a_registry_renews_with_its_own_keys(office: Office, tmp_path: Path) -> None:
    trust = office.directory / "trust.json"
    home = tmp_path / "verifier"
    assert client(verifier_app, home, "trust", str(trust)).code == 0
    assert "version 2" in office.done(None, "trust", "renew", "--days", "10")
    assert "version 2" in client(verifier_app, home, "trust", "update").out
    # Little time left: a newer one is looked for before the next sync.
    assert "version 3" in office.done(None, "trust", "renew")
    (home / "trust-looked.json").unlink()
    rpc = office.done(None, "rpc")
    done = run_command(verifier_app, "--home", str(home), "--rpc", rpc, "sync")
    assert done.code == 0, done
    assert "version 3" in client(verifier_app, home, "trust", "status").out


def refused(done: Done, code: str) -> None:
    """It was refused after what would have been signed was shown."""
    assert (done.code, done.err.splitlines()[0]) == (1, code), done
    assert "genesis" in done.out


def changed(file: Path, target: Path, **changes: Any) -> Path:
    """Write a draft with other content, as somebody might who edits it."""
    value = json.loads(file.read_text())
    value["signed"].update(changes)
    value["signatures"] = []
    target.write_text(json.dumps(value))
    return target


def test_what_verifiers_would_refuse_is_not_published(office: Office, tmp_path: Path) -> None:
    trust, drafted = office.directory / "trust.json", tmp_path / "draft.json"
    office.done(None, "trust", "renew")
    before = trust.read_bytes()
    office.done(None, "trust", "rotate", str(drafted))
    draft = json.loads(drafted.read_text())["signed"]
    cases: list[tuple[str, dict[str, Any]]] = [
        ("trust_rollback", {"version": 1}),
        ("trust_rollback", {"version": 2, "expires": draft["expires"] + 7}),
        ("trust_expired", {"expires": 1_700_000_000}),
        ("trust_other_chain", {"chain_id": 7}),
        ("trust_other_chain", {"genesis_hash": "0x" + "11" * 32}),
        ("trust_history_changed", {"history": []}),
        ("catalogue_not_pinned", {"catalogue_hash": "0x" + "11" * 32}),
        ("trust_other_registry", {"operators": []}),
        ("trust_other_registry", {"contracts": _moved(draft["contracts"])}),
    ]
    if not draft.get("history"):  # the chain stood still
        cases = [case for case in cases if case[0] != "trust_history_changed"]
    for number, (code, change) in enumerate(cases):
        wrong = changed(drafted, tmp_path / f"{number}.json", **change)
        office.done(None, "trust", "sign", str(wrong))
        told(office.run(None, "trust", "publish", str(wrong)), 1, code)
    assert trust.read_bytes() == before
    assert httpx.get(f"{office.origin}/v1/trust").content == before
    told(office.run(None, "trust", "publish", str(tmp_path)), 3, "file_unreadable")
    told(office.run(None, "trust", "init", str(drafted)), 1, "trust_is_published")
    told(office.run(None, "trust", "rotate", str(drafted), "--threshold", "9"), 1,
         "trust_threshold_high")  # fmt: skip
    (tmp_path / "a.pem").write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n")
    wrong = office.run(None, "trust", "rotate", str(drafted), "--council", str(tmp_path / "a.pem"))
    told(wrong, 3, "public_key_file_wrong")
    assert str(tmp_path / "a.pem") in wrong.err


def _moved(contracts: dict[str, Any]) -> dict[str, Any]:
    return contracts | {"view": {"address": "0x" + "11" * 20, "code_hash": "0x" + "22" * 32}}


def test_members_see_what_they_sign_and_sign_nothing_else(office: Office, tmp_path: Path) -> None:
    trust, drafted = office.directory / "trust.json", tmp_path / "draft.json"
    members, strangers = Council(tmp_path, 2), Council(tmp_path / "strangers", 1)
    office.done(None, "trust", "rotate", str(drafted), *members.named())
    said = members.sign(drafted, 0, previous=trust)
    _, _, differing = said.partition("what differs from version 1 in use")
    assert f"- 理事会 council: 2 / {len(content(trust).council)}\n" in differing
    assert "+ 理事会 council: 2 / 2\n" in differing
    assert "catalogue" not in differing
    file = content(drafted)
    for word in ("0x" + file.genesis_hash.hex(), f"block {file.checkpoint.number}", office.origin):
        assert word in said
    refused(strangers.run("sign", str(drafted), "--key", str(strangers.keys[0]), "--previous",
                          str(trust)), "trust_signer_unknown")  # fmt: skip
    rolled = changed(drafted, tmp_path / "rolled.json", version=1)
    told(members.run("sign", str(rolled), "--key", str(members.keys[0]), "--previous", str(trust)),
         1, "trust_rollback")  # fmt: skip
    shown = members.run("show", str(drafted))
    assert "1 / 2" in shown.out
    refused(members.run("sign", str(trust), "--key", str(trust)), "key_file_wrong")


def test_key_files(tmp_path: Path) -> None:
    members = Council(tmp_path, 1)
    (key,) = members.keys
    told(members.run("key", str(key)), 1, "key_file_exists")
    told(members.run("key", str(tmp_path / "b"), environment={}), 1, "key_passphrase_needed")
    told(members.run("key", str(tmp_path / "b"), environment={"TRUST_KEY_PASSPHRASE": "short"}),
         1, "key_passphrase_short")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("plain", "key_file_unprotected"),
        ("other curve", "key_file_wrong"),
        ("garbage", "key_file_wrong"),
    ],
)
def test_keys_that_cannot_sign(office: Office, tmp_path: Path, name: str, code: str) -> None:
    protected = BestAvailableEncryption(SECRET.encode())
    path = tmp_path / "key.pem"
    if name == "plain":
        key = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    elif name == "other curve":
        other = ec.generate_private_key(ec.SECP384R1())
        path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protected))
    else:
        path.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n")
    file = office.directory / "trust.json"
    before = file.read_bytes()
    done = run_command(
        registry_app, "trust", "sign", str(file), "--key", str(path), environment=MEMBER
    )
    refused(done, code)
    assert file.read_bytes() == before


def test_a_passphrase_that_is_another(tmp_path: Path, office: Office) -> None:
    members = Council(tmp_path, 1)
    file = office.directory / "trust.json"
    done = members.run(
        "sign", str(file), "--key", str(members.keys[0]),
        environment={"TRUST_KEY_PASSPHRASE": "another one altogether"},
    )  # fmt: skip
    refused(done, "key_file_wrong")
    refused(members.run("sign", str(file), "--key", str(members.keys[0]), environment={}),
            "key_passphrase_needed")  # fmt: skip


def test_a_council_that_keeps_its_keys_elsewhere_from_the_start(
    anvil: Path, tmp_path: Path
) -> None:
    assert anvil
    members, office = Council(tmp_path, 3), Office(tmp_path / "registry")
    authority = certificate(tmp_path / "tsa.pem")
    printed = office.done(
        None, "init", "--development", "--origin", "http://127.0.0.1:8481", "--council-delay", "0",
        "--council-elsewhere",
    )  # fmt: skip
    assert "registry trust init" in printed
    trust, drafted = office.directory / "trust.json", tmp_path / "first.json"
    assert not trust.exists()
    told(office.run(None, "trust", "rotate", str(drafted)), 1, "trust_file_missing")
    told(office.run(None, "trust", "renew"), 1, "trust_file_missing")
    office.done(
        None, "trust", "init", str(drafted), *members.named(), "--threshold", "3",
        "--timestamp-authority", str(tmp_path / "tsa.pem"), "--registry", "https://a.example",
        "--registry", "https://b.example",
    )  # fmt: skip
    refused(office.run(None, "trust", "sign", str(drafted)), "trust_signer_unknown")
    members.sign(drafted, 0, 1, 2)
    office.done(None, "trust", "publish", str(drafted))
    store = TrustStore(trust.read_bytes(), Catalogue.load(), now=datetime.now(UTC))
    assert store.file.timestamp_authorities == (authority,)
    assert store.file.registries == ("https://a.example", "https://b.example")
    assert (store.file.threshold, len(store.file.council)) == (3, 3)
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    told(office.run(None, "trust", "rotate", str(drafted), "--timestamp-authority",
                    str(tmp_path / "bad.pem")), 3, "certificate_malformed")  # fmt: skip
    office.done(None, "trust", "rotate", str(drafted), "--keep-checkpoint")
    again = content(drafted)
    assert again.checkpoint == store.file.checkpoint
    assert again.timestamp_authorities == (authority,)
    assert again.history == ()


def certificate(path: Path) -> bytes:
    """Write a self-signed certificate; return it as DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a timestamp authority")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return made.public_bytes(Encoding.DER)
