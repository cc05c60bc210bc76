"""The parts of the verifier's web service that have rules of their own."""

import asyncio
import json
import tomllib
from collections.abc import Callable, Iterable
from importlib import resources
from typing import Any

import pytest
from starlette.requests import Request

from ecert.encoding import b64url_decode, b64url_encode
from ecert.errors import EcertError, MalformedError, TrustError, UnavailableError
from ecert.facts import Basis
from ecert.fields import MAX_TIME
from ecert.kinds.catalogue import Catalogue
from ecert.languages import choose_language
from ecert.report import STEPS, Outcome, Report, StepResult, Subject, Verdict
from verifier.seen import SeenOnce
from verifier.web.challenges import CHALLENGE_SECONDS, Challenges
from verifier.web.errors import BusyError, ChallengeError, RefusedError, status_of
from verifier.web.language import time_said, with_times_said
from verifier.web.result import SIGNS, present
from verifier.web.schemas import REPORT_EXAMPLE, ReportBody
from verifier.web.upload import Body, Budget

# -- challenges


class Clock:
    now = 1_772_438_400.0

    def __call__(self) -> float:
        return self.now


def accept(challenges: Challenges, text: str) -> None:
    with challenges.answering(text) as answer:
        answer.accepted = True


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(EcertError) as refused:
        call()
    return refused.value.code


def test_a_challenge_serves_as_nonce_and_as_a_cards_challenge() -> None:
    made = Challenges(Clock()).make("https://verifier.example")
    assert len(b64url_decode(made.nonce)) <= 32
    assert made.expires == Clock.now + CHALLENGE_SECONDS


def test_answers_are_remembered_until_they_could_not_be_given_anyway() -> None:
    clock = Clock()
    challenges = Challenges(clock, monotonic=clock)
    texts = [challenges.make("x").nonce for _ in range(3)]
    for text in texts:
        accept(challenges, text)
    assert {refusal(lambda text=text: accept(challenges, text)) for text in texts} == {  # type: ignore[misc]
        "challenge_used"
    }
    clock.now += CHALLENGE_SECONDS
    assert refusal(lambda: accept(challenges, texts[0])) == "challenge_expired"
    accept(challenges, challenges.make("x").nonce)
    assert len(challenges) == 1


def test_a_challenge_being_checked_is_not_checked_twice_at_once() -> None:
    challenges = Challenges(Clock())
    text = challenges.make("x").nonce
    with challenges.answering(text):
        assert refusal(lambda: accept(challenges, text)) == "challenge_used"
    accept(challenges, text)


def test_a_check_that_broke_gives_the_challenge_back() -> None:
    challenges = Challenges(Clock())
    text = challenges.make("x").nonce
    with pytest.raises(ZeroDivisionError), challenges.answering(text):
        raise ZeroDivisionError
    accept(challenges, text)


def test_none_is_forgotten_early_when_memory_is_full() -> None:
    challenges = Challenges(Clock(), answered=SeenOnce(None, capacity=2))
    texts = [challenges.make("x").nonce for _ in range(3)]
    accept(challenges, texts[0])
    accept(challenges, texts[1])
    assert refusal(lambda: accept(challenges, texts[2])) == "service_busy"
    assert refusal(lambda: accept(challenges, texts[0])) == "challenge_used"


def test_no_altered_challenge_is_taken() -> None:
    challenges = Challenges(Clock())
    raw = b64url_decode(challenges.make("x").nonce)
    for index in range(3, len(raw)):  # without its tag it is somebody else's nonce
        changed = bytearray(raw)
        changed[index] ^= 1
        text = b64url_encode(bytes(changed))
        assert refusal(lambda text=text: accept(challenges, text)) == "challenge_unknown"  # type: ignore[misc]
    for foreign in ("n-0S6_WzA2Mj", "ecrt", "not base64url!", b64url_encode(bytes(27))):
        for _ in range(2):
            accept(challenges, foreign)
    assert len(challenges) == 0


# -- bodies


def request(messages: Iterable[Any], **headers: str) -> Request:
    left = iter(messages)

    async def receive() -> Any:
        message = next(left)
        if callable(message):
            return await message()
        return message

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


def piece(data: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


async def never() -> Any:
    await asyncio.sleep(30)


def read(messages: Iterable[Any], budget: Budget, **times: float) -> bytes:
    return asyncio.run(Body(request(messages), budget, **times).read())


def test_a_body_counts_while_it_arrives_and_until_it_is_released() -> None:
    budget = Budget(10)
    body = Body(request([piece(b"abc"), piece(b""), piece(b"de", more=False)]), budget)
    assert asyncio.run(body.read()) == b"abcde"
    assert budget.held == 5
    body.release()
    body.release()
    assert budget.held == 0


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([piece(b"abc"), piece(b"12345678", more=False)], "service_busy"),
        ([piece(b"abc"), never], "upload_too_slow"),
        ([piece(b"abc"), {"type": "http.disconnect"}], "upload_broken_off"),
    ],
)
def test_a_body_that_fails_holds_nothing(messages: list[Any], code: str) -> None:
    budget = Budget(10)
    with pytest.raises(EcertError) as refused:
        read(messages, budget, pause=0.05)
    assert (refused.value.code, budget.held) == (code, 0)


