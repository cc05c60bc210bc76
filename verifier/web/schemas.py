"""The HTTP interface in OpenAPI terms: what is sent, what comes back, with examples."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ecert.facts import Basis
from ecert.fields import time_text
from ecert.report import STEPS, Outcome, Report, StepResult, Subject, TrustNote, Verdict
from verifier.web.submission import ASKED, FILES, MAX_ASKED_CHARS, REQUIRE


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Sentence(_Strict):
    """A sentence for people, in both languages."""

    zh: str
    en: str


class BasisBody(Sentence):
    """What the chain's answer rests on."""

    code: Literal["node", "operator", "validators"]


class TrustBody(_Strict):
    """The trust file that was used."""

    version: int
    expires: str


class StepBody(Sentence):
    """One of the ten checks."""

    number: int = Field(ge=0, lt=len(STEPS))
    name: str
    outcome: Outcome
    code: str = Field(description="Stable reason code.")


class DocumentBody(_Strict):
    """What was verified; to be believed only as far as the verdict goes."""

    form: Literal["sd-jwt", "card"]
    kind: str
    view: str | None
    department: str
    issued_at: str
    not_before: str
    expires: str | None
    anchored_at: str | None
    digest: str
    claims: dict[str, Any]


class ReportBody(_Strict):
    """The outcome of one verification."""

    verdict: Verdict
    exit_code: int = Field(
        description="0 valid, 1 not valid, 2 cannot be decided now, 3 unreadable."
    )
    message: Sentence
    checked_at: str
    as_of: str | None = Field(description="When the chain's answer held; null: nobody answered.")
    basis: BasisBody | None
    trust: TrustBody | None = Field(description="null: nothing could be read.")
    steps: list[StepBody] = Field(min_length=len(STEPS), max_length=len(STEPS))
    document: DocumentBody | None


class ReportsBody(_Strict):
    """A report for each document: a picture may show several."""

    reports: list[ReportBody] = Field(min_length=1)


class ChallengeBody(_Strict):
    """What to give the holder to sign, and to send back with what the holder presents."""

    audience: str
    nonce: str = Field(description="For a key binding.")
    challenge: str = Field(description="For a card's proof, base64url; the same text.")
    expires: str


class HealthBody(_Strict):
    """That the service can check documents."""

    status: Literal["ok"]


class ProblemBody(BaseModel):
    """Why a request was refused (RFC 9457): nothing was checked."""

    type: str
    title: str
    status: int
    code: str
    zh: str
    en: str
    details: dict[str, Any]


_TEXT = {"type": "string", "maxLength": MAX_ASKED_CHARS}
_BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}
_CARD = "EC1:6BFOXN%TS3DH…"

VERIFY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The document itself, whatever its content type, or a form with parts.",
        "content": {
            "application/octet-stream": {
                "schema": {
                    **_BINARY,
                    "description": "Bytes of .ecert.json, .ecert-evidence, PDF, PNG, JPG.",
                },
            },
            "text/plain": {
                "schema": {"type": "string"},
                "examples": {
                    "card": {"summary": "A card's text", "value": _CARD},
                    "presentation": {
                        "summary": "An SD-JWT presentation",
                        "value": "eyJhbGciOiJFUzI1NiIs…~WyJ2Y0JkUzg0…~eyJhbGciOiJFUzI1NiJ9…",
                    },
                },
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        **dict.fromkeys(FILES, _BINARY),
                        "text": {"type": "string"},
                        **dict.fromkeys(ASKED, _TEXT),
                        REQUIRE: {"type": "string", "const": "1"},
                    },
                    "additionalProperties": False,
                },
                "examples": {
                    "challenged": {
                        "summary": "What a holder presented to a challenge of this service",
                        "value": {
                            "text": _CARD,
                            "audience": "https://verifier.example",
                            "nonce": "ecrtaaWc4NCvv2rCMUkE4Y8sTnYyUmVrZz09",
                            "challenge": "ecrtaaWc4NCvv2rCMUkE4Y8sTnYyUmVrZz09",
                            REQUIRE: "1",
                        },
                    }
                },
            },
        },
    }
}

_TIME = 1_772_438_400
_DEPARTMENT = "11350100003605390Q"
_FOUND: dict[int, dict[str, object]] = {
    3: {"department": _DEPARTMENT, "time": time_text(_TIME - 600), "block": 50},
    4: {"department": _DEPARTMENT},
    5: {"department": _DEPARTMENT, "kind": "resident-id"},
    6: {"time": time_text(_TIME)},
}

REPORT_EXAMPLE: dict[str, Any] = {
    "reports": [
        Report(
            verdict=Verdict.VALID,
            steps=tuple(
                StepResult(n, Outcome.PASSED, f"step_{n}_passed", _FOUND.get(n, {}))
                for n in range(len(STEPS))
            ),
            checked_at=_TIME + 1,
            as_of=_TIME,
            basis=Basis.OPERATOR,
            trust=TrustNote(version=1, expires=_TIME + 300 * 86_400),
            subject=Subject(
                form="card",
                kind="resident-id",
                view="over18",
                department=_DEPARTMENT,
                issued_at=_TIME - 610,
                not_before=_TIME - 610,
                expires=_TIME + 30 * 86_400,
                anchored_at=_TIME - 600,
                digest=bytes(range(32)),
                claims={"over_18": True},
            ),
        ).to_json()
    ]
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": ProblemBody.model_json_schema()}},
    }
    for status, description in (
        (400, "The request has no document, or cannot be read as one."),
        (408, "The body took too long to arrive."),
        (409, "The challenge that it answers is used, expired, or not of this service."),
        (413, "The body is too large."),
        (429, "Too many requests; see Retry-After."),
        (503, "Busy, or the trust file has expired; see Retry-After."),
    )
}
