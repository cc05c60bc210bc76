"""What nodes answer about transactions and blocks, read strictly, and what their refusals mean."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ecert.chain.events import Log
from ecert.chain.node import Header, read_header
from ecert.errors import MalformedError, UnavailableError
from ecert.fields import hex_text
from registry.chain.addresses import checksum_address
from registry.chain.errors import ChainRejectedError, rejection
from registry.chain.rpc import Ask, RpcError, RpcPool, byte_string, disagreement, quantity
from registry.chain.transactions import Pending, SentCall

_LOG_SPAN = 100_000
"""Blocks whose log is asked for at once."""

KNOWN = ("already known", "already imported", "known transaction", "already in pool")
_FINAL = {
    "chain_nonce_taken": ("nonce too low", "nonce_too_low", "underpriced", "below account nonce"),
    "chain_transaction_refused": ("intrinsic gas", "block gas limit", "oversized"),
    "chain_reverted": ("revert",),
}
"""Words of anvil, geth and Besu for what sending again cannot mend."""


class Receipt(NamedTuple):
    """What a node says of a transaction that a block of its chain holds."""

    block: int
    hash: bytes
    time: int
    status: int
    gas_used: int
    created: str | None


def agreed_receipt(pool: RpcPool, transaction: bytes) -> Receipt | Pending | None:
    """Return the receipt that most nodes have, or ``Pending`` while it is on its way to them.

    Raises:
        UnavailableError: ``chain_nodes_disagree``: also where a node that is at the receipt's
            block or beyond knows no such receipt.
    """
    several, name = pool.several, "0x" + transaction.hex()

    def question(ask: Ask) -> tuple[int, Receipt | None]:
        # Asked first: a block that comes meanwhile contradicts nobody.
        height = quantity(ask("eth_blockNumber")) if several else 0
        return height, read_receipt(ask, name)

    said = pool.each(question, heard=True)
    answers = [(0, None) if isinstance(answer, RpcError) else answer for answer in said]
    votes = Counter(receipt for _, receipt in answers if receipt is not None)
    if not votes:
        return None
    winner, count = votes.most_common(1)[0]
    if 2 * count > len(answers):
        return winner
    if len(votes) > 1 or any(height >= winner.block for height, found in answers if not found):
        raise disagreement(name)
    return Pending()


def read_receipt(ask: Ask, name: str) -> Receipt | None:
    """Return a node's receipt if the block it names is on its chain, not dropped since."""
    receipt = ask("eth_getTransactionReceipt", name)
    if not isinstance(receipt, dict) or not receipt.get("blockHash"):
        return None
    number = quantity(receipt.get("blockNumber"))
    block = ask("eth_getBlockByNumber", hex(number), False)
    if not isinstance(block, dict) or block.get("hash") != receipt["blockHash"]:
        return None
    header = header_of(block)
    if receipt.get("transactionHash") != name or header.number != number:
        return None  # of another transaction or block
    created = receipt.get("contractAddress")
    return Receipt(
        block=number,
        hash=header.hash,
        time=header.time,
        status=quantity(receipt.get("status")),
        gas_used=quantity(receipt.get("gasUsed")),
        created=checksum_address(byte_string(created, 20)) if created else None,
    )


def header_of(value: Any) -> Header:
    """Read a block's header.

    Raises:
        UnavailableError: ``sender_answer_malformed``.
    """
    try:
        return read_header(value)
    except MalformedError as error:
        raise UnavailableError("sender_answer_malformed", value="block") from error


def refusal_of(error: RpcError) -> ChainRejectedError | UnavailableError:
    """Return what a node's error about a request means.

    Words not known to be final mean "not now": trying again is safe, giving up is not.
    """
    if error.data is not None:
        return rejection(error.data)
    for code, words in _FINAL.items():
        if says(error, words):
            return ChainRejectedError(code, reason=error.message)
    return UnavailableError("sender_refused", method="transaction", reason=error.message)


def says(error: RpcError, words: tuple[str, ...]) -> bool:
    """Tell whether an error's message has one of these words."""
    message = error.message.lower()
    return any(word in message for word in words)


def log_questions(
    addresses: Sequence[bytes], first: int, last: int, topics: Sequence[bytes]
) -> Iterator[tuple[Callable[[Ask], tuple[Log, ...]], str]]:
    """Yield questions for contracts' log entries, each of some blocks, and what each is about."""
    contracts = [hex_text(address) for address in addresses]
    firsts = [[hex_text(topic) for topic in topics]] if topics else []
    for start in range(first, last + 1, _LOG_SPAN):
        end = min(start + _LOG_SPAN - 1, last)
        wanted = {"fromBlock": hex(start), "toBlock": hex(end), "address": contracts}
        yield partial(_logs, wanted | {"topics": firsts}), f"log of {start} to {end}"


def _logs(wanted: Mapping[str, object], ask: Ask) -> tuple[Log, ...]:
    found = ask("eth_getLogs", wanted)
    try:
        if isinstance(found, list):
            return tuple(Log.from_rpc(entry) for entry in found)
    except MalformedError as error:
        raise UnavailableError("sender_answer_malformed", value="log") from error
    raise UnavailableError("sender_answer_malformed", value="log")


def calls_of(found: Any) -> tuple[SentCall, ...]:
    """Read a block's transactions, given whole.

    Raises:
        UnavailableError: ``rpc_block_absent``, ``sender_answer_malformed``.
    """
    rows = found.get("transactions") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnavailableError("rpc_block_absent", block="-")
    return tuple(
        SentCall(
            account=str(row.get("from")).lower(),
            target=str(row.get("to")).lower(),
            nonce=quantity(row.get("nonce")),
            gas=quantity(row.get("gas")),
            data=byte_string(row.get("input")),
            hash=byte_string(row.get("hash"), 32),
        )
        for row in rows
        if row.get("to")
    )
