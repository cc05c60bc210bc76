"""At a block that the trust file names nobody's seals are checked, and nobody's are told of."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ecert.chain import qbft
from ecert.errors import Language
from ecert.evidence import Evidence
from ecert.report import Verdict
from networks.embedded import EmbeddedChain
from tests.fakes.qbft_chain import Key, resealed
from tests.fakes.report_reading import squeezed
from tests.integration.evidence_world import (
    CATALOGUE,
    altered,
    check,
    evidence_world,
    with_proof,
)
from verifier.evidence.report.contents import part
from verifier.evidence.report.exhibit import Exhibit, NamedFile
from verifier.evidence.report.words import say
from verifier.evidence.text import render_evidence

COUNTED = {"zh": r"\d+个验证节点中\d+个", "en": r"\d+of\d+validators"}
"""How a report and its text say how many sealed."""


def sealed_by_strangers(evidence: Evidence) -> Evidence:
    block = evidence.proof.state.block
    assert block.header is not None
    header = resealed(block.header, [Key.new() for _ in range(9)])
    return with_proof(evidence, block=replace(block, header=header))


@pytest.fixture(scope="module")
def exhibits(
    chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Exhibit, Exhibit]]:
    """A package at a block that validators sealed, and the same with strangers' seals, pinned."""
    with evidence_world(tmp_path_factory.mktemp("evidence"), chain) as world:
        trust = world.trust()
        data, report = world.made(trust)
        pin = world.network.pinned(report.block.number)
        pins = world.trust(version=2, checkpoint=pin, history=(trust.file.checkpoint,))
        found = [
            Exhibit(
                NamedFile("deed.ecert-evidence", package),
                NamedFile("trust.json", store.data),
                check(package, store),
                None,
                datetime.now(UTC),
                CATALOGUE,
            )
            for package, store in ((data, trust), (altered(data, sealed_by_strangers), pins))
        ]
        yield found[0], found[1]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_at_a_pinned_block_nobody_is_said_to_have_sealed(
    exhibits: tuple[Exhibit, Exhibit], language: Language
) -> None:
    """The hash does not cover the seals: whoever passes a package on can put his own there."""
    sealed, pinned = exhibits
    report = pinned.report
    assert (report.verdict, report.block.sealers) == (Verdict.VALID, ())
    assert report.to_json()["block"]["sealers"] == []
    assert pinned.header is not None
    strangers = qbft.signed_seals(pinned.header.encoded)
    assert len(strangers) == 9
    text = squeezed(repr(part(pinned, language)))
    lines = squeezed(render_evidence(report, (language,), CATALOGUE))
    for address, seal in strangers:
        assert not any(value.hex() in text + lines for value in (address, seal))
    for address in report.block.validators:
        assert address.hex() in text
    rests = report.limits[0]
    assert rests == "evidence_rests_pin"
    assert squeezed(report.sentence(rests, language)) in text
    for shown in (text, lines):
        assert {"zh": "无需签封", "en": "nosealsareneeded"}[language] in shown
        assert re.search(COUNTED[language], shown) is None
    assert re.search(COUNTED[language], squeezed(repr(part(sealed, language))))
    assert text.count(squeezed(say("pin_about", language))) == 1
