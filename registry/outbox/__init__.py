"""Transactions on their way to the chain, exactly once each."""
