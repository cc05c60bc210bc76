"""The pages say what the code does: commands, links, tables, names and numbers are compared."""

import hashlib
import importlib
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner

from ecert import card, claiming, errors, limits, lookup
from ecert.artefact import PROFILE
from ecert.client import console
from ecert.facts import Basis
from ecert.kinds import Catalogue
from ecert.receipt import Receipt
from ecert.report import STEPS, Verdict
from ecert.sd_jwt.names import CLOCK_LEEWAY_SECONDS, KEY_BINDING_MAX_AGE_SECONDS
from ecert.signing import SUITES
from ecert.steps import ANCHOR_WITHIN_SECONDS, CLOCK_SKEW_SECONDS
from ecert.trust import TrustFile
from ecert.verification import _CODE_VERDICT, _FAILED_VERDICT
from registry.access.models import Role
from registry.api.app import _DOMAINS
from registry.api.errors import status_of
from registry.api.guard import PublicRoute
from registry.cli.main import app as registry_app
from registry.documents.models import DocumentState
from registry.settings import Settings
from tests.unit.doc_pages import ROOT, Page, all_pages, code_in, page
from verifier.cli import app as verifier_app
from wallet.cli import app as wallet_app

ARCHITECTURE = page("docs/architecture.md")
FORMATS = page("docs/formats.md")
OPERATIONS = page("docs/operations.md")
README = page("README.md")

PROGRAMS = {"registry": registry_app, "verifier": verifier_app, "wallet": wallet_app}
OTHERS = {"cd", "export"}
"""Commands in examples that are not this project's."""

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
FOLDERS = (
    *("benchmarks", "contracts", "docs", "ecert", "networks", "registry", "requirements"),
    *("samples", "tests", "verifier", "wallet"),
)
KINDS_TO_CARRY = 76


def every_page(function: Any) -> Any:
    return pytest.mark.parametrize("found", all_pages(), ids=str)(function)


def commands(found: Page) -> Iterator[str]:
    """Yield the commands of a page: all lines of shell blocks, and those named within lines."""
    for block in found.blocks("sh"):
        for line in block.splitlines():
            yield from (part.strip() for part in line.partition("#")[0].split(";") if part.strip())
    heads = (*PROGRAMS, "make", "python", "pytest")
    for span in found.spans:
        if re.match(rf"({'|'.join(heads)}) [a-z.\-]", span):
            yield span


@every_page
def test_links_lead_somewhere(found: Page) -> None:
    for link in found.links:
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (found.path.parent / name).resolve() if name else found.path
        assert target.exists(), link
        if anchor:
            assert anchor in Page(target).anchors, link


@every_page
def test_commands_exist(found: Page) -> None:
    for command in commands(found):
        head, *words = shlex.split(command)
        if head in PROGRAMS:
            check_program(head, words)
        elif head == "make":
            check_make(words)
        elif head in ("python", "pytest"):
            check_python(words)
        else:
            assert head in OTHERS, command


def check_make(words: list[str]) -> None:
    for word in words:
        variable, _, value = word.partition("=")
        known = f"$({variable})" if value else f"\n{variable}:"
        assert known in MAKEFILE, f"make {word}"


def check_python(words: list[str]) -> None:
    if words[0] == "-m":
        assert importlib.util.find_spec(words[1]), words
        return
    for word in words:
        assert word.isupper() or word[0] == "-" or (ROOT / word).exists(), words


def check_program(name: str, words: list[str]) -> None:
    """Follow the subcommands, ask for help there, and look for each option in what it takes."""
    command: Any = click_command(name)
    options = {option for parameter in command.params for option in parameter.opts}
    path: list[str] = []
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in options, f"{name} {path}: {word}"
        elif word in getattr(command, "commands", {}):
            command = command.commands[word]
            path.append(word)
            options |= {option for parameter in command.params for option in parameter.opts}
    assert path, f"{name} {words} names no command"
    assert not getattr(command, "commands", {}), f"{name} {path} is no whole command"
    assert helped(name, tuple(path)) == 0


@cache
def click_command(name: str) -> Any:
    return typer.main.get_command(PROGRAMS[name])


@cache
def helped(name: str, path: tuple[str, ...]) -> int:
    return CliRunner().invoke(PROGRAMS[name], [*path, "--help"]).exit_code


