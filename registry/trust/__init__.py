"""The council's trust file: drafting, signing and publishing its versions."""

from registry.trust.drafting import describe_trust, issue_trust

__all__ = ["describe_trust", "issue_trust"]
