"""The council as a wallet of k of n members, on a real chain."""

import time
from collections.abc import Iterator

import pytest
from council_world import DELAY, Council, members

from ecert.errors import EcertError, UnavailableError
from networks.embedded import EmbeddedChain
from registry.chain.abi import artifact
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, ContractCall
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.owners import OwnerKey
from registry.chain.rpc import RpcPool
from registry.chain.safe import execution
from registry.chain.safe_creation import create_safe
from registry.chain.safe_reading import read_safe
from registry.chain.sender import Sender
from registry.council.announced import announced
from registry.council.chain import GRACE_SECONDS
from registry.council.execution import Fate
from registry.errors import ConflictError, RequestError


@pytest.fixture(scope="module")
def sender(chain: EmbeddedChain) -> Sender:
    return Sender(RpcPool([chain.rpc_url], chain.chain_id))


@pytest.fixture(scope="module")
def council(sender: Sender) -> Iterator[Council]:
    return Council.make(sender)


def refused(error: pytest.ExceptionInfo[EcertError]) -> str:
    return error.value.code


class TestWallet:
    def test_it_is_found_where_it_was_made(self, sender: Sender) -> None:
        keys = [key.address for key in members()]
        made = create_safe(sender, keys, 2)
        height = sender.block_number()
        again = create_safe(sender, list(reversed([key.lower() for key in keys])), 2)
        assert again == made
        assert sender.block_number() == height
        assert (set(made.owners), made.threshold, made.nonce) == (set(keys), 2, 0)

    def test_salt_threshold_and_members_each_give_another(self, sender: Sender) -> None:
        keys = [key.address for key in members()]
        made = {
            create_safe(sender, keys, 2).address,
            create_safe(sender, keys, 3).address,
            create_safe(sender, keys, 2, salt=1).address,
            create_safe(sender, keys[:2], 2).address,
        }
        assert len(made) == 4

    @pytest.mark.parametrize(
        ("count", "threshold", "twice"), [(0, 1, False), (2, 3, False), (2, 0, False), (1, 1, True)]
    )
    def test_what_could_never_sign_is_refused(
        self, sender: Sender, count: int, threshold: int, twice: bool
    ) -> None:
        keys = [key.address for key in members(count)] * (1 + twice)
        with pytest.raises(RequestError, match="council_owners_wrong"):
            create_safe(sender, keys, threshold)

    @pytest.mark.parametrize("number", [0, 1])
    def test_addresses_that_nobody_has_are_no_members(self, sender: Sender, number: int) -> None:
        with pytest.raises(RequestError, match="council_owners_wrong"):
            create_safe(sender, [f"0x{number:040x}"], 1)

    def test_a_mistyped_address_is_noticed(self, sender: Sender) -> None:
        address = members(1)[0].address
        wrong = address[:2] + address[2:].swapcase()
        with pytest.raises(EcertError, match="address_checksum_wrong"):
            create_safe(sender, [wrong], 1)
        with pytest.raises(EcertError, match="address_unreadable"):
            create_safe(sender, [address[:-1]], 1)

    def test_an_account_and_another_contract_are_no_wallets(
        self, sender: Sender, council: Council
    ) -> None:
        for address in (members(1)[0].address, council.view.departments):
            with pytest.raises(ChainRejectedError, match="council_no_safe"):
                read_safe(sender, address)


