"""Backups: one encrypted file that holds database, chain and small files, and the way back."""
