"""The negative vectors for verification, and that they are what their script makes."""

import json
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ecert.artefact import Expectation
from ecert.checkpoint import Checkpoint
from ecert.encoding import b64url_decode, canonical_json
from ecert.errors import EcertError
from ecert.kinds.catalogue import Catalogue
from ecert.report import Outcome, Report, Verdict
from ecert.signing import PublicKey
from ecert.status import StatusList
from ecert.trust import TrustStore
from ecert.verification import Verifier
from tests.fakes.vector_chain import VectorChain, merged

FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS = json.loads((FOLDER / "negative" / "verification.json").read_text("utf-8"))
CASES, CONTROLS = VECTORS["cases"], VECTORS["controls"]


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


def at(case: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(case.get("now", VECTORS["now"]), UTC)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("kinds")
    for kind in VECTORS["catalogue"]:
        (folder / f"{kind['code']}.json").write_bytes(canonical_json(kind))
    return Catalogue.from_files(folder.iterdir())


def verify(case: dict[str, Any], catalogue: Catalogue) -> Report:
    expect = dict(case.get("expect", {}))
    if "challenge" in expect:
        expect["challenge"] = b64url_decode(expect["challenge"])
    chain = merged(VECTORS["chain"], case.get("patch", {}))
    source = VectorChain(chain, case.get("receipts", []))
    trust = TrustStore(VECTORS["trust"].encode(), catalogue, now=at(case))
    verifier = Verifier(trust, source, receipts=source if "receipts" in case else None)
    return verifier.verify(
        case.get("input", VECTORS["valid"]), now=at(case), expect=Expectation(**expect)
    )


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_spoiled_document_is_refused_at_its_step(
    case: dict[str, Any], catalogue: Catalogue
) -> None:
    report = verify(case, catalogue)
    step = report.steps[case["step"]]
    assert (step.code, report.verdict) == (case["code"], case["verdict"]), report.steps
    # No earlier step has failed, and none but it decides.
    assert all(s.outcome is not Outcome.FAILED for s in report.steps[: case["step"]])
    undecided = case["verdict"] in (Verdict.UNDECIDED, Verdict.NOT_YET_ANCHORED)
    assert step.outcome is (Outcome.NOT_CHECKED if undecided else Outcome.FAILED)
    for language in ("zh", "en"):
        sentence = step.message(language)
        assert sentence.isprintable()
        assert "<" not in sentence  # no detail is missing
    json.dumps(report.to_json(), ensure_ascii=False).encode()


@pytest.mark.parametrize("case", CONTROLS, ids=named)
def test_the_other_side_of_a_boundary_is_valid(case: dict[str, Any], catalogue: Catalogue) -> None:
    report = verify(case, catalogue)
    assert report.verdict is Verdict.VALID, report.steps


@pytest.mark.parametrize("case", VECTORS["trust_files"], ids=named)
def test_a_trust_file_is_refused(case: dict[str, Any], catalogue: Catalogue) -> None:
    data, pinned = case["input"].encode(), case.get("pinned", "").encode()
    follow = partial(TrustStore.successor, pinned) if pinned else TrustStore
    with pytest.raises(EcertError) as caught:
        follow(data, catalogue, now=at(case))
    assert caught.value.code == case["code"]
    assert "<" not in caught.value.message("zh") + caught.value.message("en")


@pytest.mark.parametrize("case", VECTORS["checkpoints"], ids=named)
def test_a_checkpoint_is_refused(case: dict[str, Any]) -> None:
    operators = [PublicKey.from_jwk(jwk) for jwk in VECTORS["operators"]]
    with pytest.raises(EcertError) as caught:
        Checkpoint.verify(case["input"].encode(), operators)
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", VECTORS["status_lists"], ids=named)
def test_a_status_list_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(EcertError) as caught:
        StatusList.decode(case["bits"], case["lst"])
    assert caught.value.code == case["code"]


def test_names_are_used_once() -> None:
    for part in ("cases", "controls", "trust_files", "checkpoints", "status_lists"):
        names = [case["name"] for case in VECTORS[part]]
        assert len(set(names)) == len(names), part


def test_the_script_makes_this_very_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import make_verification  # noqa: PLC0415  # found by the line above

    assert make_verification.make() == VECTORS
    assert "make_verification" in sys.modules
