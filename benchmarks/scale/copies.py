"""Many copies of what a registry holds, within PostgreSQL and in the tables of today."""

from registry.database import Database

_LISTS = 1_000
"""More status lists than a department has before it is copied."""

# Copy ``i`` of an identifier keeps its time, so that copies of rows refer to copies of rows.
_ID = "left({0}, 12) || left(md5(i || {0}), 20)"
_HASH = "sha256((i || encode({0}, 'hex'))::bytea)"
_OTHERS = {
    "document": {"id": _ID, "fingerprint": _HASH},
    "claim": {"id": _ID, "document_id": _ID},
    "claim_code": {"id": _ID, "document_id": _ID, "code_hash": _HASH},
    "batch": {"id": _ID, "root": _HASH, "sequence": "NULL::bigint"},
    "artefact": {
        "id": _ID,
        "document_id": _ID,
        "claim_id": _ID,
        "batch_id": _ID,
        "digest": _HASH,
        "status_list": f"{{0}} + {_LISTS} * i",
    },
    "status_change": {
        "id": "{0} + 1000000000 * i::bigint",
        "document_id": _ID,
        "list": f"{{0}} + {_LISTS} * i",
    },
}


def multiply(database: Database, copies: int) -> None:
    """Add copies of every document with all that belongs to it."""
    with database.engine.begin() as connection:
        for table, others in _OTHERS.items():
            names = connection.exec_driver_sql(
                "SELECT column_name FROM information_schema.columns"
                f" WHERE table_name = '{table}' ORDER BY ordinal_position"
            ).scalars()
            columns = ", ".join(
                others.get(name, "{0}").format(f'{table}."{name}"') for name in names
            )
            connection.exec_driver_sql(
                f"INSERT INTO {table} SELECT {columns}"
                f" FROM {table} CROSS JOIN generate_series(1, {copies}) AS i"
            )
