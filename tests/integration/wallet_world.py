"""Wallets that are made and steered by hand, as a thief or another tool would."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from registry.chain.abi import artifact
from registry.chain.accounts import LocalAccount
from registry.chain.calls import ContractCall
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.owners import OwnerKey
from registry.chain.safe import NOBODY, SafeState, SafeTransaction, execution
from registry.chain.safe_origin import shared_creation, wallet_address
from registry.chain.safe_reading import read_safe
from registry.chain.sender import Sender


def word(value: str | int) -> bytes:
    return (int(value, 16) if isinstance(value, str) else value).to_bytes(32)


def entry(mapping: int, key: str) -> bytes:
    """Return where a mapping from addresses holds a key's value."""
    return keccak(word(key) + word(mapping))


def send(sender: Sender, call: ContractCall, account: LocalAccount | None = None) -> str | None:
    mined = sender.execute(account or LocalAccount.generate(), call, MemoryNonces())
    return mined.created


def writer(sender: Sender, *words: tuple[bytes, str | int]) -> str:
    """Return a contract that writes words where it is called from by delegation."""
    runtime = b"".join(b"\x7f" + word(value) + b"\x7f" + slot + b"\x55" for slot, value in words)
    loader = b"\x60" + bytes([len(runtime)]) + bytes.fromhex("80600b6000396000f3")
    return send(sender, ContractCall("Safe", "new", None, loader + runtime)) or ""


@dataclass
class Wallet:
    """A wallet that was made by hand."""

    sender: Sender
    keys: list[OwnerKey]
    address: str

    @classmethod
    def make(
        cls,
        sender: Sender,
        keys: list[OwnerKey],
        threshold: int,
        *,
        delegate: str = NOBODY,
        handler: str = NOBODY,
        salt: int = 0,
    ) -> "Wallet":
        owners = [key.address for key in keys]
        setup = artifact("Safe").functions["setup"].encode(
            (owners, threshold, delegate, b"\0", handler, NOBODY, 0, NOBODY)
            if delegate != NOBODY
            else (owners, threshold, NOBODY, b"", handler, NOBODY, 0, NOBODY)
        )  # fmt: skip
        rules, factory = (
            shared_creation(sender.chain_id, name)[1] for name in ("Safe", "SafeProxyFactory")
        )
        data = artifact("SafeProxyFactory").functions["createProxyWithNonce"].encode(
            (rules, setup, salt)
        )  # fmt: skip
        send(sender, ContractCall("SafeProxyFactory", "createProxyWithNonce", factory, data))
        return cls(sender, keys, wallet_address(sender.chain_id, setup, salt))

    def nonce(self) -> int:
        data = artifact("Safe").functions["nonce"].encode(())
        return int.from_bytes(self.sender.read(ContractCall("Safe", "nonce", self.address, data)))

    def itself(self, function: str, *arguments: Any, signers: Sequence[OwnerKey]) -> None:
        """Let it call itself, plainly."""
        data = artifact("Safe").functions[function].encode(arguments)
        self.call(self.address, data, signers=signers)

    def call(self, to: str, data: bytes, *, signers: Sequence[OwnerKey]) -> None:
        """Let it call something, plainly."""
        made = SafeTransaction(to, data, self.nonce())
        digest = made.digest(self.sender.chain_id, self.address)
        signed = {key.address: key.sign(digest) for key in signers}
        send(self.sender, execution(self.address, made, signed))

    def delegate(self, to: str, *, signers: Sequence[OwnerKey]) -> None:
        """Let another contract's code run in its place."""
        functions = artifact("Safe").functions
        fields = (to, 0, b"", 1, 0, 0, 0, NOBODY, NOBODY)
        asked = functions["getTransactionHash"].encode((*fields, self.nonce()))
        digest = self.sender.read(ContractCall("Safe", "getTransactionHash", self.address, asked))
        signed = b"".join(
            key.sign(digest) for key in sorted(signers, key=lambda key: key.address.lower())
        )
        data = functions["execTransaction"].encode((*fields, signed))
        send(self.sender, ContractCall("Safe", "execTransaction", self.address, data))

    def refused(self) -> str:
        with pytest.raises(ChainRejectedError) as error:
            read_safe(self.sender, self.address)
        return error.value.code

    def read(self) -> SafeState:
        return read_safe(self.sender, self.address)

    def obeys(self, account: LocalAccount) -> bool:
        """Tell whether an account alone makes it call something."""
        data = keccak(b"execTransactionFromModule(address,uint256,bytes,uint8)")[:4]
        data += encode(["address", "uint256", "bytes", "uint8"], [account.address, 0, b"", 0])
        try:
            send(self.sender, ContractCall("Safe", "execute", self.address, data), account)
        except ChainRejectedError:
            return False
        return True
