"""What a node of a chain can do wrong, for ``FaultyNode`` to do it."""

import hashlib
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from eth_hash.auto import keccak

from tests.integration.faulty_node import CUT, PASS, Broken, Fault, FaultyNode, Status

Make = Callable[[FaultyNode], Fault]
"""Makes a fault of a node, whose truth it may need to know."""

OVERSIZED = b" " * (17 << 20)
WRONG = "0x" + "99" * 32
SENDS = "eth_sendRawTransaction"
_TAGS = {"eth_call": 1, "eth_estimateGas": 1, "eth_getCode": 1, "eth_getTransactionCount": 1}
"""Where a method names the block whose state it asks for."""


def always(answer: Any) -> Make:
    return lambda _: lambda *_: answer


def delay(seconds: float) -> Make:
    return lambda _: lambda *_: time.sleep(seconds) or PASS


def cut_after(node: FaultyNode) -> Fault:
    """Let the node do what was asked, and say nothing."""
    return lambda method, params: (node.truth(method, params), CUT)[1]


def altered(**results: Callable[[Any], Any]) -> Make:
    """Alter the results of some methods."""

    def make(node: FaultyNode) -> Fault:
        def fault(method: str, params: list) -> Any:
            if method not in results:
                return PASS
            answer = node.truth(method, params)
            if answer.get("result") is None:
                return answer
            return {"result": results[method](answer["result"])}

        return fault

    return make


def frozen(node: FaultyNode) -> Fault:
    """Know nothing that came after now."""
    last = int(node.truth("eth_blockNumber", [])["result"], 16)

    def fault(method: str, params: list) -> Any:
        if method == "eth_blockNumber":
            return {"result": hex(last)}
        if method in _TAGS:
            given = params[: _TAGS[method]]
            return node.truth(method, [*given, hex(last)])
        if method == "eth_getBlockByNumber":
            number = last if params[0] == "latest" else int(params[0], 16)
            known = number <= last
            return node.truth(method, [hex(number), *params[1:]]) if known else {"result": None}
        if method in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
            answer = node.truth(method, params)
            found = answer.get("result")
            late = found and int(found["blockNumber"] or "0x0", 16) > last
            return {"result": None} if late else answer
        return PASS

    return fault


def swallowing(_: FaultyNode) -> Fault:
    """Take a transaction, say its hash, and forget it."""
    return lambda method, params: (
        {"result": "0x" + keccak(bytes.fromhex(params[0][2:])).hex()} if method == SENDS else PASS
    )


def other_receipts(node: FaultyNode) -> Fault:
    """Give the receipt of whatever was mined first for every transaction."""
    block = node.truth("eth_getBlockByNumber", ["0x1", False])["result"]
    return altered(
        eth_getTransactionReceipt=lambda _: node.truth(
            "eth_getTransactionReceipt", [block["transactions"][0]]
        )["result"]
    )(node)


def other_hashes(_: FaultyNode) -> Fault:
    """Give every block but the first another hash, always the same, in receipts too."""

    def change(found: Any) -> Any:
        name = "blockHash" if "blockHash" in found else "hash"
        return found if found.get("number") == "0x0" else found | {name: _other(found[name])}

    return altered(eth_getBlockByNumber=change, eth_getTransactionReceipt=change)(_)


def _other(value: str) -> str:
    return "0x" + hashlib.sha256(value.encode()).hexdigest()


def _zeros(result: str) -> str:
    return "0x" + "00" * (len(result) // 2 - 1)


BROKEN: dict[str, Make] = {
    "cuts before the node hears of it": always(CUT),
    "cuts after the node has heard": cut_after,
    "answers HTTP 500": always(Status(500)),
    "answers HTTP 429": always(Status(429)),
    "gives internal errors": always({"error": {"code": -32603, "message": "Internal error"}}),
    "gives strange errors": always({"error": {"code": -32000, "message": "nonsense"}}),
    "breaks off in its JSON": always(Broken(0.5)),
    "breaks off before the length it told": always(Broken(0.5, honest_length=False)),
    "answers without end": always(OVERSIZED),
    "is slow": delay(0.05),
}
"""Failures that show as such."""

LIES: dict[str, Make] = {
    "stands still": frozen,
    "swallows transactions": swallowing,
    "is of another chain": altered(eth_chainId=lambda _: "0x1"),
    "has other code": altered(eth_getCode=lambda _: "0x6001"),
    "has no code": altered(eth_getCode=lambda _: "0x"),
    "has receipts of others": other_receipts,
    "says that all failed": altered(eth_getTransactionReceipt=lambda r: r | {"status": "0x0"}),
    "says other blocks": altered(
        eth_getTransactionReceipt=lambda r: r | {"blockNumber": hex(int(r["blockNumber"], 16) - 1)}
    ),
    "says other block hashes": altered(
        eth_getTransactionReceipt=lambda r: r | {"blockHash": WRONG}
    ),
    "has other blocks": other_hashes,
    "knows no receipts": altered(eth_getTransactionReceipt=lambda _: None),
    "answers calls with zeros": altered(eth_call=_zeros),
    "answers calls with nothing": altered(eth_call=lambda _: "0x"),
    "counts too few transactions": altered(eth_getTransactionCount=lambda _: "0x0"),
    "counts too many transactions": altered(
        eth_getTransactionCount=lambda count: hex(int(count, 16) + 3)
    ),
    "asks for much gas": altered(eth_estimateGas=lambda _: hex(1 << 40)),
    "is far ahead": altered(eth_blockNumber=lambda number: hex(int(number, 16) + 1000)),
}
"""What cannot be told from the truth by its form."""


def mixed(seed: int, faults: Mapping[str, Make], *, share: float = 0.3) -> Make:
    """Do any of ``faults``, each call anew, and the right thing the rest of the time."""

    def make(node: FaultyNode) -> Fault:
        made = [fault(node) for fault in faults.values()]
        draw = random.Random(seed)

        def fault(method: str, params: list) -> Any:
            return draw.choice(made)(method, params) if draw.random() < share else PASS

        return fault

    return make
