"""Ciphertexts that printed look-up codes lead to; the registry cannot read them."""
