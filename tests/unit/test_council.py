"""What the council's members sign: said in full, read strictly, bound to one chain and wallet."""

import json
import re
from dataclasses import replace

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from ecert.errors import KeystoreError, MalformedError, messages
from ecert.status import Status
from registry.chain.abi import artifact
from registry.chain.calls import COUNCIL, AnchorCalls, ContractCall, DepartmentCalls, StatusCalls
from registry.chain.calls import Role as ChainRole
from registry.chain.errors import WALLET_REFUSALS, rejection
from registry.chain.keyless import keyless_creation
from registry.chain.owners import OwnerKey, signer_of
from registry.chain.safe import SafeState
from registry.council.proposals import Proposal, propose
from registry.council.wording import LANGUAGES, MAX_SHOWN, describe, read_act
from registry.errors import ConflictError

PASSPHRASE = "a member's long passphrase"
ADDRESSES = {
    name: "0x" + f"{number:02x}" * 20
    for number, name in enumerate(("DepartmentRegistry", "AnchorRegistry", "StatusRegistry"), 17)
}
BOOK = {address: name for name, address in ADDRESSES.items()}
DEPARTMENTS = DepartmentCalls(ADDRESSES["DepartmentRegistry"])
STATUSES = StatusCalls(ADDRESSES["StatusRegistry"])
ACCOUNT = "0x" + "ab" * 20
WORD = bytes(range(32))
KEYS = [OwnerKey(bytes([0] * 31 + [number])) for number in (1, 2, 3)]
SAFE = SafeState("0x" + "11" * 20, tuple(key.address for key in KEYS), 2, 0)
UNKNOWN = "proposal_call_unknown"


def admission(name: str = "示例市公安局") -> ContractCall:
    return DEPARTMENTS.admit(
        COUNCIL, "CITY-1", department_kind="PS", name=name, kinds=["resident-id"], admin=ACCOUNT
    )


ACTS = [
    admission(),
    DEPARTMENTS.grant_kind(COUNCIL, "CITY-1", "resident-id"),
    DEPARTMENTS.withdraw_kind(COUNCIL, "CITY-1", "resident-id"),
    DEPARTMENTS.grant_role(COUNCIL, "CITY-1", ChainRole.ANCHOR, ACCOUNT),
    DEPARTMENTS.withdraw_role(COUNCIL, "CITY-1", ChainRole.ANCHOR, ACCOUNT),
    DEPARTMENTS.withdraw_key(COUNCIL, "CITY-1", WORD),
    DEPARTMENTS.compromise_key(COUNCIL, "CITY-1", WORD, 7),
    DEPARTMENTS.suspend(COUNCIL, "CITY-1"),
    DEPARTMENTS.lift(COUNCIL, "CITY-1"),
    DEPARTMENTS.move(COUNCIL, "CITY-1", "CITY-2"),
    DEPARTMENTS.merge(COUNCIL, "CITY-1", "CITY-2"),
    DEPARTMENTS.propose_council(ACCOUNT),
    DEPARTMENTS.accept_council(),
    DEPARTMENTS.schedule(DEPARTMENTS.lift(COUNCIL, "CITY-1")),
    DEPARTMENTS.cancel(WORD),
    AnchorCalls(ADDRESSES["AnchorRegistry"]).close(ACCOUNT),
    STATUSES.set_status(COUNCIL, "CITY-1", 1, [3, 7], Status.REVOKED),
    STATUSES.revoke_digest(COUNCIL, "CITY-1", WORD),
    STATUSES.revoke_root(COUNCIL, "CITY-1", WORD),
]


def understood(call: ContractCall, data: bytes | None = None) -> dict[str, str]:
    return dict(describe(read_act(BOOK, call.to or "", data or call.data)))


@pytest.mark.parametrize("call", ACTS, ids=lambda call: call.function)
def test_each_act_is_said_with_all_that_it_holds(call: ContractCall) -> None:
    said = understood(call)
    assert re.search("[\u4e00-\u9fff]", said["zh"])
    for language in LANGUAGES:
        text = said[language]
        assert "{" not in text
        for name, value in call.arguments().items():
            if name in {"actor", "parent", "callData"}:
                continue
            shown = {"department": "CITY-1", "into": "CITY-2", "newParent": "CITY-2"}.get(name)
            if shown is None and isinstance(value, bytes):
                shown = value.rstrip(b"\0").decode() if name.endswith("ind") else value.hex()
            if shown is None and isinstance(value, int) and name not in {"role", "status"}:
                shown = str(value)
            assert (shown or "").lower() in text.lower(), name


