"""The council's trust file: drafting, signing and publishing its versions."""

from registry.trust.drafting import issue_trust

__all__ = ["issue_trust"]
