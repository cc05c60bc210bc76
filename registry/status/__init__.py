"""Suspension and revocation, and the lists in which they show."""