def test_every_function_that_the_council_may_call_can_be_said() -> None:
    """What else the contracts have is called by departments, whoever the council is."""
    for_departments = {"registerKey", "anchor", "anchorMany"}
    said = {call.function for call in ACTS}
    for name in ADDRESSES:
        path = artifact(name)
        changing = {f for f in path.functions if f"council_act_{_snake(f)}" in messages()}
        assert changing <= said
    known = {call.function for call in ACTS} | for_departments
    assert {"schedule", "cancel", "close", "admit", "suspend"} <= known


def _snake(name: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", name).lower()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (DEPARTMENTS.suspend("CITY-0", "CITY-1"), "proposal_call_unclear"),
        (
            DEPARTMENTS.schedule(DEPARTMENTS.suspend("CITY-0", "CITY-1")),
            "proposal_call_unclear",
        ),
        (
            DEPARTMENTS.schedule(DEPARTMENTS.schedule(DEPARTMENTS.accept_council())),
            "proposal_call_unclear",
        ),
        (
            STATUSES.set_status(COUNCIL, "C", 1, range(MAX_SHOWN + 1), Status.REVOKED),
            "proposal_call_unclear",
        ),
        (replace(DEPARTMENTS.accept_council(), to=ACCOUNT), UNKNOWN),
        (replace(STATUSES.revoke_root(COUNCIL, "C", WORD), to=DEPARTMENTS.address), UNKNOWN),
        (AnchorCalls(ADDRESSES["AnchorRegistry"]).anchor("CITY-1", WORD, 64), UNKNOWN),
    ],
)  # fmt: skip
def test_what_is_no_act_of_the_council_is_not_said(call: ContractCall, code: str) -> None:
    with pytest.raises(MalformedError) as error:
        understood(call)
    assert error.value.code == code


@pytest.mark.parametrize("call", ACTS, ids=lambda call: call.function)
def test_nothing_hides_behind_what_is_said(call: ContractCall) -> None:
    for data in (call.data + bytes(1), call.data + bytes(32), call.data[:-1] or b"\0"):
        with pytest.raises(MalformedError):
            understood(call, data)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("a”, to issue: everything", "a\\u201d, to issue: everything"),
        ("a\nb", "a\\nb"),
        ("a\u200bb", "a\\u200bb"),
        ("\\n", "\\\\n"),
        ("a b", "a b"),
        ("a  b", "a\\x20\\x20b"),
        ("a" + " " * 78 + "Suspend", "a" + "\\x20" * 78 + "Suspend"),
        *((f"a{blank}b", f"a\\u{ord(blank):04x}b") for blank in "\u115f\u1160\u3164\uffa0\u2800"),
        ("a\ufe0fb\u034fc\U000e0100", "a\\ufe0fb\\u034fc\\U000e0100"),
        ("\u05d0 1 2", "\\u05d0 1 2"),
        ("\u0627\u0661\u2067", "\\u0627\\u0661\\u2067"),
        ("བོད།", "བོད།"),
    ],
)
def test_a_name_cannot_pass_for_other_words(name: str, shown: str) -> None:
    assert f"“{shown}”" in understood(admission(name))["en"]


def proposal(*calls: ContractCall, nonce: int = 0) -> Proposal:
    pairs = [(call.to or "", call.data) for call in calls or (admission(),)]
    return propose(31337, SAFE.address, BOOK, pairs, nonce=nonce)


def test_a_proposal_is_read_as_it_was_written() -> None:
    made = proposal(*ACTS, nonce=7).sign(KEYS[0], SAFE).sign(KEYS[1], SAFE)
    assert Proposal.parse(made.encode(), BOOK) == made


@given(st.data())
def test_no_changed_file_passes(data: st.DataObject) -> None:
    value = json.loads(proposal(nonce=3).sign(KEYS[0], SAFE).encode())
    holders = [value, value["transactions"][0], value["transactions"][0]["says"]]
    holder = data.draw(st.sampled_from(holders))
    name = data.draw(st.sampled_from(sorted(holder)))
    junk = st.none() | st.integers() | st.text(max_size=70) | st.lists(st.integers(), max_size=2)
    changed = data.draw(junk)
    if holder[name] == changed:
        return
    holder[name] = changed
    with pytest.raises(MalformedError):
        Proposal.parse(json.dumps(value).encode(), BOOK)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Proposal.parse(data, BOOK)


