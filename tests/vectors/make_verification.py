"""Make ``negative/verification.json``: documents, cards, receipts and chains that deceive nobody.

Run ``python tests/vectors/make_verification.py`` after a change to the format.

The file: ``now``, ``trust`` (a trust file's text) and ``catalogue`` (the data files of the kinds
that it pins) hold for all, and ``valid`` is what a case without an ``input`` shows. ``chain`` is
what the contracts hold, by department: keys, anchors, status entries ``list/index``, revocations.
Intervals are ``[from, until]``, until excluded, null while open. A case may change the chain by
``patch`` (RFC 7396), and have its own ``expect`` (what was asked of the holder; the challenge in
base64url) and ``receipts`` that a registry answers with. ``step`` is the step that decides,
``code`` its reason. ``controls`` are the other side of a boundary: they must be valid.
``trust_files`` (some to follow the one that is ``pinned``), ``checkpoints`` (of ``operators``) and
``status_lists`` must each be refused with their code.
"""

import json
from pathlib import Path
from typing import Any

import verification_more as more
import verification_parts as parts
from sd_jwt_parts import NOW
from verification_cases_chain import chain_cases, chain_controls
from verification_cases_form import form_cases
from verification_cases_receipt import receipt_cases
from verification_cases_text import text_cases, text_controls

from tests.fakes.vector_chain import merged

FILE = Path(__file__).parent / "negative" / "verification.json"


def make() -> dict[str, Any]:
    return {
        "now": NOW,
        "trust": parts.trust(),
        "catalogue": parts.CATALOGUE,
        "valid": parts.FILE,
        "chain": merged(parts.CHAIN, parts.anchored(parts.D)),
        "cases": [*form_cases(), *text_cases(), *receipt_cases(), *chain_cases()],
        "controls": [*text_controls(), *chain_controls()],
        "trust_files": more.trust_files(),
        "checkpoints": more.checkpoints(),
        "operators": more.OPERATORS,
        "status_lists": more.status_lists(),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(make(), ensure_ascii=True, indent=1) + "\n", "utf-8")
