"""Why the chain refuses, in the registry's own errors.

A contract's custom error ``AlreadyAnchored(department, root)`` becomes the code
``chain_already_anchored`` with its arguments as details; each has its sentences in
``messages/chain_contracts.toml``. The council's wallet refuses with a text such as ``GS026``; those
that can be met here have sentences in ``messages/council.toml``.
"""

import re
from typing import Any

from ecert.encoding import code_text
from ecert.errors import EcertError, MalformedError
from registry.chain.abi import errors_by_selector
from registry.chain.calls import Role

_REVERT = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
WALLET_REFUSALS = frozenset(
    {"GS000", "GS001", "GS010", "GS013", "GS020", "GS021", "GS024", "GS025", "GS026"}
    | {"GS200", "GS201", "GS202", "GS203", "GS204"}
)
"""Texts by which a Safe refuses what this program sends it."""

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


_MAY_PASS_LATER = frozenset(
    {
        "chain_act_too_early",
        "chain_closed_in_this_block",
        "chain_nonce_taken",
        "chain_out_of_gas",
    }
)


class ChainRejectedError(EcertError):
    """The chain refuses a transaction for good: sending the same again changes nothing."""

    @property
    def may_pass_later(self) -> bool:
        """Whether a new transaction that makes the same call may well succeed."""
        return self.code in _MAY_PASS_LATER


def code_of(error_name: str) -> str:
    """Return the code of a contract's custom error."""
    return "chain_" + _HUMP.sub("_", error_name).lower()


def rejection(data: bytes) -> ChainRejectedError:
    """Return the error that revert ``data`` stands for."""
    from eth_abi.abi import decode  # noqa: PLC0415  # see registry.chain.abi
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415

    custom = errors_by_selector().get(data[:4])
    try:
        if custom is not None:
            details = {name: _plain(name, value) for name, value in custom.decode(data).items()}
            return ChainRejectedError(code_of(custom.name), **details)
        if data[:4] == _REVERT:
            (reason,) = decode(("string",), data[4:])
            if reason in WALLET_REFUSALS:
                return ChainRejectedError(f"safe_{reason.lower()}")
            return ChainRejectedError("chain_reverted", reason=str(reason)[:200])
        if data[:4] == _PANIC:
            (number,) = decode(("uint256",), data[4:])
            return ChainRejectedError("chain_reverted", reason=f"panic 0x{number:02x}")
    except (MalformedError, DecodingError, ValueError, OverflowError):
        pass  # not what it claims to be: shown as it is
    return ChainRejectedError("chain_reverted", reason="0x" + data[:68].hex())


def _plain(name: str, value: Any) -> object:
    """Return an argument as people read it: codes as text, roles by name, hashes in hexadecimal."""
    if name == "role" and value in set(Role):
        return Role(value).name.lower()
    if not isinstance(value, bytes):
        return value
    if not any(value):
        return "council" if len(value) == 20 else "0x0"
    try:
        return code_text(value)
    except MalformedError:
        return "0x" + value.hex()
