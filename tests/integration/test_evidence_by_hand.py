"""Commands copied from a report, as HTML or PDF, find the values that it gives."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecert.chain import qbft
from ecert.errors import Language
from networks.embedded import EmbeddedChain
from tests.fakes.report_reading import check_alone, pages
from tests.integration.exhibits import Exhibits, exhibits
from verifier.evidence.report.blocks import Commands, Part, Rows, Section, Table
from verifier.evidence.report.contents import part
from verifier.evidence.report.exhibit import Exhibit
from verifier.evidence.report.html import render_html
from verifier.evidence.report.pdf import render_pdf
from verifier.evidence.report.programs import COLUMNS, INSTALL

TOOLS = ("bash", "jq", "xxd", "openssl", "sha256sum")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not here: {', '.join(MISSING)}")
MARK = "== next"
LONG = re.compile(r"\b[0-9a-f]{40,130}\b")


@pytest.fixture(scope="module")
def made(chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exhibits]:
    with exhibits(tmp_path_factory.mktemp("evidence"), chain) as found:
        yield found


def blocks(made_part: Part) -> list[tuple[Section, tuple[str, ...]]]:
    """Return commands by the sections that they stand in."""
    return [
        (section, block.lines)
        for section in made_part.sections
        for block in section.blocks
        if isinstance(block, Commands)
    ]


def copied(exhibit: Exhibit, language: Language, form: str) -> list[str]:
    """Return the commands as they are copied: whole, and all of each on one page."""
    if form == "pdf":
        sheets = pages(render_pdf(exhibit, (language,)))
    else:
        sheets = [check_alone(render_html(exhibit, (language,))).text]
    texts = ["\n".join(lines) for _, lines in blocks(part(exhibit, language))]
    for text in texts:
        assert any(f"\n{text}\n" in sheet for sheet in sheets), text
    return texts


def run(texts: list[str], folder: Path, exhibit: Exhibit) -> list[str]:
    """Run commands in one shell, from top to bottom, and return what each block printed."""
    (folder / exhibit.package.name).write_bytes(exhibit.package.data)
    (folder / exhibit.trust.name).write_bytes(exhibit.trust.data)
    # The libraries are those of the tests.
    script = f"\necho '{MARK}'\n".join(text for text in texts if text != "\n".join(INSTALL))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail"],
        input=script, cwd=folder, env=os.environ | {"PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).split(f"{MARK}\n")


def given(section: Section) -> Iterator[str]:
    """Yield every long number that a section gives in its rows, in their order."""
    for block in section.blocks:
        if isinstance(block, Rows | Table):
            yield from (number for row in block.rows for cell in row for number in long(cell))


def long(text: str) -> list[str]:
    return LONG.findall(text.replace("0x", " "))


@needs_tools
@pytest.mark.parametrize("form", ["pdf", "html"])
@pytest.mark.parametrize("name", ["stamped", "operator", "handed_over", "revoked"])
def test_they_find_what_the_report_says(
    made: Exhibits,
    tmp_path: Path,
    name: str,
    form: str,
) -> None:
    exhibit: Exhibit = getattr(made, name)
    language: Language = "zh" if name == "handed_over" else "en"
    texts = copied(exhibit, language, form)
    if exhibit.report.report.verdict.exit_code:
        texts[0] += " || true"
    outputs = run(texts, tmp_path, exhibit)
    stood = [section for section, lines in blocks(part(exhibit, language)) if lines != INSTALL]
    whole, _, signed, leaf, slots, words, *others = outputs
    assert long(whole)[:2] == [exhibit.package.sha256, exhibit.trust.sha256]
    assert exhibit.report.report.headline("zh") in whole
    assert exhibit.artefact is not None
    assert long(signed) == [exhibit.artefact.digest.hex()]
    assert long(leaf) == [next(given(stood[3]))]
    # Slot, word, slot, word …
    assert long(slots) == list(given(stood[4]))[::2]
    values = {*given(stood[4])}
    assert {*long(words)} <= values | {*given(stood[5])}
    assert {*long(words)} >= {*list(given(stood[4]))[1::2]}
    if exhibit.header is None:
        assert others == []
        return
    seals = others.pop(0)
    assert {*long(seals)} == {*given(stood[6])}
    assert f"block hash {exhibit.report.block.hash.hex()}\n" in seals
    assert f"seal hash {qbft.seal_hash(exhibit.header).hex()}\n" in seals
    for address, seal in qbft.signed_seals(exhibit.header.encoded):
        assert f"0x{address.hex()} {seal.hex()}\n" in seals
    assert ["Verification: OK" in stamp for stamp in others] == [True] * exhibit.report.stamped


@needs_tools
def test_they_do_not_find_it_in_another_header(
    made: Exhibits,
    tmp_path: Path,
) -> None:
    exhibit = made.stamped
    assert exhibit.header is not None
    texts = copied(exhibit, "en", "pdf")
    root = exhibit.report.block.state_root
    altered = exhibit.header.encoded.replace(root, root[:-1] + bytes([root[-1] ^ 1]))
    write = f"printf {altered.hex()} | xxd -r -p > header"
    texts[-2:] = [f"{write}\n{texts[-2]}"]
    seals = run(texts, tmp_path, exhibit)[-1]
    assert exhibit.report.block.hash.hex() not in seals
    for address, _ in qbft.signed_seals(exhibit.header.encoded):
        assert address.hex() not in seals


def test_no_line_is_one_that_paper_changes(made: Exhibits) -> None:
    for exhibit in vars(made).values():
        for _, lines in blocks(part(exhibit, "en")):
            for line in lines:
                assert line == line.strip()
                assert 0 < len(line) <= COLUMNS
                assert not line.endswith("-")