class TestSignatures:
    def test_what_is_signed_is_what_the_wallet_asks_for(self, council: Council) -> None:
        nobody = "0x" + "00" * 20
        for step in council.proposal(council.admission("HASH"), nonce=9).steps:
            transaction = step.transaction
            data = artifact("Safe").functions["getTransactionHash"].encode(
                (transaction.to, 0, transaction.data, 0, 0, 0, 0, nobody, nobody, transaction.nonce)
            )  # fmt: skip
            call = ContractCall("Safe", "getTransactionHash", council.address, data)
            digest = transaction.digest(council.sender.chain_id, council.address)
            assert council.sender.read(call) == digest

    def test_fewer_than_the_threshold_do_nothing(self, council: Council) -> None:
        proposal = council.signed(council.proposal(council.admission("FEW")), council.keys[0])
        with pytest.raises(ConflictError, match="proposal_signatures_missing"):
            council.execute(proposal)
        step = proposal.steps[0]
        call = execution(council.address, step.transaction, step.signatures)
        with pytest.raises(ChainRejectedError, match="safe_gs020"):
            council.sender.execute(LocalAccount.generate(), call, MemoryNonces())

    def test_one_members_signature_twice_is_one(self, council: Council) -> None:
        step = council.signed(council.proposal(council.admission("TWICE")), council.keys[0]).steps[
            0
        ]
        (signature,) = step.signatures.values()
        doubled = {"0xa": signature, "0xb": signature}
        call = execution(council.address, step.transaction, doubled)
        with pytest.raises(ChainRejectedError, match="safe_gs026"):
            council.sender.execute(LocalAccount.generate(), call, MemoryNonces())

    def test_the_wrong_order_is_refused_by_the_chain(self, council: Council) -> None:
        step = council.signed(
            council.proposal(council.admission("ORDER")), *council.keys[:2]
        ).steps[0]
        first, second = (step.signatures[key.address] for key in council.keys[:2])
        swapped = {"0xa": second, "0xb": first}
        call = execution(council.address, step.transaction, swapped)
        with pytest.raises(ChainRejectedError, match="safe_gs026"):
            council.sender.execute(LocalAccount.generate(), call, MemoryNonces())

    @pytest.mark.parametrize("what", ["chain", "nonce", "safe"])
    def test_signatures_for_another_chain_nonce_or_wallet_count_for_nothing(
        self, council: Council, what: str
    ) -> None:
        step = council.proposal(council.admission("OTHER")).steps[0]
        transaction, chain_id, safe = step.transaction, council.sender.chain_id, council.address
        digest = {
            "chain": transaction.digest(chain_id + 1, safe),
            "safe": transaction.digest(chain_id, council.view.departments),
            "nonce": type(transaction)(
                transaction.to, transaction.data, transaction.nonce + 1
            ).digest(chain_id, safe),
        }[what]
        signatures = {key.address: key.sign(digest) for key in council.keys[:2]}
        call = execution(safe, transaction, signatures)
        with pytest.raises(ChainRejectedError, match="safe_gs026"):
            council.sender.execute(LocalAccount.generate(), call, MemoryNonces())

    def test_a_stranger_cannot_sign(self, council: Council) -> None:
        with pytest.raises(ConflictError, match="proposal_not_owner"):
            council.proposal(council.admission("X")).sign(OwnerKey.generate(), council.safe)

    def test_nobody_signs_twice(self, council: Council) -> None:
        proposal = council.signed(council.proposal(council.admission("X")), council.keys[0])
        with pytest.raises(ConflictError, match="proposal_signed_already"):
            proposal.sign(council.keys[0], council.safe)

    def test_a_members_account_alone_can_do_nothing(self, council: Council) -> None:
        departments = council.deployed.departments
        account = LocalAccount(council.keys[0].private_bytes())
        for call in (
            council.admission("ALONE"),
            departments.schedule(council.admission("ALONE")),
            departments.suspend(COUNCIL, "ALONE"),
            departments.propose_council(account.address),
        ):
            with pytest.raises(ChainRejectedError) as error:
                council.sender.execute(account, call, MemoryNonces())
            assert refused(error) in {"chain_not_council", "chain_unknown_department"}


