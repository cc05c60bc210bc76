"""One tree of errors.

Every failure is an ``EcertError`` with a stable ``code``. The sentences shown to people are data:
``messages/*.toml`` beside this file (and in each service's package) hold, for each code, one
sentence in Chinese and one in English that say what happened, where, and what to do. A sentence may
name details in braces; a detail never carries a secret or a personal claim's value.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal

Language = Literal["zh", "en"]
MESSAGE_PACKAGES = ("ecert", "registry", "wallet", "verifier", "networks")
_MAX_DETAIL_CHARS = 500


class EcertError(Exception):
    """The root of all errors of this project.

    Args:
        code: Stable snake_case identifier, a key of a message table.
        details: Values for the sentence: where it happened, which limit, what was found.
    """

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    def message(self, language: Language = "en") -> str:
        """Return the sentence for people in ``language``."""
        return sentence(self.code, self.details, language)

    def __str__(self) -> str:
        return f"{self.code}: {self.message('en')}"


class MalformedError(EcertError):
    """Input cannot be read: wrong form, over a bound, not what it claims to be (step 0)."""


class SignatureInvalidError(EcertError):
    """A signature does not verify, or its algorithm is not allowed for its key (step 1)."""


class DisclosureError(SignatureInvalidError):
    """A disclosure is not what the issuer signed: unreferenced, doubled, in conflict (step 1)."""


class ProofError(EcertError):
    """An inclusion proof does not lead to its root (step 2)."""


class AnchorError(EcertError):
    """The root is not anchored, or not as the receipt says (step 3)."""


class AuthorityError(EcertError):
    """The issuing department lacked the right at that block (steps 4 and 5)."""


class StatusError(EcertError):
    """The document was revoked or suspended (step 6)."""


class ValidityError(EcertError):
    """The document is expired or not yet valid (step 7)."""


class HolderBindingError(EcertError):
    """The holder's proof is missing or does not hold (step 8)."""


class ContentError(EcertError):
    """The content does not fit its kind's schema (step 9)."""


class IdentifierError(EcertError):
    """An identifier's form or check character is wrong."""


class KindError(EcertError):
    """A kind is unknown, or its data file is wrong."""


class TrustError(EcertError):
    """A trust file is expired, unsigned, signed by too few, or older than the pinned one."""


class KeystoreError(EcertError):
    """A secret cannot be sealed or opened: wrong passphrase, damaged or foreign bytes."""


class UnavailableError(EcertError):
    """A source (node, registry, snapshot) could not answer; never means "invalid"."""


def sentence(code: str, details: Mapping[str, object], language: Language) -> str:
    """Return the sentence for people that belongs to a code, its details filled in."""
    template = messages()[code][language]
    if "{" not in template:
        return template
    return template.format_map(_Details({k: _shown(v) for k, v in details.items()}))


def _shown(value: object) -> object:
    """Make a detail fit to be shown.

    Details quote what strangers wrote. What moves a terminal's cursor, reorders text or does not
    show (Unicode categories C and Z) is spelt out: it could fake a verdict.
    """
    if isinstance(value, int | float):
        return value
    text = str(value)
    if len(text) > _MAX_DETAIL_CHARS:
        text = text[:_MAX_DETAIL_CHARS] + "…"
    return printable(text)


def reason_of(error: BaseException) -> str:
    """Return why a call failed, for a sentence: in the system's words, or else in plain ones.

    What the error says itself is left out: it may quote a path, an address or somebody's data.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return next((words for kind, words in _REASONS if isinstance(error, kind)), "it failed")


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timed out"),
    (ConnectionError, "connection closed"),
    (OSError, "input or output failed"),
    (UnicodeError, "not valid text"),
    (OverflowError, "number out of range"),
    (RecursionError, "nested too deep"),
    (TypeError, "of a type that has no place here"),
    (ValueError, "of a form that has no place here"),
)
"""Plain words for failures of which the system says none; the first that fits."""


def printable(text: str) -> str:
    """Return a stranger's text with what moves, reorders or hides text spelt out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class _Details(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"


@cache
def messages() -> dict[str, dict[Language, str]]:
    """Return all message tables of the installed packages, merged.

    Raises:
        RuntimeError: Two tables define the same code (a defect of the build, not of input).
    """
    merged: dict[str, dict[Language, str]] = {}
    for package in MESSAGE_PACKAGES:
        for file in _message_files(package):
            for code, sentences in tomllib.loads(file.read_text("utf-8")).items():
                if code in merged:
                    raise RuntimeError(f"message code {code} is defined twice ({file.name})")
                merged[code] = sentences
    return merged


def _message_files(package: str) -> list[Traversable]:
    try:
        folder = resources.files(package) / "messages"
    except ModuleNotFoundError:
        return []
    if not folder.is_dir():
        return []
    return sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
