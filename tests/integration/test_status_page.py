"""The public status page and the metrics behind it: what works, what waits, and no secret."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from api_world import METRICS_TOKEN, ApiWorld, upload

from registry.api import backlog, health
from registry.api.backlog import BacklogView
from registry.api.health import Health, Vitals
from registry.api.metrics import Metrics
from registry.api.status_page import policy, status_page
from registry.application import Registry
from registry.chain.standstill import Standstill
from registry.outbox.models import WorkerState

SECRET = "secret-in-an-address"


@pytest.fixture(autouse=True)
def _looks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (health, backlog):
        monkeypatch.setattr(module, "CHECK_SECONDS", 0.0)


@pytest.fixture
def waiting(api: ApiWorld) -> Iterator[None]:
    """The worker has waited for a node for an hour."""
    with api.registry.database.transaction() as session:
        row = session.get(WorkerState, 1)
        assert row is not None
        row.error, row.error_until = "chain_nodes_disagree", None
        row.error_since = api.registry.context.clock() - 3600
    yield
    api.drain()


def shown(api: ApiWorld, language: str) -> str:
    with api.client() as anybody:
        answer = anybody.get("/status", params={"lang": language})
    assert answer.status_code == 200
    return answer.text


def test_it_says_that_everything_works_in_both_languages(api: ApiWorld) -> None:
    with api.registry.reading() as services:
        block = services.outbox.checkpoint().number
    for language, tag, sentence in (
        ("zh", "zh-CN", "已签发的证照可以核验"),
        ("en", "en", "those issued can be checked"),
    ):
        page = shown(api, language)
        assert f'<html lang="{tag}">' in page
        assert sentence in page
        assert f'<p class="figure">{block}</p>' in page


@pytest.mark.parametrize(
    ("accept", "tag"), [("en-GB,en;q=0.9", "en"), ("zh", "zh-CN"), ("fr", "zh-CN"), ("", "zh-CN")]
)
def test_the_browsers_language_is_taken(api: ApiWorld, accept: str, tag: str) -> None:
    with api.client() as anybody:
        answer = anybody.get("/status", headers={"accept-language": accept})
    assert f'<html lang="{tag}">' in answer.text
    assert answer.headers["vary"] == "accept-language"


def test_nothing_but_its_own_style_sheet_may_run(api: ApiWorld) -> None:
    with api.client() as anybody:
        answer = anybody.get("/status")
    allowed = answer.headers["content-security-policy"]
    assert allowed == policy()
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in allowed
    assert "unsafe" not in allowed
    assert not re.search(r"<script|\sstyle=|\son\w+=|src=|@import|url\(", answer.text)
    assert answer.headers["cache-control"] == "no-store"


def test_what_waits_is_counted(api: ApiWorld) -> None:
    with api.client("clerk") as clerk, api.client("approver") as approver:
        job = upload(clerk, 7, seed=77).json()["id"]
        approver.post("/v1/documents/approve", json={"import_id": job})
    page = shown(api, "en")
    assert re.search(r"approved, not yet signed</dt>\s*<dd><b>7</b><span>the oldest since", page)
    api.drain()
    page = shown(api, "en")
    assert re.search(r"approved, not yet signed</dt>\s*<dd><b>0</b></dd>", page)


def test_signed_and_revoked_things_wait_for_the_chain(api: ApiWorld) -> None:
    [document] = api.issue(1, seed=78)
    view = BacklogView(api.registry)
    with api.client("approver") as approver:
        approver.post(f"/v1/documents/{document}/revoke", json={"reason": "test"})
    found = view.backlog()
    assert found is not None
    assert found.changes.count > 0
    assert found.changes.since is not None
    api.drain()
    found = view.backlog()
    assert found is not None
    assert (found.changes.count, found.unanchored.count) == (0, 0)


def test_more_than_can_be_counted_is_said_so(
    api: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "MOST", 3)
    monkeypatch.setattr("registry.api.status_page.MOST", 3)
    with api.client("clerk") as clerk, api.client("approver") as approver:
        job = upload(clerk, 5, seed=79).json()["id"]
        approver.post("/v1/documents/approve", json={"import_id": job})
    assert "<b>&gt; 2</b>" in shown(api, "en")
    api.drain()


@pytest.mark.usefixtures("waiting")
def test_it_says_what_waiting_means_and_not_why(api: ApiWorld) -> None:
    for language, sentences in (
        ("zh", ("新证照需要等待", "已签发的证照仍可以核验")),
        ("en", ("New certificates wait", "Certificates already issued can be checked")),
    ):
        page = shown(api, language)
        assert all(sentence in page for sentence in sentences)
        assert "disagree" not in page
    with api.client() as anybody:
        assert anybody.get("/health").json()["status"] == "degraded"
        numbers = anybody.get("/metrics").text
    assert 'ecert_issuing_halted{reason="waiting"} 1.0' in numbers
    assert "ecert_worker_waiting 1.0" in numbers
    assert 'ecert_worker_error_timestamp_seconds{code="chain_nodes_disagree"}' in numbers


@pytest.mark.usefixtures("waiting")
def test_a_revocation_that_waits_is_told_of(api: ApiWorld) -> None:
    vitals, found = Health(api.registry).vitals(), BacklogView(api.registry).backlog()
    assert found is not None
    some = replace(found, changes=replace(found.changes, count=1, since=1))
    told = "may still show as valid"
    for waits, expected in ((found, False), (some, True)):
        page = status_page("en", vitals, waits, origin="https://x", now=10**9, heartbeat=60)
        assert (told in page) == expected


def test_what_is_over_in_a_moment_is_not_told(api: ApiWorld) -> None:
    with api.registry.database.transaction() as session:
        row = session.get(WorkerState, 1)
        assert row is not None
        row.error, row.error_until = "rpc_unreachable", None
        row.error_since = api.registry.context.clock()
    assert Health(api.registry).vitals().state == "ok"
    api.drain()


def test_without_a_database_it_still_says_so() -> None:
    vitals = Vitals(False, (), False, False, False, None, True, None, False, None)
    for language, sentence in (("zh", "登记系统暂不可用"), ("en", "not available")):
        page = status_page(language, vitals, None, origin="https://x", now=10**9, heartbeat=60)
        assert sentence in page
        assert "<dl>" in page


def test_an_address_is_shown_as_text(api: ApiWorld) -> None:
    vitals = Health(api.registry).vitals()
    page = status_page("en", vitals, None, origin="<b>&", now=10**9, heartbeat=60)
    assert "&lt;b&gt;&amp;" in page


def test_an_old_block_is_told_of(api: ApiWorld) -> None:
    vitals = replace(Health(api.registry).vitals(), checkpoint=(5, 10**9 - 7200))
    page = status_page("en", vitals, None, origin="https://x", now=10**9, heartbeat=60)
    assert "2 hours ago" in page
    assert "Older than usual" in page


def test_nodes_are_told_apart_by_number_and_no_address_is_shown(api: ApiWorld) -> None:
    good = str(api.registry.settings.rpc_url)
    urls = (f"http://127.0.0.1:9/{SECRET}?key={SECRET}", good, f"{good}/{SECRET}")
    settings = api.registry.settings.model_copy(update={"rpc_urls": urls})
    registry = Registry(settings, api.registry.database, api.registry.context)
    found = Health(registry)
    assert found.vitals().state == "ok"
    numbers = Metrics(registry, found).text().decode()
    assert re.findall(r'ecert_chain_node_up\{node="(\d)"\} (\d)', numbers)[:2] == [
        ("1", "0"),
        ("2", "1"),
    ]
    assert 'ecert_chain_node_lag_blocks{node="2"} 0.0' in numbers
    page = status_page("en", found.vitals(), None, origin=settings.origin, now=10**9, heartbeat=60)
    for text in (numbers, page):
        assert SECRET not in text
        assert "127.0.0.1:9" not in text


def test_a_node_of_another_chain_is_not_up(api: ApiWorld) -> None:
    context = api.registry.context
    other = replace(context, contracts=replace(context.contracts, chain_id=1))
    vitals = Health(Registry(api.registry.settings, api.registry.database, other)).vitals()
    assert (vitals.chain, vitals.halted) == (False, "chain")


def test_a_network_that_makes_no_blocks_is_told_of(api: ApiWorld) -> None:
    """Its nodes answer all the while."""
    passed = [0.0]
    found = Health(api.registry)
    found._standstill = Standstill(60, lambda: passed[0], tolerance=1 << 32)
    assert (found.vitals().halted, found.vitals().state) == (None, "ok")
    passed[0] = 61
    vitals = found.vitals()
    assert (vitals.chain, vitals.stalled, vitals.halted) == (True, True, "stalled")
    assert vitals.state == "degraded"
    for language, word in (("zh", "没有新区块"), ("en", "makes no blocks")):
        page = status_page(language, vitals, None, origin="https://x", now=10**9, heartbeat=60)
        assert f'<dd class="stalled">{word}</dd>' in page
    numbers = Metrics(api.registry, found).text().decode()
    assert 'ecert_issuing_halted{reason="stalled"} 1.0' in numbers
    assert "ecert_chain_block_timestamp_seconds" in numbers
    api.issue(1, seed=81)
    assert found.vitals().halted is None


def test_metrics_of_the_worker(api: ApiWorld) -> None:
    with api.registry.database.transaction() as session:
        row = session.get(WorkerState, 1)
        assert row is not None
        row.failures = [{}, {"rpc_unreachable": 3, "disagreed": 1}]
        row.reorganisations, row.resent = 2, 5
    headers = {"authorization": f"Bearer {METRICS_TOKEN}"}
    numbers = httpx.get(f"{api.url}/metrics", headers=headers, trust_env=False).text
    for line in (
        'ecert_chain_node_failures_total{kind="rpc_unreachable",node="2"} 3.0',
        'ecert_chain_node_failures_total{kind="disagreed",node="2"} 1.0',
        "ecert_chain_reorganisations_total 2.0",
        "ecert_outbox_resent_total 5.0",
    ):
        assert line in numbers
