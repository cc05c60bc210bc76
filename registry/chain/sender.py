"""The one place that signs and sends transactions, for all accounts.

Made for an outbox. Signing gives the same bytes for the same nonce and call, so the order is:
``prepare`` and store in one database transaction, commit, ``broadcast``, ask for the ``outcome``
until a block holds it. After a crash anywhere, broadcasting what is stored again does no harm.
"""

import time
from typing import Any

from ecert.errors import UnavailableError
from registry.chain.accounts import TransactionSigner
from registry.chain.addresses import checksum_address
from registry.chain.calls import ContractCall
from registry.chain.errors import ChainRejectedError, rejection
from registry.chain.nonces import NonceStore
from registry.chain.rpc import Ask, RpcError, RpcPool, byte_string, quantity
from registry.chain.transactions import (
    Mined,
    Outcome,
    Pending,
    PreparedTx,
    Superseded,
    Unknown,
)

GAS_PRICE = 0
"""Accounts of the permissioned chain hold no money and need none."""

_FILLER_GAS = 21_000
_FIRST_POLL_SECONDS = 0.005
_LAST_POLL_SECONDS = 0.5

_KNOWN = ("already known", "already imported", "known transaction", "already in pool")
_FINAL = {
    "chain_nonce_taken": ("nonce too low", "nonce_too_low", "underpriced", "below account nonce"),
    "chain_transaction_refused": ("intrinsic gas", "block gas limit", "oversized"),
    "chain_reverted": ("revert",),
}
"""Words of anvil, geth and Besu for what sending again cannot mend."""


