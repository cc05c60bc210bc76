"""Where the contracts keep what they say of one document, and how its slots are computed."""

from ecert.chain.layout import ANCHOR_REGISTRY, DEPARTMENT_REGISTRY, STATUS_REGISTRY, Layout, Place
from ecert.chain.records import ANCHORS, DEPARTMENTS, STATUSES
from ecert.encoding import code_bytes
from ecert.status import ENTRIES_PER_WORD
from verifier.evidence.report.exhibit import Exhibit


def places(exhibit: Exhibit) -> dict[str, tuple[str, Place]]:
    """Return the contract and the place of each word; none where no records were found.

    Args:
        exhibit: The package that is about the document.
    """
    artefact, receipt, facts = exhibit.artefact, exhibit.receipt, exhibit.report.facts
    if artefact is None or receipt is None or facts is None:
        return {}
    department = code_bytes(artefact.department, 20, where="department")
    statuses, status = Layout.of(STATUS_REGISTRY), artefact.status
    anchor = Layout.of(ANCHOR_REGISTRY).path("_anchors", department, receipt.root)
    word = statuses.path("_words", department, status.list, status.index // ENTRIES_PER_WORD)
    digest = statuses.path("_digests", department, artefact.digest)
    root = statuses.path("_roots", department, receipt.root)
    keys = Layout.of(DEPARTMENT_REGISTRY).path("_departments", department, "keys")
    found = {
        "anchor": (ANCHORS, anchor),
        "status": (STATUSES, word),
        "digest_revoked": (STATUSES, digest),
        "root_revoked": (STATUSES, root),
    }
    if facts.key is not None:
        found["key_x"] = (DEPARTMENTS, keys.path(artefact.kid, "x"))
    return found


def slot_terms(number: int, word: int) -> dict[str, str]:
    """Return how each slot is computed, in the terms of ``programs.slots``.

    Args:
        number: The list of statuses.
        word: The word of it.
    """
    anchors, statuses, departments = (
        {name: slot for name, (_, slot, _) in Layout.of(contract).variables.items()}
        for contract in (ANCHOR_REGISTRY, STATUS_REGISTRY, DEPARTMENT_REGISTRY)
    )
    department = Layout.of(DEPARTMENT_REGISTRY).path("_departments", bytes(20))
    keys = department.path("keys")
    key = keys.path(bytes(32))
    keys_at, x_at = keys.slot - department.slot, key.path("x").slot - key.slot
    held = f"plus(k(D, n({departments['_departments']})), {keys_at})"
    return {
        "anchor": f"k(root, k(D, n({anchors['_anchors']})))",
        "status": f"k(n({word}), k(n({number}), k(D, n({statuses['_words']}))))",
        "digest_revoked": f"k(digest, k(D, n({statuses['_digests']})))",
        "root_revoked": f"k(root, k(D, n({statuses['_roots']})))",
        "key_x": f"plus(k(kid, {held}), {x_at})",
    }
