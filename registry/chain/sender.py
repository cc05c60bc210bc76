"""The one place that signs and sends transactions, for all accounts.

Made for an outbox. Signing gives the same bytes for the same nonce and call, so the order is:
``prepare`` and store in one database transaction, commit, ``broadcast``, ask for the ``outcome``
until a block holds it. After a crash anywhere, broadcasting what is stored again does no harm.
"""

import time
from typing import Any

from ecert.errors import UnavailableError
from registry.chain.accounts import TransactionSigner
from registry.chain.agreed import Agreed
from registry.chain.answers import KNOWN, Receipt, agreed_receipt, refusal_of, says
from registry.chain.calls import ContractCall
from registry.chain.errors import ChainRejectedError, rejection
from registry.chain.gas import gas_limit
from registry.chain.nonces import NonceStore
from registry.chain.rpc import RpcError, quantity
from registry.chain.transactions import Mined, Outcome, Pending, PreparedTx, Superseded, Unknown

GAS_PRICE = 0
"""Accounts of the permissioned chain hold no money and need none."""

_FILLER_GAS = 21_000
_MOST_UNKNOWN = 100_000
"""Transactions of an account that a restored database may lack; a node that says more is wrong."""

_FIRST_POLL_SECONDS = 0.005
_LAST_POLL_SECONDS = 0.5


class Sender(Agreed):
    """Prepares, sends and follows transactions.

    Args:
        pool: The chain's nodes.
    """

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
        refusals = [refusal_of(answer) for answer in answers if isinstance(answer, RpcError)]
        if not gas:  # one node may lag behind, but none holds it possible
            unsure = [refusal for refusal in refusals if isinstance(refusal, UnavailableError)]
            raise (unsure or refusals)[0]
        # The middle one: one node of three cannot ask for too much or little.
        return gas_limit(sorted(gas)[len(gas) // 2], call)

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

    def fill(self, account: TransactionSigner, nonce: int) -> None:
        """Send a filler for ``nonce``, unless something has used it.

        Raises:
            UnavailableError: No node took it.
        """
        try:
            self.broadcast(self.prepare_filler(account, nonce))
        except ChainRejectedError as error:
            if error.code != "chain_nonce_taken":
                raise

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
        if len(errors) < len(answers) or any(says(error, KNOWN) for error in errors):
            return
        refusals = [refusal_of(error) for error in errors]
        final = [refusal for refusal in refusals if isinstance(refusal, ChainRejectedError)]
        if any(refusal.code == "chain_nonce_taken" for refusal in final) and self._is_known(tx):
            return  # mined or waiting: it is its own rival
        raise (final or refusals)[0]

    def outcome(self, tx: PreparedTx) -> Outcome:
        """Return what became of a transaction.

        It is mined when more than half of the nodes say so, and the same.

        Raises:
            UnavailableError: No node answers, or their answers do not fit together:
                ``chain_nodes_disagree``.
        """
        receipt = agreed_receipt(self._pool, tx.hash)
        if receipt is None and self._is_known(tx):
            return Pending()
        if receipt is None and self.transaction_count(tx.sender) > tx.nonce:
            # A block may have come between the questions: the receipt decides.
            receipt = agreed_receipt(self._pool, tx.hash)
            if receipt is None:
                return Superseded()
        if receipt is None:
            return Unknown()
        return receipt if isinstance(receipt, Pending) else self._mined(tx, receipt)

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
        if on_chain > (stored or 0) + _MOST_UNKNOWN:
            raise UnavailableError("sender_answer_malformed", value=f"{on_chain} transactions")
        if stored is None or stored < on_chain:
            nonces.put(address, on_chain)
            return range(0)
        return range(on_chain, stored)

    def _is_known(self, tx: PreparedTx) -> bool:
        name = "0x" + tx.hash.hex()
        answers = self._pool.each(lambda ask: ask("eth_getTransactionByHash", name))
        return any(isinstance(answer, dict) for answer in answers)

    def _mined(self, tx: PreparedTx, receipt: Receipt) -> Mined:
        error = None
        if receipt.status != 1:
            error = self._why(tx, receipt.block, receipt.gas_used)
        return Mined(
            block_number=receipt.block,
            block_hash=receipt.hash,
            block_time=receipt.time,
            gas_used=receipt.gas_used,
            created=receipt.created,
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
