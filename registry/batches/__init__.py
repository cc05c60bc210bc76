"""Trees of digests, their receipts and published leaves."""
