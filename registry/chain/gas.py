"""How much gas a call may take: more than it would now, for others are on their way before it."""

from registry.chain.calls import ContractCall

_FREED_SLOT_GAS = 17_100
"""What writing a slot costs more when another transaction frees it before (EIP-2200, EIP-2929)."""


def gas_limit(needed: int, call: ContractCall) -> int:
    """Return the limit for a call that would take ``needed`` on the latest state.

    A status that is suspended, reinstated and then revoked, all on their way at once, is freed
    before the last call, which found it taken when it was tried. No call writes more slots than it
    has words. Gas costs nothing; only the block's limit bounds it.
    """
    words = 0 if call.to is None else len(call.data) // 32
    return needed + needed // 4 + 25_000 + words * _FREED_SLOT_GAS