def test_a_trickle_ends_as_well() -> None:
    async def drop() -> Any:
        await asyncio.sleep(0.01)
        return piece(b"a")

    budget = Budget(10_000)
    with pytest.raises(RefusedError) as refused:
        read(iter(lambda: drop, None), budget, seconds=0.2, pause=0.1)
    assert (refused.value.code, budget.held) == ("upload_too_slow", 0)


# -- words


def test_every_word_of_the_page_is_in_both_languages_and_used() -> None:
    table = resources.files("verifier") / "messages" / "web.toml"
    words = tomllib.loads(table.read_text("utf-8"))
    for code, sentences in words.items():
        assert set(sentences) == {"zh", "en"}, code
        assert sentences["zh"] != sentences["en"], code
    folder = resources.files("verifier.web")
    files = [*folder.iterdir(), *(folder / "templates").iterdir()]
    sources = "\n".join(
        file.read_text("utf-8") for file in files if file.name.endswith((".py", ".html"))
    )
    families = ("word_", "do_", "step_", "outcome_", "form_", "content_")
    for code in words:
        name = code.removeprefix("web_")
        known = f'"{name}"' in sources or f'"{code}"' in sources
        assert known or name.startswith(families), code
    needed = [f"web_{family}{verdict}" for verdict in Verdict for family in ("word_", "do_")]
    needed += [f"web_step_{step}" for step in STEPS]
    needed += [f"web_outcome_{outcome}" for outcome in Outcome]
    assert set(needed) <= set(words)


def test_every_verdict_can_be_presented() -> None:
    catalogue = Catalogue.load()
    assert set(SIGNS) == set(Verdict)
    subject = Subject("card", "resident-id", "D", 0, MAX_TIME, None, bytes(32), {}, "over18", 1)
    steps = tuple(StepResult(n, Outcome.NOT_CHECKED, "not_reached", {}) for n in range(10))
    for verdict in Verdict:
        report = Report(verdict, steps, 0, MAX_TIME, Basis.OPERATOR, subject)
        zh, en = (present(report, language, catalogue) for language in ("zh", "en"))
        assert zh.word != en.word
        assert zh.todo
        assert len(zh.todo) == len(en.todo)
        assert not zh.sentence.startswith(zh.word)
        assert en.sentence[0].isupper()


def test_times_are_said_in_one_zone() -> None:
    assert time_said(1_772_438_400, "zh") == "2026年3月2日 16:00（北京时间）"
    assert time_said(1_772_438_400, "en") == "2 March 2026, 16:00 (Beijing time)"
    assert time_said(MAX_TIME, "en").startswith("31 December 9999")
    sentence = "as of 2026-03-02T08:00:00Z, not 2026-13-40T99:00:00Z"
    assert with_times_said(sentence, "en") == "as of 2 March 2026, 16:00, not 2026-13-40T99:00:00Z"


@pytest.mark.parametrize(
    ("asked", "accept", "language"),
    [
        (None, None, "zh"),
        ("en", "zh", "en"),
        ("de", "en", "en"),
        (None, "en;q=0.5,zh;q=0.4", "en"),
        (None, "en;q=0,zh;q=0.1", "zh"),
        (None, "EN-gb", "en"),
        (None, "en;q=2,;;,=", "zh"),
        (None, "," * 5000 + "en", "zh"),
    ],
)
def test_the_language_is_negotiated(asked: str | None, accept: str | None, language: str) -> None:
    assert choose_language(asked, accept) == language


def test_statuses_of_errors() -> None:
    cases: list[tuple[EcertError, int]] = [
        (MalformedError("too_large", where="", size=1, limit=0), 413),
        (MalformedError("form_malformed"), 400),
        (ChallengeError("challenge_used"), 409),
        (BusyError("service_busy"), 503),
        (UnavailableError("registry_none"), 503),
        (TrustError("trust_expired", time=""), 503),
        (EcertError("service_broken", incident=""), 500),
    ]
    assert [int(status_of(error)) for error, _ in cases] == [status for _, status in cases]


def test_the_example_is_a_report() -> None:
    report = json.loads(json.dumps(REPORT_EXAMPLE))["reports"][0]
    ReportBody.model_validate(report)
    assert "None" not in json.dumps(report)
    assert "null" not in json.dumps(report)  # the description of the interface leaves those out
