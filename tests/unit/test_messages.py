"""The sentences for people: one in each language for every code, whole, and none left over."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import pytest

from ecert.errors import MESSAGE_PACKAGES, messages

ROOT = Path(__file__).parents[2]
LANGUAGES = ("zh", "en")
TEMPLATES = (".html", ".js", ".xml")
BY_NAME = re.compile(r"chain_\w+")
"""Codes made from a contract's custom errors, which ``test_chain_errors.py`` holds to its ABI."""


class Raised(NamedTuple):
    """A place in the code where an error is made."""

    place: str
    code: str
    details: frozenset[str]
    whole: bool
    """Whether all details can be seen there: none are passed on by ``**``."""


@cache
def sources() -> dict[Path, ast.Module]:
    return {
        path: ast.parse(path.read_text("utf-8"))
        for package in MESSAGE_PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@cache
def error_classes() -> frozenset[str]:
    """Return the names of the classes under ``EcertError``, wherever they are."""
    bases: dict[str, set[str]] = {}
    for tree in sources().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                bases.setdefault(node.name, set()).update(found)
    known = {"EcertError"}
    while more := {name for name, above in bases.items() if above & known} - known:
        known |= more
    return frozenset(known | {"NotChecked"})


def made(path: Path, tree: ast.Module) -> Iterator[Raised]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not _makes_error(node):
            continue
        codes = [a.value for a in node.args if isinstance(a, ast.Constant)]
        texts = [code for code in codes if isinstance(code, str)]
        if texts:
            details = frozenset(k.arg for k in node.keywords if k.arg is not None)
            whole = all(k.arg is not None for k in node.keywords)
            yield Raised(f"{path.relative_to(ROOT)}:{node.lineno}", texts[0], details, whole)


def _makes_error(node: ast.Call) -> bool:
    name = ast.unparse(node.func)
    return name.rpartition(".")[2] in error_classes() or name == "super().__init__"


RAISED = [
    found
    for path, tree in sources().items()
    for found in made(path, tree)
    if re.fullmatch(r"[a-z0-9_]+", found.code)
]


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def test_errors_are_found() -> None:
    assert len(RAISED) > 400
    assert {"MalformedError", "UnauthenticatedError", "NotVerifiedError"} <= error_classes()


def test_every_code_has_its_sentences() -> None:
    missing = {found.code: found.place for found in RAISED if found.code not in messages()}
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_placeholder_is_given(language: str) -> None:
    gaps = {}
    for found in RAISED:
        sentence = messages()[found.code][language]  # type: ignore[index]
        absent = placeholders(sentence) - found.details
        if found.whole and absent:
            gaps[found.place, found.code] = absent
    assert not gaps


def test_sentences_are_whole() -> None:
    raised = {found.code for found in RAISED}
    for code, sentences in messages().items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", code), code
        assert set(sentences) == set(LANGUAGES), code
        if code.startswith("web_") and code not in raised:
            continue  # a page's own words
        for language, text in sentences.items():
            assert text.strip(), code
            assert text.isprintable(), code
            assert placeholders(text) <= {p for p in placeholders(text) if p.isidentifier()}, code
            assert code not in raised or text == text.strip(), code
            if code in raised and not placeholders(text) >= {language}:
                assert {"zh": "。", "en": "."}[language] in text, (code, text)
        if code in raised and "{zh}" not in sentences["zh"]:
            assert re.search(r"[\u4e00-\u9fff]", sentences["zh"]), code


def test_no_sentence_is_left_over() -> None:
    """A code is used where it stands as text, or where an f-string can make it."""
    literals, patterns = set(), set()
    for tree in sources().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                literals.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                patterns.add(_pattern(node))
    words: set[str] = set()
    for package in MESSAGE_PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.suffix in TEMPLATES:
                words |= set(re.findall(r"[a-z0-9_]+", path.read_text("utf-8")))
    made_up = re.compile("|".join(sorted(p for p in patterns if len(p.replace(".+", "")) > 3)))
    unused = {
        code
        for code in messages()
        if code not in literals
        and code not in words
        and not made_up.fullmatch(code)
        and not BY_NAME.fullmatch(code)
    }
    assert not unused


def _pattern(node: ast.JoinedStr) -> str:
    """Return what an f-string makes, as a regular expression."""
    parts = [
        re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in node.values
    ]
    return "".join(str(part) for part in parts)
