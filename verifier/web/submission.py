"""From a request's body to what is to be checked, and what was asked of the holder."""

from dataclasses import dataclass

from ecert import limits
from ecert.artefact import Expectation
from ecert.encoding import b64url_decode, utf8_decode
from ecert.errors import EcertError, MalformedError
from verifier.web.form import is_multipart, parse_form

MAX_ASKED_CHARS = 200
"""An audience or a nonce."""

FILES = ("file", "photo")
ASKED = ("audience", "nonce", "challenge")
REQUIRE = "require_holder"
PARTS = frozenset((*FILES, "text", *ASKED, REQUIRE))


@dataclass(frozen=True, slots=True)
class Filled:
    """A form's fields as they came, to be shown again where something is wrong with them."""

    text: str = ""
    audience: str = ""
    nonce: str = ""
    challenge: str = ""
    require_holder: bool = False

    @property
    def asks(self) -> bool:
        """Whether something is asked of the holder."""
        return bool(self.audience or self.nonce or self.challenge or self.require_holder)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be checked.

    Attributes:
        data: A document in any form that the verifier takes.
        filled: The form's fields.
    """

    data: bytes
    filled: Filled

    def expectation(self) -> Expectation:
        """Return what was asked of the holder.

        Raises:
            MalformedError: ``base64url_malformed``, ``too_large``, ``asked_incomplete`` when one of
                audience and nonce is missing.
        """
        filled = self.filled
        if bool(filled.audience) != bool(filled.nonce):
            raise MalformedError("asked_incomplete")
        challenge = None
        if filled.challenge:
            challenge = b64url_decode(filled.challenge, where="challenge")
            if len(challenge) > limits.MAX_CARD_CHALLENGE_BYTES:
                raise MalformedError(
                    "too_large",
                    where="challenge",
                    size=len(challenge),
                    limit=limits.MAX_CARD_CHALLENGE_BYTES,
                )
        return Expectation(
            audience=filled.audience or None,
            nonce=filled.nonce or None,
            challenge=challenge,
            required=filled.require_holder,
        )


class SubmissionError(MalformedError):
    """A form that cannot be checked as it was filled in.

    Attributes:
        filled: Its fields, for the page.
    """

    def __init__(self, error: EcertError, filled: Filled) -> None:
        super().__init__(error.code, **error.details)
        self.filled = filled


def read_submission(body: bytes, content_type: str) -> Submission:
    """Read a form with parts, or take the whole body as the document.

    Args:
        body: The request's body.
        content_type: Its header.

    Raises:
        SubmissionError: The form is not filled in as it must be.
        MalformedError: It is no form, or there is nothing to check.
    """
    if not is_multipart(content_type):
        if not body.strip():
            raise MalformedError("nothing_to_check")
        return Submission(body, Filled())
    parts = parse_form(body, content_type, PARTS)
    filled = _filled(parts)
    given = [parts[name] for name in FILES if name in parts]
    if filled.text.strip():
        given.append(parts["text"])
    try:
        if not given:
            raise MalformedError("nothing_to_check")
        if len(given) > 1:
            raise MalformedError("several_to_check")
        submission = Submission(given[0], filled)
        submission.expectation()
    except MalformedError as error:
        raise SubmissionError(error, filled) from error
    return submission


def _filled(parts: dict[str, bytes]) -> Filled:
    asked = {name: utf8_decode(parts.get(name, b""), where=name).strip() for name in ASKED}
    for name, value in asked.items():
        if len(value) > MAX_ASKED_CHARS:
            raise MalformedError("too_large", where=name, size=len(value), limit=MAX_ASKED_CHARS)
    return Filled(
        # Spaces within a card's text count: nothing is trimmed or joined here.
        text=utf8_decode(parts.get("text", b""), where="text"),
        require_holder=REQUIRE in parts,
        **asked,
    )
