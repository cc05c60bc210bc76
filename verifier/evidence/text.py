"""A report on an evidence package as text for a terminal."""

from collections.abc import Iterator, Sequence

from ecert.errors import Language
from ecert.evidence import EvidenceReport
from ecert.fields import hex_text, time_text
from ecert.kinds.catalogue import Catalogue
from verifier.text import render

_WORDS: dict[str, dict[Language, str]] = {
    "block": {"zh": "所依据的区块", "en": "Block it rests on"},
    "sealed": {
        "zh": "{n} 个验证节点中 {found} 个签封，变更 {changes} 次",
        "en": "sealed by {found} of {n} validators, after {changes} changes of them",
    },
    "pinned": {
        "zh": "即信任文件所指定的区块，无需签封（未核对签封）",
        "en": "the block that the trust file names: no seals are needed, and none were checked",
    },
    "anchor": {"zh": "上链登记", "en": "Anchored"},
    "at": {"zh": "区块", "en": "block"},
    "root": {"zh": "树根", "en": "root"},
    "bytes": {"zh": "字节", "en": "bytes"},
    "stamp": {"zh": "时间戳", "en": "Timestamp"},
    "unchecked": {
        "zh": "有时间戳令牌，但信任文件未列时间戳机构，未予核对",
        "en": "there is a token, not checked: the trust file names no authority",
    },
    "asked": {"zh": "所问时间", "en": "Asked about"},
    "package": {"zh": "证据包", "en": "Package"},
    "proves": {"zh": "证明了", "en": "It proves"},
    "limits": {"zh": "限度", "en": "Its limits"},
}


def render_evidence(
    report: EvidenceReport, languages: Sequence[Language], catalogue: Catalogue
) -> str:
    """Return a report as text."""
    return "\n".join((render(report.report, languages, catalogue), *_lines(report, languages)))


def _lines(report: EvidenceReport, languages: Sequence[Language]) -> Iterator[str]:
    block, facts, receipt = report.block, report.facts, report.receipt
    if facts is not None and facts.anchor is not None:
        root = "" if receipt is None else f", {_word('root', languages)} {hex_text(receipt.root)}"
        anchored = time_text(facts.anchor.time)
        place = f"{_word('at', languages)} {facts.anchor.block}{root}"
        yield f"  {_word('anchor', languages)}: {anchored}, {place}"
    yield f"  {_word('block', languages)}: {block.number}, {time_text(block.time)}"
    yield f"    {hex_text(block.hash)}"
    if block.validators:
        for language in languages:
            sealed = _WORDS["pinned" if block.pinned else "sealed"][language].format(
                n=len(block.validators), found=len(block.sealers), changes=report.handovers
            )
            yield f"    {sealed}"
    if report.asked != block.time:
        yield f"  {_word('asked', languages)}: {time_text(report.asked)}"
    if report.timestamp is not None:
        stamp = report.timestamp
        yield f"  {_word('stamp', languages)}: {time_text(stamp.time)}, {stamp.authority}"
    elif report.stamped:
        yield from (f"  {_WORDS['unchecked'][language]}" for language in languages)
    size = f"{report.size} {_word('bytes', languages)}"
    yield f"  {_word('package', languages)}: {size}, SHA-256 {report.digest.hex()}"
    for title, codes in (("proves", report.proves), ("limits", report.limits)):
        if codes:
            yield f"  {_word(title, languages)}:"
        for code in codes:
            first, *more = (report.sentence(code, language) for language in languages)
            yield f"    · {first}"
            yield from (f"      {sentence}" for sentence in more)


def _word(name: str, languages: Sequence[Language]) -> str:
    return " / ".join(_WORDS[name][language] for language in languages)
