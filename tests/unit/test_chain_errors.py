"""Every refusal of the contracts has its sentences; every call of the registry has its builder."""

import inspect
import json
import re
import tomllib
from importlib import resources

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from ecert.errors import MalformedError, messages
from registry.chain.abi import CONTRACTS, artifact, errors_by_selector
from registry.chain.calls import AnchorCalls, ContractCall, DepartmentCalls, StatusCalls
from registry.chain.errors import ChainRejectedError, code_of, rejection

ADDRESS = "0x" + "11" * 20
VALUES = {
    "bytes20": b"CITY-1".ljust(20, b"\0"),
    "bytes32": bytes(range(224, 256)),
    "address": ADDRESS,
    "uint8": 1,
    "uint32": 1,
    "uint64": 1,
    "uint256": 1,
}


@pytest.mark.parametrize("error", errors_by_selector().values(), ids=lambda error: error.name)
def test_each_custom_error_is_decoded_and_its_sentences_name_nothing_unknown(error) -> None:
    data = error.selector + encode(error.types, [VALUES[kind] for kind in error.types])
    decoded = rejection(data)
    assert decoded.code == code_of(error.name)
    assert set(decoded.details) == set(error.inputs)
    for language in ("zh", "en"):
        named = set(re.findall(r"{(\w+)}", messages()[decoded.code][language]))
        assert named <= set(error.inputs)
        assert "<" not in decoded.message(language)


def test_no_sentence_is_left_over() -> None:
    table = resources.files("registry") / "messages" / "chain_contracts.toml"
    with_sentence = set(tomllib.loads(table.read_text("utf-8")))
    known = {code_of(error.name) for error in errors_by_selector().values()}
    assert with_sentence == known | {"chain_reverted"}


def test_codes_and_roles_are_shown_as_people_read_them() -> None:
    error = errors_by_selector()
    (not_authorised,) = (e for e in error.values() if e.name == "NotAuthorised")
    data = encode(not_authorised.types, [VALUES["bytes20"], 2, ADDRESS])
    details = rejection(not_authorised.selector + data).details
    assert details == {"actor": "CITY-1", "role": "status", "account": ADDRESS}
    data = encode(not_authorised.types, [bytes(20), 9, ADDRESS])
    details = rejection(not_authorised.selector + data).details
    assert (details["actor"], details["role"]) == ("council", 9)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0x"),
        (b"\x01\x02", "0x0102"),
        (bytes.fromhex("08c379a0") + encode(("string",), ["no"]), "no"),
        (bytes.fromhex("08c379a0") + b"\xff" * 32, "0x08c379a0" + "ff" * 32),
        (bytes.fromhex("4e487b71") + encode(("uint256",), [0x11]), "panic 0x11"),
        (b"\xde\xad\xbe\xef" + bytes(100), "0xdeadbeef" + "00" * 64),
    ],
)
def test_other_revert_data_is_shown_as_it_is(data: bytes, reason: str) -> None:
    error = rejection(data)
    assert (error.code, error.details["reason"]) == ("chain_reverted", reason)


@given(
    st.sampled_from(sorted(errors_by_selector())) | st.binary(max_size=4),
    st.binary(max_size=200),
)
def test_whatever_a_node_returns_becomes_an_error_with_a_sentence(head: bytes, rest: bytes) -> None:
    error = rejection(head + rest)
    assert isinstance(error, ChainRejectedError)
    assert error.message("zh")
    assert error.message("en")


BUILDERS = {
    "DepartmentRegistry": DepartmentCalls,
    "AnchorRegistry": AnchorCalls,
    "StatusRegistry": StatusCalls,
}


@pytest.mark.parametrize("contract", BUILDERS)
def test_every_function_that_changes_state_has_a_builder(contract: str) -> None:
    path = resources.files("ecert.chain") / "artifacts" / f"{contract}.json"
    abi = json.loads(path.read_text("utf-8"))["abi"]
    changing = {
        entry["name"]
        for entry in abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    source = "".join(inspect.getsource(cls) for cls in BUILDERS[contract].__mro__[:-1])
    assert changing <= set(re.findall(r'_call\(\s*"(\w+)"', source))


def test_a_call_names_its_arguments() -> None:
    call = AnchorCalls(ADDRESS).anchor("CITY-1", b"r" * 32, 64)
    assert call.arguments() == {"department": VALUES["bytes20"], "root": b"r" * 32, "size": 64}
    with pytest.raises(MalformedError, match="call_argument_malformed"):
        ContractCall(call.contract, call.function, call.to, call.data[:50]).arguments()


def test_code_is_recognised_whatever_its_immutables_hold() -> None:
    for name in CONTRACTS:
        compiled = artifact(name)
        code = bytearray(compiled.deployed)
        assert compiled.is_code(bytes(code))
        for start, length in compiled.immutables:
            code[start : start + length] = b"\x55" * length
        assert compiled.is_code(bytes(code))
        assert not compiled.is_code(b"")
        assert not compiled.is_code(bytes(code) + b"\0")
        code[-1] ^= 1
        assert not compiled.is_code(bytes(code))
