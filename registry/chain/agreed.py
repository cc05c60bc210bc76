"""What a chain says: not one node's word, but what most of its nodes agree upon."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

from ecert.chain.events import Log
from ecert.chain.node import Header
from ecert.errors import MalformedError, UnavailableError
from registry.chain.answers import calls_of, header_of, log_questions, refusal_of
from registry.chain.calls import ContractCall
from registry.chain.rpc import Ask, RpcError, RpcPool, byte_string, quantity
from registry.chain.transactions import SentCall

T = TypeVar("T")


class Agreed:
    """Asks the nodes of a chain.

    Args:
        pool: The chain's nodes.
    """

    def __init__(self, pool: RpcPool) -> None:
        self._pool = pool

    @property
    def chain_id(self) -> int:
        """The chain's id (EIP-155)."""
        return self._pool.chain_id

    @property
    def failures(self) -> list[dict[str, int]]:
        """How often each node failed since the start, by kind."""
        return self._pool.failures

    def transaction_count(self, address: str) -> int:
        """Return how many of an account's transactions blocks hold: so many as most nodes know of.

        Too low a number is met by ``chain_nonce_taken`` and mended; too high a one would leave a
        gap in which everything after it hangs.

        Raises:
            UnavailableError: No node answers.
        """
        question = ("eth_getTransactionCount", address, "latest")
        counts = self._pool.each(lambda ask: quantity(ask(*question)), heard=True)
        known = sorted(count for count in counts if isinstance(count, int))
        if not known:
            raise UnavailableError("sender_refused", method=question[0], reason=str(counts[0]))
        return known[(len(known) - 1) // 2]

    def block_number(self) -> int:
        """Return the height that most nodes have reached.

        Raises:
            UnavailableError: No node answers.
        """
        return self._pool.height()

    def header(self, block: int) -> Header | None:
        """Return a block's header as most nodes have it; None where most have no such block.

        Raises:
            UnavailableError: No node answers, or ``chain_nodes_disagree``.
        """

        def question(ask: Ask) -> Header | None:
            value = ask("eth_getBlockByNumber", hex(block), False)
            found = None if value is None else header_of(value)
            if found is not None and found.number != block:
                raise UnavailableError("sender_answer_malformed", value=f"block {found.number}")
            return found

        return self._certain(question, f"block {block}")

    def code(self, address: str) -> bytes:
        """Return the code at an address; empty where there is none.

        Raises:
            UnavailableError: No node answers, or ``chain_nodes_disagree``.
        """
        return self._certain(
            lambda ask: byte_string(ask("eth_getCode", address, "latest")), f"code of {address}"
        )

    def calls_in(self, block: int) -> Sequence[SentCall]:
        """Return the transactions of a block that call something, in order.

        Raises:
            UnavailableError: No node answers, or they do not agree.
        """
        return self._certain(
            lambda ask: calls_of(ask("eth_getBlockByNumber", hex(block), True)), f"block {block}"
        )

    def logs(
        self, addresses: Sequence[bytes], first: int, last: int, *, topics: Sequence[bytes] = ()
    ) -> Iterator[Log]:
        """Yield log entries of the blocks from ``first`` to ``last``, as most nodes say.

        Of ``addresses`` alone, and with one of ``topics`` first, if any are given.

        Raises:
            UnavailableError: No node answers, or ``chain_nodes_disagree``.
        """
        for question, about in log_questions(addresses, first, last, topics):
            yield from self._certain(question, about)

    def read(self, call: ContractCall) -> bytes:
        """Return what a view function answers on the latest state.

        Raises:
            ChainRejectedError: It reverts.
            UnavailableError: No node answers, or ``chain_nodes_disagree``.
        """
        return self.inspect(call, lambda data: data, lambda data: data)

    def inspect(
        self, call: ContractCall, decode: Callable[[bytes], T], key: Callable[[T], Hashable]
    ) -> T:
        """Return what a view function answers, decoded.

        Args:
            call: The function.
            decode: Reads an answer.
            key: What of it the nodes must agree upon: not what differs from block to block.

        Raises:
            ChainRejectedError: It reverts.
            UnavailableError: No node gives a usable answer, or ``chain_nodes_disagree``.
        """
        request = {"to": call.to, "data": "0x" + call.data.hex()}

        def question(ask: Ask) -> T:
            try:
                return decode(byte_string(ask("eth_call", request, "latest")))
            except MalformedError as error:
                raise UnavailableError("chain_answer_unusable", reason=error.code) from error

        try:
            return self._pool.agreed(question, call.function, key=key)
        except RpcError as error:
            raise refusal_of(error) from error

    def _certain(self, question: Callable[[Ask], T], about: str) -> T:
        """Ask what no request can get wrong: an error answer is the node's failure."""
        try:
            return self._pool.agreed(question, about)
        except RpcError as error:
            raise UnavailableError("sender_refused", method=about, reason=error.message) from error
