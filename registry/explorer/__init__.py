"""What pages show of the chain, read from the chain itself and not from this registry's tables."""