def test_each_chain_wallet_and_nonce_has_its_own_digest() -> None:
    (step,) = proposal().steps
    transaction = step.transaction
    digests = {
        transaction.digest(1, SAFE.address),
        transaction.digest(2, SAFE.address),
        transaction.digest(1, ACCOUNT),
        replace(transaction, nonce=1).digest(1, SAFE.address),
        replace(transaction, data=transaction.data + b"\0").digest(1, SAFE.address),
        replace(transaction, to=ACCOUNT).digest(1, SAFE.address),
    }
    assert len(digests) == 6


def test_a_proposal_is_for_one_chain_wallet_and_time() -> None:
    made = proposal(nonce=1)
    for chain_id, safe, code in (
        (1, SAFE, "proposal_other_chain"),
        (31337, replace(SAFE, address=ACCOUNT), "proposal_other_safe"),
        (31337, replace(SAFE, nonce=2), "proposal_nonce_used"),
    ):
        with pytest.raises(ConflictError, match=code):
            made.require(chain_id, safe)
    signed = made.sign(KEYS[0], SAFE)
    fewer = replace(SAFE, owners=SAFE.owners[1:])
    with pytest.raises(ConflictError, match="proposal_stranger_signed"):
        signed.require(31337, fewer)


def test_who_signed_is_found_by_the_signature() -> None:
    signature = KEYS[0].sign(WORD)
    assert signer_of(WORD, signature) == KEYS[0].address
    assert signer_of(bytes(32), signature) != KEYS[0].address
    for broken in (
        b"",
        signature[:-1],
        bytes(65),
        signature[:-1] + b"\x01",
        b"\xff" * 64 + b"\x1b",
    ):
        assert signer_of(WORD, broken) is None


class TestKeyFiles:
    def test_a_key_comes_back_by_its_passphrase_alone(self) -> None:
        data = KEYS[0].seal(PASSPHRASE, cost=16)
        assert OwnerKey.open(data, PASSPHRASE).address == KEYS[0].address
        assert KEYS[0].private_bytes().hex() not in data.decode()
        with pytest.raises(KeystoreError, match="owner_passphrase_wrong"):
            OwnerKey.open(data, PASSPHRASE + "!")
        with pytest.raises(KeystoreError, match="owner_passphrase_short"):
            KEYS[0].seal("short")
        assert "OwnerKey(0x" in repr(KEYS[0])

    @pytest.mark.parametrize(
        "change",
        [
            {"crypto": None},
            {"crypto": {}},
            {"version": 9},
            {"kdfparams": {"n": 1 << 30}},
            {"kdfparams": {"r": 1 << 20}},
            {"kdfparams": {"n": "16"}},
            {"kdf": "none"},
            {"ciphertext": "zz"},
        ],
    )
    def test_what_is_no_key_file_is_refused_quickly(self, change: dict[str, object]) -> None:
        value = json.loads(KEYS[0].seal(PASSPHRASE, cost=16))
        for name, item in change.items():
            if name == "kdfparams":
                value["crypto"]["kdfparams"] |= item
            elif name in value["crypto"]:
                value["crypto"][name] = item
            else:
                value[name] = item
        with pytest.raises((MalformedError, KeystoreError)):
            OwnerKey.open(json.dumps(value).encode(), PASSPHRASE)

    @given(st.binary(max_size=100))
    def test_any_bytes_are_refused(self, data: bytes) -> None:
        with pytest.raises(MalformedError):
            OwnerKey.open(data, PASSPHRASE)


def test_nobody_sends_what_has_no_key_twice() -> None:
    code = artifact("Safe").creation()
    first, address = keyless_creation(1, code, gas=5_000_000)
    again, same = keyless_creation(1, code, gas=5_000_000)
    assert (first.raw, address) == (again.raw, same)
    assert (first.nonce, first.to, first.data) == (0, b"", code)
    _, elsewhere = keyless_creation(2, code, gas=5_000_000)
    _, other = keyless_creation(1, artifact("SafeProxyFactory").creation(), gas=5_000_000)
    assert len({address, elsewhere, other}) == 3


@pytest.mark.parametrize("text", sorted(WALLET_REFUSALS))
def test_each_refusal_of_the_wallet_has_its_sentences(text: str) -> None:
    error = rejection(bytes.fromhex("08c379a0") + encode(["string"], [text]))
    assert error.code == f"safe_{text.lower()}"
    assert "<" not in error.message("zh") + error.message("en")
