"""Departments with their keys and accounts, and the acts that set them up on the chain."""
