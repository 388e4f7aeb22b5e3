"""What a restored copy takes from the store that it replaces: how that store's transactions ended (faults D-08).

A transaction that is open in the copy and was stopped since would be ended a second time, with another meter.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Table

from ocpp_gateway.store import schema

_OPEN_IN_ONE_ONLY = """
    SELECT copied.local_id FROM main.charging_transaction copied
    JOIN replaced.charging_transaction ended USING (number, local_id)
    WHERE copied.stopped_boot_id IS NULL AND ended.stopped_boot_id IS NOT NULL"""
_OF_ANOTHER_LIFE = """
    SELECT count(*) FROM main.outbox copied JOIN replaced.outbox other USING (seq)
    WHERE copied.action IS NOT other.action OR copied.local_id IS NOT other.local_id"""
_MESSAGES = "seq IN (SELECT seq FROM replaced.outbox WHERE local_id = :local_id)"
_NEW_READINGS = "local_id = :local_id AND number > (SELECT coalesce(max(number), 0) FROM main.transaction_reading)"


def take_over_stops(new: Path, replaced: Path) -> int:
    """Lets the transactions that are open in `new` end as they have in `replaced`, messages and all; gives how many.

    Both are sound stores. Of one with another schema, or that went on otherwise from the copy, nothing is taken: a
    number would mean two things. Raises sqlite3.Error; `new` is then as it was.
    """
    with closing(sqlite3.connect(new.as_uri(), uri=True, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS replaced", (f"{replaced.as_uri()}?mode=ro",))
        (same,) = connection.execute(
            "SELECT (SELECT version_num FROM main.alembic_version) = (SELECT version_num FROM replaced.alembic_version)"
        ).fetchone()
        if not same or connection.execute(_OF_ANOTHER_LIFE).fetchone() != (0,):
            return 0
        connection.execute("BEGIN IMMEDIATE")
        ended = connection.execute(_OPEN_IN_ONE_ONLY).fetchall()
        for (local_id,) in ended:
            _take(connection, schema.charging_transaction, "local_id = :local_id", local_id)
            _take(connection, schema.transaction_id, "local_id = :local_id", local_id)
            _take(connection, schema.outbox, "local_id = :local_id", local_id)
            _take(connection, schema.transmission, _MESSAGES, local_id)
            _take(connection, schema.transaction_reading, _NEW_READINGS, local_id)
            connection.execute("DELETE FROM main.transaction_sample WHERE local_id = ?", (local_id,))
        connection.execute("COMMIT")
        return len(ended)


def _take(connection: sqlite3.Connection, table: Table, which: str, local_id: str) -> None:
    columns = ", ".join(column.name for column in table.columns)
    connection.execute(
        f"INSERT OR REPLACE INTO main.{table.name} ({columns}) "  # noqa: S608
        f"SELECT {columns} FROM replaced.{table.name} WHERE {which}",
        {"local_id": local_id},
    )
