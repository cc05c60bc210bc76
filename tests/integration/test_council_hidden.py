"""Wallets that look like their members', and that others steer: refused on a real chain."""

import pytest
from council_world import members
from eth_hash.auto import keccak
from wallet_world import Wallet, entry, send, word, writer

from networks.embedded import EmbeddedChain
from registry.chain.abi import artifact
from registry.chain.accounts import LocalAccount
from registry.chain.addresses import checksum_address
from registry.chain.calls import ContractCall
from registry.chain.errors import ChainRejectedError
from registry.chain.rpc import RpcPool
from registry.chain.safe import FIRST, NOBODY
from registry.chain.safe_creation import create_safe
from registry.chain.safe_origin import MAX_SALT, setup_call, shared_creation
from registry.chain.safe_reading import read_safe
from registry.chain.sender import Sender

EXTENDED, UNPROVEN = "council_safe_extended", "council_safe_unproven"
THIEF = LocalAccount.generate()


@pytest.fixture(scope="module")
def sender(chain: EmbeddedChain) -> Sender:
    found = Sender(RpcPool([chain.rpc_url], chain.chain_id))
    create_safe(found, [key.address for key in members()], 2)  # makes rules and factory
    return found


def test_a_module_hidden_at_the_setup_is_noticed(sender: Sender) -> None:
    hider = writer(sender, (entry(1, THIEF.address), 1))
    wallet = Wallet.make(sender, members(), 2, delegate=hider)
    assert wallet.obeys(THIEF)  # and no list of the wallet shows it
    assert wallet.refused() == UNPROVEN


def test_an_owner_hidden_at_the_setup_is_noticed(sender: Sender) -> None:
    keys, hidden = members(), members(2)
    hider = writer(sender, *((entry(2, key.address), 1) for key in hidden))
    wallet = Wallet.make(sender, keys, 2, delegate=hider)
    assert wallet.refused() == UNPROVEN
    wallet.itself("changeThreshold", 1, signers=hidden)  # they sign, though no list shows them
    assert wallet.refused() == UNPROVEN


@pytest.mark.parametrize(
    "name",
    [
        "guard_manager.guard.address",
        "module_manager.module_guard.address",
        "fallback_manager.handler.address",
    ],
)
def test_a_guard_or_handler_written_at_the_setup_is_refused(sender: Sender, name: str) -> None:
    hider = writer(sender, (keccak(name.encode()), THIEF.address))
    assert Wallet.make(sender, members(), 2, delegate=hider).refused() == EXTENDED


def test_a_handler_given_to_the_setup_is_refused(sender: Sender) -> None:
    assert Wallet.make(sender, members(), 2, handler=THIEF.address).refused() == EXTENDED


@pytest.mark.parametrize("function", ["enableModule", "setFallbackHandler"])
def test_what_members_added_is_refused_until_they_take_it_out(
    sender: Sender, function: str
) -> None:
    keys = members()
    wallet = Wallet.make(sender, keys, 2)
    assert wallet.read().nonce == 0
    wallet.itself(function, THIEF.address, signers=keys[:2])
    assert wallet.refused() == EXTENDED
    if function == "enableModule":
        wallet.itself("disableModule", FIRST, THIEF.address, signers=keys[:2])
    else:
        wallet.itself(function, NOBODY, signers=keys[:2])
    assert wallet.read().owners == tuple(key.address for key in keys)


def test_other_owners_of_a_later_day_are_read(sender: Sender) -> None:
    keys = members(5)
    wallet = Wallet.make(sender, keys[:3], 2, salt=MAX_SALT)
    wallet.itself("addOwnerWithThreshold", keys[3].address, 3, signers=keys[:2])
    assert (set(wallet.read().owners), wallet.read().threshold) == (
        {key.address for key in keys[:4]},
        3,
    )
    wallet.call(THIEF.address, b"any", signers=keys[:3])
    wallet.call(wallet.address, b"", signers=keys[:3])
    wallet.itself("removeOwner", keys[3].address, keys[0].address, 2, signers=keys[:3])
    wallet.itself("swapOwner", FIRST, keys[3].address, keys[4].address, signers=keys[2:4])
    assert set(wallet.read().owners) == {keys[at].address for at in (1, 2, 4)}


def test_a_thiefs_wallet_that_took_honest_owners_is_noticed(sender: Sender) -> None:
    thief, honest = members(1)[0], members()
    wallet = Wallet.make(sender, [thief], 1)
    hidden = LocalAccount.generate()
    wallet.delegate(writer(sender, (entry(1, hidden.address), 1)), signers=[thief])
    for key in honest[:2]:
        wallet.itself("addOwnerWithThreshold", key.address, 1, signers=[thief])
    wallet.itself("swapOwner", honest[0].address, thief.address, honest[2].address, signers=[thief])
    wallet.itself("changeThreshold", 2, signers=honest[:1])
    assert wallet.obeys(hidden)
    assert wallet.refused() == UNPROVEN


def test_a_nonce_that_was_set_back_hides_nothing(sender: Sender) -> None:
    """Its thief makes the count of the wallet's acts fit those that bear a look."""
    thief, honest = members(1)[0], members()
    wallet = Wallet.make(sender, [thief], 1)
    hidden = LocalAccount.generate()
    hider = writer(sender, (entry(1, hidden.address), 1), (word(5), 0))
    wallet.delegate(hider, signers=[thief])
    assert wallet.nonce() == 0
    wallet.itself("swapOwner", FIRST, thief.address, honest[0].address, signers=[thief])
    assert wallet.obeys(hidden)
    assert wallet.refused() == UNPROVEN


def test_a_module_that_came_and_went_may_have_hidden_another(sender: Sender) -> None:
    thief, honest = members(1)[0], members(1)[0]
    wallet = Wallet.make(sender, [thief], 1)
    wallet.itself("enableModule", THIEF.address, signers=[thief])
    wallet.itself("disableModule", FIRST, THIEF.address, signers=[thief])
    wallet.itself("swapOwner", FIRST, thief.address, honest.address, signers=[thief])
    assert wallet.refused() == UNPROVEN


def test_a_salt_beyond_those_that_are_tried_proves_nothing(sender: Sender) -> None:
    assert Wallet.make(sender, members(), 2, salt=MAX_SALT + 1).refused() == UNPROVEN


def test_a_wallet_of_another_factory_is_refused(sender: Sender) -> None:
    """Whatever made it could have set it up in more steps than one."""
    compiled = artifact("SafeProxyFactory")
    factory = send(sender, ContractCall("Safe", "new", None, compiled.creation())) or ""
    keys = [key.address for key in members()]
    setup = setup_call(keys, 2)
    rules = shared_creation(sender.chain_id, "Safe")[1]
    data = compiled.functions["createProxyWithNonce"].encode((rules, setup, 0))
    call = ContractCall("SafeProxyFactory", "createProxyWithNonce", factory, data)
    address = checksum_address(sender.read(call)[-20:])  # where it will be
    send(sender, call)
    with pytest.raises(ChainRejectedError, match=UNPROVEN):
        read_safe(sender, address)
