"""Taking over from the chain what a database restored from a backup does not know.

Everything is found first (``findings``, ``rediscovery``), and then applied in one transaction:
statuses, departments and keys, roots. Nothing is signed before that.
"""
