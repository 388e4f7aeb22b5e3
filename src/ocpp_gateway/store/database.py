"""The SQLite database under the store: opened so that what was committed survives a power cut."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import schema, sqlite_file
from ocpp_gateway.store.migrate import migrate

_BUSY_TIMEOUT_S = 5.0
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_SYNCHRONOUS_FULL = 2  # in WAL mode, NORMAL loses the last commits with the power


def open_database(path: Path) -> Connection:
    """The one connection to the database, its schema up to date. For the thread that calls this only.

    One connection writes, reads and checkpoints: SQLite before 3.51.3 can corrupt a WAL that two connections
    checkpoint at once. Raises StoreError when there is no trusting the file.
    """
    sqlite_file.prepare_file(path)
    connection = _connect(path)
    try:
        _check(connection, path)
        with connection.begin():
            migrate(connection, path)
            instance_id = connection.execute(select(schema.store_meta.c.instance_id)).scalar_one()
        sqlite_file.leave_mark(path, instance_id)
    except (DBAPIError, sqlite3.Error) as exc:
        close_database(connection)
        cause = exc.orig if isinstance(exc, DBAPIError) else exc
        mend = "" if getattr(cause, "sqlite_errorname", "") not in _DAMAGED else ": restore a backup"
        raise StoreError(f"cannot open the store {path}: {cause}{mend}") from exc
    except BaseException:
        close_database(connection)
        raise
    return connection


def close_database(connection: Connection) -> None:
    """Closes the connection; SQLite then moves what is left in the WAL into the database."""
    connection.close()
    connection.engine.dispose()


def write_nothing(connection: Connection) -> None:
    """Writes a page that holds what it held. SQLite leaves out an UPDATE that changes nothing, but not this."""
    connection.exec_driver_sql("PRAGMA user_version = 0")


def _connect(path: Path) -> Connection:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY_TIMEOUT_S},
        poolclass=NullPool,
        hide_parameters=True,  # id tags
    )
    event.listen(engine, "connect", _take_over_transactions)
    event.listen(engine, "begin", _begin)
    try:
        return engine.connect()
    except DBAPIError as exc:
        raise StoreError(f"cannot open the store {path}: {exc.orig}") from exc


def _take_over_transactions(dbapi_connection: Any, _record: object) -> None:
    # Left to itself, the sqlite3 module begins a transaction only at the first INSERT, so not for CREATE TABLE.
    dbapi_connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check(connection: Connection, path: Path) -> None:
    """Sets the modes and believes none of them unseen; then lets SQLite look the file over."""
    # Pragmas about modes do nothing, or fail, inside a transaction: past SQLAlchemy, which would begin one.
    pragma = connection.connection.dbapi_connection.cursor()  # type: ignore[union-attr]
    pragma.execute("PRAGMA synchronous = FULL")
    pragma.execute("PRAGMA foreign_keys = ON")
    (mode,) = pragma.execute("PRAGMA journal_mode = WAL").fetchone()
    (synchronous,) = pragma.execute("PRAGMA synchronous").fetchone()
    if (mode, synchronous) != ("wal", _SYNCHRONOUS_FULL):
        raise StoreError(
            f"{path}: SQLite offers journal mode {mode}, synchronous {synchronous}, and cannot be trusted with "
            "transactions there: keep the store on a local disk"
        )
    (verdict,) = pragma.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StoreError(f"the store {path} is damaged ({' '.join(verdict.split())}): restore a backup")
    pragma.close()
