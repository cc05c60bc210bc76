"""What a report on a package says in words of its own.

The sentences of other checks tell a verifier to connect, to renew data, or to look again later. A
package stays as it is: what helps is another package, or a check online.
"""

from dataclasses import replace

from ecert.report import Report

INSTEAD = {
    "verdict_undecided": "evidence_undecided",
    "verdict_not_yet_anchored": "evidence_not_anchored_then",
    "source_too_old": "evidence_too_old",
    "not_yet_anchored": "evidence_anchor_absent",
    "holder_waived": "evidence_holder_unknown",
}
"""Codes of sentences, and those in their place."""


def worded(report: Report) -> Report:
    """Return a report whose sentences are those for a package."""
    return replace(
        report,
        said=INSTEAD.get(f"verdict_{report.verdict}"),
        steps=tuple(replace(step, code=INSTEAD.get(step.code, step.code)) for step in report.steps),
    )
