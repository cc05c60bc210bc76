"""The verifier as a web service: one page for people, one interface for programs."""
