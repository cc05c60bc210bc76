"""What a wallet holds, as text for a terminal and as JSON for programs."""

from typing import Any

from ecert.errors import KindError, Language
from ecert.fields import time_text
from ecert.kinds import Kind
from ecert.kinds.catalogue import Catalogue
from wallet.claims import PendingClaim
from wallet.model import HeldDocument

_LANGUAGES: tuple[Language, ...] = ("zh", "en")


def document_line(entry_id: str, held: HeldDocument) -> str:
    """Return a document in one line: id, titles, department, end of validity."""
    kind, claims = _kind(held), held.claims()
    titles = [kind.title(claims, language) for language in _LANGUAGES] if kind else [held.kind]
    until = "长期 permanent" if held.expires is None else time_text(held.expires)[:10]
    paper = "" if held.key else "  纸质副本 paper copy"
    return f"{entry_id}  {' / '.join(titles)}  {held.department}  至 until {until}{paper}"


def pending_line(entry_id: str, claim: PendingClaim) -> str:
    """Return a pending claim in one line."""
    state = "登记中 being anchored" if claim.answered else "未得到答复 no answer yet"
    return f"{entry_id}  待领取 claimed from {claim.origin}: {state}"


def describe_document(entry_id: str, held: HeldDocument) -> str:
    """Return all of a document: each claim with the name to disclose it by, cards, history."""
    kind, claims = _kind(held), held.claims()
    lines = [document_line(entry_id, held)]
    names = [name for name in kind.claim_names if name in claims] if kind else []
    lines += [
        f"  {name:24} {_labelled(kind, name, claims[name])}"
        for name in dict.fromkeys((*names, *claims))
    ]
    lines.append(f"  卡片 cards: {', '.join(held.cards) or '-'}")
    for entry in held.history:
        to = entry.to or "（扫码者 whoever scanned it）"
        lines.append(f"  {time_text(entry.at)} 出示 shown to {to}: {', '.join(entry.claims)}")
    return "\n".join(lines)


def document_json(entry_id: str, held: HeldDocument) -> dict[str, Any]:
    """Return a document for programs; no key is in it."""
    return {
        "id": entry_id,
        "kind": held.kind,
        "department": held.department,
        "expires": None if held.expires is None else time_text(held.expires),
        "paper": held.key is None,
        "claims": held.claims(),
        "cards": list(held.cards),
        "history": [
            {"at": time_text(shown.at), "to": shown.to, "claims": list(shown.claims)}
            for shown in held.history
        ],
    }


def _labelled(kind: Kind | None, name: str, value: object) -> str:
    if kind is None:
        return str(value)
    labels = " ".join(kind.label(name, language) for language in _LANGUAGES)
    return f"{labels}: {kind.value_text(name, value, 'zh')}"


def _kind(held: HeldDocument) -> Kind | None:
    """Return a document's kind, None where this version's catalogue does not have it."""
    try:
        return Catalogue.load().kind(held.kind)
    except KindError:
        return None