class Sender:
    """Prepares, sends and follows transactions.

    Args:
        pool: The chain's nodes.
    """

    def __init__(self, pool: RpcPool) -> None:
        self._pool = pool

    @property
    def chain_id(self) -> int:
        """The chain's id (EIP-155)."""
        return self._pool.chain_id

    def estimate(self, address: str, call: ContractCall) -> int:
        """Return a gas limit for ``call`` with a margin, by trying it on the latest state.

        Ask before the database transaction in which ``prepare`` is called: this waits for a node.

        Raises:
            ChainRejectedError: The call would fail now.
            UnavailableError: No node answers.
        """
        request = _request(address, call)
        answers = self._pool.each(lambda ask: quantity(ask("eth_estimateGas", request)))
        gas = [answer for answer in answers if isinstance(answer, int)]
        refusals = [_refusal(answer) for answer in answers if isinstance(answer, RpcError)]
        if not gas:  # one node may lag behind, but none holds it possible
            unsure = [refusal for refusal in refusals if isinstance(refusal, UnavailableError)]
            raise (unsure or refusals)[0]
        needed = max(gas)
        # Writing a slot that another transaction frees meanwhile costs up to 20,000 more.
        return needed + needed // 4 + 25_000

    def prepare(
        self,
        account: TransactionSigner,
        call: ContractCall,
        nonces: NonceStore,
        *,
        gas: int,
        nonce: int | None = None,
    ) -> PreparedTx:
        """Sign ``call`` with the account's next nonce; nothing is sent and no node is asked.

        Args:
            account: Who signs.
            call: What the transaction does.
            nonces: Where the nonce comes from; ``reconcile`` the account there first.
            gas: The gas limit, from ``estimate``.
            nonce: A nonce to use instead of the next, to take another transaction's place.
        """
        if nonce is None:
            nonce = nonces.take(account.address)
        transaction: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": nonce,
            "gasPrice": GAS_PRICE,
            "gas": gas,
            "value": 0,
            "data": call.data,
        }
        if call.to is not None:
            transaction["to"] = call.to
        return PreparedTx.from_raw(account.sign_transaction(transaction))

    def prepare_filler(self, account: TransactionSigner, nonce: int) -> PreparedTx:
        """Sign a transaction that does nothing, for a nonce whose own transaction was lost.

        Later ones of the account could otherwise never be included.
        """
        transaction = {
            "chainId": self.chain_id,
            "nonce": nonce,
            "gasPrice": GAS_PRICE,
            "gas": _FILLER_GAS,
            "value": 0,
            "to": account.address,
        }
        return PreparedTx.from_raw(account.sign_transaction(transaction))

    def broadcast(self, tx: PreparedTx) -> None:
        """Hand a stored transaction to every node; doing so again is harmless.

        Raises:
            ChainRejectedError: ``chain_nonce_taken`` (see ``outcome``),
                ``chain_transaction_refused``.
            UnavailableError: No node took it; whether one did all the same is not known.
        """
        raw = "0x" + tx.raw.hex()
        answers = self._pool.each(lambda ask: ask("eth_sendRawTransaction", raw))
        errors = [answer for answer in answers if isinstance(answer, RpcError)]
        if len(errors) < len(answers) or any(_says(error, _KNOWN) for error in errors):
            return
        refusals = [_refusal(error) for error in errors]
        final = [refusal for refusal in refusals if isinstance(refusal, ChainRejectedError)]
        if any(refusal.code == "chain_nonce_taken" for refusal in final) and self._is_known(tx):
            return  # mined or waiting: it is its own rival
        raise (final or refusals)[0]

    def outcome(self, tx: PreparedTx) -> Outcome:
        """Return what became of a transaction.

        Raises:
            UnavailableError: No node answers, or their answers do not fit together.
        """
        receipt = self._receipt(tx)
        if receipt is not None:
            return self._mined(tx, receipt)
        if self._is_known(tx):
            return Pending()
        if self.transaction_count(tx.sender) > tx.nonce:
            # A block may have come between the questions: the receipt decides.
            receipt = self._receipt(tx)
            return self._mined(tx, receipt) if receipt is not None else Superseded()
        return Unknown()

    def wait(self, tx: PreparedTx, *, seconds: float) -> Mined:
        """Wait until a block holds a transaction that was broadcast, sending again what was lost.

        Raises:
            ChainRejectedError: ``chain_nonce_taken``.
            UnavailableError: ``sender_too_slow``, or no node answers for that long.
        """
        deadline = time.monotonic() + seconds
        pause = _FIRST_POLL_SECONDS
        while True:
            failure = UnavailableError(
                "sender_too_slow", hash="0x" + tx.hash.hex(), seconds=seconds
            )
            try:
                found = self.outcome(tx)
                if isinstance(found, Mined):
                    return found
                if isinstance(found, Superseded):
                    raise ChainRejectedError("chain_nonce_taken", reason=f"nonce {tx.nonce}")
                if isinstance(found, Unknown):
                    self.broadcast(tx)
            except UnavailableError as error:
                failure = error
            if time.monotonic() > deadline:
                raise failure
            time.sleep(pause)
            pause = min(2 * pause, _LAST_POLL_SECONDS)

    def execute(
        self,
        account: TransactionSigner,
        call: ContractCall,
        nonces: NonceStore,
        *,
        seconds: float = 60.0,
    ) -> Mined:
        """Estimate, sign, send and wait: for commands that keep no outbox.

        Raises:
            ChainRejectedError: The call fails.
            UnavailableError: No node answers, or no block came in time.
        """
        if nonces.peek(account.address) is None:
            self.reconcile(account.address, nonces)
        gas = self.estimate(account.address, call)
        tx = self.prepare(account, call, nonces, gas=gas)
        self.broadcast(tx)
        mined = self.wait(tx, seconds=seconds)
        if mined.error is not None:
            raise mined.error
        return mined

    def reconcile(self, address: str, nonces: NonceStore) -> range:
        """Bring an account's stored nonce up to the chain's; do so on start.

        Returns:
            The nonces that were given out and that no block holds. Broadcast the stored transaction
            of each; where there is none, ``prepare_filler``, or later ones wait for ever.

        Raises:
            UnavailableError: No node answers.
        """
        on_chain = self.transaction_count(address)
        stored = nonces.peek(address)
        if stored is None or stored < on_chain:
            nonces.put(address, on_chain)
            return range(0)
        return range(on_chain, stored)

    def transaction_count(self, address: str) -> int:
        """Return how many of an account's transactions blocks hold: the least that any node says.

        Too low a number is met by ``chain_nonce_taken`` and mended; too high a one would leave a
        gap in which everything after it hangs.

        Raises:
            UnavailableError: No node answers.
        """
        question = ("eth_getTransactionCount", address, "latest")
        counts = self._pool.each(lambda ask: quantity(ask(*question)))
        known = [count for count in counts if isinstance(count, int)]
        if not known:
            raise UnavailableError("sender_refused", method=question[0], reason=str(counts[0]))
        return min(known)

    def block_number(self) -> int:
        """Return the height of the latest block.

        Raises:
            UnavailableError: No node answers.
        """
        return quantity(self._ask("eth_blockNumber"))

    def code(self, address: str) -> bytes:
        """Return the code at an address; empty where there is none.

        Raises:
            UnavailableError: No node answers.
        """
        return byte_string(self._ask("eth_getCode", address, "latest"))

    def read(self, call: ContractCall) -> bytes:
        """Return what a view function answers on the latest state.

        Raises:
            ChainRejectedError: It reverts.
            UnavailableError: No node answers.
        """
        try:
            request = {"to": call.to, "data": "0x" + call.data.hex()}
            return byte_string(self._pool.call("eth_call", request, "latest"))
        except RpcError as error:
            raise _refusal(error) from error

    def _ask(self, method: str, *params: object) -> Any:
        """Ask what no request can get wrong: an error answer is the node's failure."""
        try:
            return self._pool.call(method, *params)
        except RpcError as error:
            raise UnavailableError("sender_refused", method=method, reason=error.message) from error

    def _is_known(self, tx: PreparedTx) -> bool:
        name = "0x" + tx.hash.hex()
        answers = self._pool.each(lambda ask: ask("eth_getTransactionByHash", name))
        return any(isinstance(answer, dict) for answer in answers)

    def _receipt(self, tx: PreparedTx) -> dict[str, Any] | None:
        """Return the receipt if the block it names is on its node's chain, not dropped since."""
        name = "0x" + tx.hash.hex()

        def question(ask: Ask) -> dict[str, Any] | None:
            receipt = ask("eth_getTransactionReceipt", name)
            if not isinstance(receipt, dict) or not receipt.get("blockHash"):
                return None
            number = hex(quantity(receipt.get("blockNumber")))
            block = ask("eth_getBlockByNumber", number, False)
            if not isinstance(block, dict) or block.get("hash") != receipt["blockHash"]:
                return None
            return receipt

        answers = self._pool.each(question)
        return next((answer for answer in answers if isinstance(answer, dict)), None)

    def _mined(self, tx: PreparedTx, receipt: dict[str, Any]) -> Mined:
        gas_used = quantity(receipt.get("gasUsed"))
        number = quantity(receipt.get("blockNumber"))
        created = receipt.get("contractAddress")
        error = None
        if quantity(receipt.get("status")) != 1:
            error = self._why(tx, number, gas_used)
        return Mined(
            block_number=number,
            block_hash=byte_string(receipt.get("blockHash"), 32),
            gas_used=gas_used,
            created=checksum_address(byte_string(created, 20)) if created else None,
            error=error,
        )

    def _why(self, tx: PreparedTx, number: int, gas_used: int) -> ChainRejectedError:
        """Find out why a transaction failed, by making its call on the state before its block."""
        if gas_used >= tx.gas:
            return ChainRejectedError("chain_out_of_gas", gas=tx.gas)
        request = {"from": tx.sender, "gas": hex(tx.gas), "data": "0x" + tx.data.hex()}
        if tx.to:
            request["to"] = "0x" + tx.to.hex()
        for block in (hex(number - 1), "latest"):
            try:
                self._pool.call("eth_call", request, block)
            except RpcError as error:
                if error.data is not None:
                    return rejection(error.data)
            except UnavailableError:
                continue  # the reason is a comfort; the failure itself is known
        return ChainRejectedError("chain_reverted", reason="0x" + tx.hash.hex())


def _request(address: str, call: ContractCall) -> dict[str, str]:
    request = {"from": address, "data": "0x" + call.data.hex()}
    if call.to is not None:
        request["to"] = call.to
    return request


def _refusal(error: RpcError) -> ChainRejectedError | UnavailableError:
    """Return what a node's error about a request means.

    Words not known to be final mean "not now": trying again is safe, giving up is not.
    """
    if error.data is not None:
        return rejection(error.data)
    for code, words in _FINAL.items():
        if _says(error, words):
            return ChainRejectedError(code, reason=error.message)
    return UnavailableError("sender_refused", method="transaction", reason=error.message)


def _says(error: RpcError, words: tuple[str, ...]) -> bool:
    message = error.message.lower()
    return any(word in message for word in words)
