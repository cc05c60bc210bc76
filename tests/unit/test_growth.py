"""The model of growth, and the page that its tables are in."""

import random
from dataclasses import replace
from statistics import mean

import pytest

from benchmarks.scale import constants, tables
from benchmarks.scale.growth import (
    BATCH_MINIMUM,
    WALLET_ARTEFACTS,
    WORDS_PER_LIST,
    Growth,
    Workload,
)
from benchmarks.scale.one_by_one import OneByOne
from benchmarks.scale.steps import CITY, COUNTRY, COUNTRY_LARGE_TREES, PROVINCE, STEPS
from ecert import limits
from ecert.kinds import Catalogue
from ecert.status import ENTRIES_PER_WORD
from registry.status.lists import USABLE

FOUND = constants.load()


def test_the_page_says_what_the_model_says() -> None:
    page = tables.PAGE.read_text("utf-8")
    assert page.count("<!-- made by") == page.count("<!-- end -->") == 10
    assert tables.filled(page) == page


def test_the_limits_on_the_page() -> None:
    page, costs = tables.PAGE.read_text("utf-8"), FOUND["chain"]
    for thing, sentence in (("root", "{} million roots"), ("word", "{} million words")):
        most = limits.MAX_SNAPSHOT_BYTES / costs[thing]["verifier"]
        assert sentence.format(int(most / 1e6)) in page
    events = limits.MAX_LOGS_BYTES / costs["root"]["synced"]
    assert f"{10 * int(events / 10_000)},000 events" in page


def test_a_wallet_gets_a_card_for_each_view_with_a_holder() -> None:
    made = [1 + sum(card.holder_key for card in kind.cards) for kind in Catalogue.load()]
    assert mean(made) == pytest.approx(WALLET_ARTEFACTS)


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3])
def test_revoked_entries_share_words_as_chance_has_it(share: float) -> None:
    load = Workload("", 0, USABLE, holders=1, departments=1, years=1, streams_revoked=share)
    rng = random.Random(1)
    used = rng.sample(range(limits.STATUS_LIST_SIZE), USABLE)
    revoked = {index // ENTRIES_PER_WORD for index in used if rng.random() < share}
    expected = Growth(load, FOUND).words
    assert expected <= WORDS_PER_LIST
    assert len(revoked) == pytest.approx(expected, rel=0.1, abs=5)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_parts_add_up(step: Workload) -> None:
    whole, part = Growth(step, FOUND), Growth(step.part(2), FOUND)
    for name in ("leaves", "roots", "anchor_gas", "status_changes", "leaf_bytes", "gas_share"):
        assert 2 * getattr(part, name) == pytest.approx(getattr(whole, name)), name
    for engine in ("sqlite", "postgresql"):
        assert 2 * part.database(engine).all == pytest.approx(whole.database(engine).all)
    assert 2 * part.gas == pytest.approx(whole.gas, rel=0.05)


def test_large_trees_change_roots_and_nothing_that_is_signed() -> None:
    small, large = Growth(COUNTRY, FOUND), Growth(COUNTRY_LARGE_TREES, FOUND)
    assert small.leaves == large.leaves
    assert small.status_gas == large.status_gas
    assert small.roots > 30 * large.roots
    assert small.verifier_bytes > large.verifier_bytes > limits.MAX_SNAPSHOT_BYTES


def test_without_waiting_each_document_has_a_tree() -> None:
    growth = Growth(PROVINCE, FOUND)
    case = OneByOne(growth, 0)
    assert case.batches == case.arrivals
    assert case.batches * BATCH_MINIMUM == pytest.approx(case.padding + growth.leaves)


def test_whoever_waits_long_enough_has_full_trees() -> None:
    growth = Growth(CITY, FOUND)
    case = OneByOne(growth, 1e9)
    assert case.batches == pytest.approx(growth.roots)
    assert case.padding == 0
    assert case.verifier_bytes == pytest.approx(growth.verifier_bytes)
    assert case.database_bytes("sqlite") == growth.database("sqlite").all


def test_a_prefix_always_finds_a_crowd() -> None:
    for records in (1, 1e3, 1e6, 1e9, 1e12):
        growth = Growth(replace(COUNTRY, certificates=0, streams=records), FOUND)
        found = growth.leaves / 2**growth.prefix_bits
        assert found == records or 1_200 <= found <= 2_400


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (999.6, "1 KB"), (92_600, "92.6 KB"), (1.124e14, "112 TB"),
     (5e18, "5,000 PB")],
)  # fmt: skip
def test_sizes(value: float, text: str) -> None:
    assert tables.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(12, "12"), (271_484, "271,484"), (999_600, "1 million"), (2.78e6, "2.78 million"),
     (2e10, "20 billion")],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert tables.number(value) == text