class TestActs:
    def test_an_admission_takes_signatures_and_the_delay(self, council: Council) -> None:
        call = council.admission("CITY-1")
        proposal = council.signed(council.proposal(call), *council.keys[1:])
        announcement, act = proposal.steps
        assert announcement.act.announces is not None
        alone = council.signed(council.proposal(call, nonce=council.safe.nonce), *council.keys[:2])
        assert council.execute(type(alone)(alone.chain_id, alone.safe, alone.steps[:1])) == [
            Fate.DONE
        ]
        (waiting,) = announced(council.sender, council.view, now=int(time.time()))
        assert "CITY-1" in waiting.words["en"]
        early = execution(council.address, act.transaction, act.signatures)
        with pytest.raises(ChainRejectedError, match="chain_act_too_early"):
            council.sender.execute(LocalAccount.generate(), early, MemoryNonces())
        assert not council.admitted("CITY-1")
        # The announcement was made by other signatures; the second step waits and is made.
        assert council.execute(proposal) == [Fate.BEFORE, Fate.DONE]
        assert council.admitted("CITY-1")
        assert not list(announced(council.sender, council.view, now=int(time.time())))

    def test_a_suspension_takes_signatures_and_no_delay(self, council: Council) -> None:
        council.act(council.admission("CITY-2"))
        suspension = council.deployed.departments.suspend(COUNCIL, "CITY-2")
        proposal = council.proposal(suspension)
        assert len(proposal.steps) == 1
        assert council.execute(council.signed(proposal, *council.keys[:2])) == [Fate.DONE]
        with pytest.raises(ChainRejectedError, match="chain_already_suspended"):
            council.act(suspension)

    def test_what_the_contracts_refuse_uses_no_nonce(self, council: Council) -> None:
        nonce = council.safe.nonce
        with pytest.raises(ChainRejectedError, match="chain_unknown_department"):
            council.act(council.deployed.departments.suspend(COUNCIL, "NOBODY"))
        assert council.safe.nonce == nonce

    def test_what_was_done_cannot_be_done_again(self, council: Council) -> None:
        proposal = council.signed(council.proposal(council.admission("ONCE")), *council.keys[:2])
        council.execute(proposal)
        with pytest.raises(ConflictError, match="proposal_nonce_used"):
            council.execute(proposal)

    def test_a_later_proposal_waits_for_its_turn(self, council: Council) -> None:
        nonce = council.safe.nonce
        later = council.proposal(council.admission("LATER"), nonce=nonce + 2)
        with pytest.raises(ConflictError, match="proposal_nonce_ahead"):
            council.execute(council.signed(later, *council.keys[:2]))

    def test_how_long_an_announcement_holds_is_the_contracts(self, council: Council) -> None:
        assert council.view._ask("GRACE", int.from_bytes) == GRACE_SECONDS
        assert council.view.delay() == DELAY

    def test_a_long_delay_is_not_waited_for(self, sender: Sender) -> None:
        slow = Council.make(sender, delay=48 * 3600)
        proposal = slow.signed(slow.proposal(slow.admission("SLOW")), *slow.keys[:2])
        with pytest.raises(UnavailableError, match="council_delay_too_long"):
            slow.execute(proposal)
        assert slow.safe.nonce == proposal.steps[0].transaction.nonce + 1
        assert not slow.admitted("SLOW")


def test_the_council_changes_in_two_steps(sender: Sender) -> None:
    old = Council.make(sender)
    keys = members()
    wallet = create_safe(sender, [key.address for key in keys], 2)
    new = Council(sender, keys, wallet.address, old.deployed)
    departments = old.deployed.departments
    with pytest.raises(ChainRejectedError, match="chain_not_proposed_council"):
        new.act(departments.accept_council())
    old.act(departments.propose_council(new.address))
    # The old one stays until the new one accepts.
    assert old.view.council() == old.address
    assert old.view.proposed() == new.address
    old.act(old.admission("BEFORE"))
    with pytest.raises(ChainRejectedError, match="chain_not_council"):
        new.act(new.admission("AFTER"))
    assert new.act(departments.accept_council()) == [Fate.DONE]
    assert old.view.council() == new.address
    assert old.view.proposed() is None
    with pytest.raises(ChainRejectedError, match="chain_not_council"):
        old.act(old.admission("AFTER"))
    new.act(new.admission("AFTER"))
    assert new.admitted("AFTER")