@every_page
def test_files_and_modules_exist(found: Page) -> None:
    for span in found.spans:
        if re.fullmatch(rf"({'|'.join(FOLDERS)})/[\w./\-]*", span):
            assert (ROOT / span).exists(), span
        if re.fullmatch(r"(ecert|registry|wallet|verifier|networks)(\.\w+)+", span):
            check_dotted(span)


def check_dotted(name: str) -> None:
    parent, _, last = name.rpartition(".")
    try:
        module = importlib.import_module(parent)
    except ModuleNotFoundError:
        check_dotted(parent)
        return
    assert hasattr(module, last) or importlib.util.find_spec(name), name


@every_page
def test_variables_of_the_environment_are_read_somewhere(found: Page) -> None:
    settings = {f"REGISTRY_{name.upper()}" for name in Settings.model_fields}
    names = set(re.findall(r"\b(?:REGISTRY|WALLET|VERIFIER|ECERT)_[A-Z_]*[A-Z]\b", found.text))
    for name in names - settings:
        assert name.removesuffix("_FILE") in sources(), name


@cache
def sources() -> str:
    folders = ("ecert", "registry", "wallet", "verifier", "networks", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return "\n".join(path.read_text("utf-8") for path in files if path.name != "test_docs.py")


def test_steps() -> None:
    rows = ARCHITECTURE.table("step", "name")
    assert [(int(number), *code_in(name)) for number, name, _ in rows] == list(enumerate(STEPS))


def test_verdicts_and_exit_codes() -> None:
    rows = ARCHITECTURE.table("step", "what happened")
    told: dict[Verdict, tuple[str, int]] = {}
    for steps, _, verdict, code in rows:
        [name] = code_in(verdict)
        assert Verdict(name) not in told
        told[Verdict(name)] = steps, int(code)
    assert {verdict: code for verdict, (_, code) in told.items()} == {
        verdict: verdict.exit_code for verdict in Verdict
    }
    for step, verdict in _FAILED_VERDICT.items():
        assert str(step) in told[verdict][0], verdict
    assert set(_CODE_VERDICT.values()) <= set(told)


def test_readme_says_the_exit_codes() -> None:
    said = "\n".join(README.blocks("sh"))
    for text, verdict in (
        ("0 valid", Verdict.VALID),
        ("1 not valid", Verdict.REVOKED),
        ("2 cannot be decided now", Verdict.UNDECIDED),
        ("3 unreadable", Verdict.UNREADABLE),
    ):
        assert text in said
        assert int(text[0]) == verdict.exit_code


def test_bases() -> None:
    rows = ARCHITECTURE.table("basis")
    assert [code_in(row[0])[0] for row in rows] == [basis.value for basis in Basis]


def test_states_of_a_document() -> None:
    sentence = ARCHITECTURE.text.partition("A document's states are ")[2].partition(".")[0]
    assert code_in(sentence) == [state.value for state in DocumentState]


def test_errors_and_their_statuses() -> None:
    for name, text, status in ARCHITECTURE.table("class", "means"):
        [class_name] = code_in(name)
        error = getattr(errors, class_name)("any")
        assert status_of(error) == int(status), class_name
        for special, code in re.findall(r"(\d{3}) for `(\w+)`", text):
            assert status_of(type(error)(code)) == int(special)


def test_exit_codes_of_the_programs() -> None:
    sentence = ARCHITECTURE.text.partition("The command lines end with ")[2].partition(".")[0]
    codes = (console.REFUSED, console.UNAVAILABLE, console.UNREADABLE, console.USAGE)
    assert [int(code) for code in re.findall(r"\d+", sentence)] == list(codes)


def test_import_contracts() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'layers = ["registry | wallet | verifier", "networks", "ecert"]' in project
    assert "`registry | wallet | verifier` → `networks` → `ecert`" in ARCHITECTURE.text


def test_settings() -> None:
    told: dict[str, str] = {}
    for names, default, _ in OPERATIONS.table("setting", "default"):
        found = code_in(names)
        told |= dict.fromkeys(found, default if len(found) == 1 else "")
    assert set(told) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        if told[name] and isinstance(field.default, int | float):
            assert told[name] == str(field.default), name
    host, port = Settings.model_fields["host"], Settings.model_fields["port"]
    assert f"`{host.default}`, {port.default}" in OPERATIONS.text


def test_roles() -> None:
    rows = OPERATIONS.table("role", "may")
    assert [code_in(row[0])[0] for row in rows] == [role.value for role in Role]


def test_public_routes() -> None:
    routes = [route for domain in _DOMAINS for router in domain.routers for route in router.routes]
    public = [route for route in routes if isinstance(route, PublicRoute)]
    there = {
        f"{method} {route.path}": str(getattr(route.endpoint, "rate_cost", 1))
        for route in public
        if getattr(route.endpoint, "rate_limit", "public") == "public"
        for method in route.methods
    }
    claims = {f"{method} {r.path}" for r in public for method in r.methods} - set(there)
    told = {name: count for names, _, count in OPERATIONS.table("route") for name in code_in(names)}
    assert {name: count for name, count in told.items() if name not in claims} == there
    assert claims <= set(told)


def test_metrics() -> None:
    told = {name for row in OPERATIONS.table("metric") for name in code_in(row[0])}
    source = (ROOT / "registry/api/metrics.py").read_text("utf-8")
    there = set(re.findall(r'"(ecert_\w+)"', source)) - {"ecert_http_requests"}
    there |= {f"ecert_{name}_up" for name in re.findall(r'\("(\w+)", vitals\.', source)}
    assert told == there | {"ecert_http_requests_total"}


def test_limits() -> None:
    for name, value, _ in FORMATS.table("limit", "value"):
        assert getattr(limits, code_in(name)[0]) == int(value.replace(",", "")), name


def test_profile_of_the_sd_jwt() -> None:
    assert [code_in(row[0])[0] for row in FORMATS.table("claim")] == list(PROFILE)
    text = FORMATS.section("SD-JWT VC")
    ages = f"Not older than {KEY_BINDING_MAX_AGE_SECONDS} s"
    assert f"{ages} and not more than {CLOCK_LEEWAY_SECONDS} s ahead" in text
    hours = ANCHOR_WITHIN_SECONDS // 3600
    assert f"anchored from {CLOCK_SKEW_SECONDS} s before to {hours} h after" in text


def test_suites() -> None:
    rows = [(code_in(a)[0], int(b), int(c)) for _, a, b, c, _ in FORMATS.table("suite")]
    assert rows == [(suite.jose, suite.cose, suite.chain) for suite in SUITES]


def test_members_of_the_trust_file() -> None:
    text = FORMATS.section("Trust file")
    members = re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
    assert [name for cell in members for name in code_in(cell)] == list(
        TrustFile.__dataclass_fields__
    )


def test_receipt_in_the_formats() -> None:
    receipt = Receipt.from_json(json.loads(FORMATS.section("Receipt").split("```")[1][4:]))
    receipt.check_inclusion(hashlib.sha256(b"first").digest())


def test_domain_tags() -> None:
    proof = card.proof_input(bytes(32), 0, b"")
    sealed = lookup._DOMAIN
    claim = claiming.proof_input(claiming.new_code(), "")
    for signed in (proof, sealed, claim):
        tag = signed.partition(b"\0")[0].decode("ascii")
        assert f'"{tag}" 0x00' in FORMATS.text


def test_how_many_kinds_are_missing() -> None:
    missing = f"{KINDS_TO_CARRY - len(Catalogue.load())} of "
    assert f"{missing}{KINDS_TO_CARRY} kinds" in README.text
    assert f"{missing}the {KINDS_TO_CARRY} kinds" in OPERATIONS.text


def test_figures_are_those_of_the_benchmarks() -> None:
    benchmarks = page("docs/benchmarks.md").text
    section = README.section("Beside others")
    figures = re.findall(r"\d+,\d{3}|\b\d\.\d\b", section)
    assert figures
    for figure in figures:
        assert figure in benchmarks, figure


def test_indices_are_complete() -> None:
    index = page("docs/README.md")
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "README.md" or path.name in index.links
    decisions = page("docs/adr/README.md")
    names = [path.name for path in sorted((ROOT / "docs/adr").glob("0*.md"))]
    assert decisions.links == names
    assert len({name[:4] for name in names}) == len(names)
    for name in names:
        text = page(f"docs/adr/{name}").text
        assert text.startswith(f"# {int(name[:4])}. ")
        for part in ("Decision", "Why", "Cost"):
            assert f"**{part}.**" in text, name


def test_pictures_stand_alone() -> None:
    for path in (ROOT / "docs/images").glob("*.svg"):
        text = path.read_text("utf-8")
        assert ET.fromstring(text).tag.endswith("svg")
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r'(href|src)="(?!#)', text)
        assert "<script" not in text
