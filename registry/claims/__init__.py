"""Handing documents over to wallets."""
