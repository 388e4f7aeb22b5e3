"""The SQLite database under the store: opened so that what was committed survives a power cut."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, select, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ocpp_gateway.errors import StoreDamaged, StoreError, StoreUnavailable
from ocpp_gateway.log import logger
from ocpp_gateway.store import backup, salvage, schema, sqlite_file
from ocpp_gateway.store.migrate import HEAD, migrate, revision_of

_BUSY_TIMEOUT_S = 5.0
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_CACHE_KIB = 512
"""What SQLite keeps of the database beside the kernel: a queue's head and the rows of today, filled within minutes."""
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
        back_up_before_migrating(connection, path)
        with connection.begin():
            migrate(connection, path)
            instance_id = connection.execute(select(schema.store_meta.c.instance_id)).scalar_one()
        sqlite_file.leave_mark(path, instance_id)
    except (DBAPIError, sqlite3.Error) as exc:
        close_database(connection)
        cause = exc.orig if isinstance(exc, DBAPIError) else exc
        if getattr(cause, "sqlite_errorname", "") in _DAMAGED:
            raise StoreDamaged(f"cannot open the store {path}: {cause}: restore a backup") from exc
        raise StoreError(f"cannot open the store {path}: {cause}") from exc
    except BaseException:
        close_database(connection)
        raise
    return connection


def open_or_salvage(path: Path, now: datetime) -> Connection:
    """`open_database`; a damaged one is replaced by all that can be read of it, and kept aside (faults D-07).

    Raises StoreDamaged when nothing can be read: a store that began empty would have lost every transaction unsaid.
    """
    try:
        return open_database(path)
    except StoreDamaged as damaged:
        rows = salvage.rows_of(path)
        if not salvage.charge_points_in(rows):
            raise
        new = path.with_name(path.name + ".salvaged")
        for leftover in (new, sqlite_file.mark_of(new)):
            leftover.unlink(missing_ok=True)
        connection = open_database(new)
        try:
            with connection.begin():
                instance_id = sqlite_file.marked_instance(path)
                if instance_id:
                    connection.execute(update(schema.store_meta).values(instance_id=instance_id))
        finally:
            close_database(connection)
        counts = salvage.write_rows(new, rows)
        aside = salvage.put_in_place(new, path, "damaged", now)
        sqlite_file.mark_of(new).unlink()
        logger(__name__).error("store_salvaged", problem=str(damaged), kept=str(aside), rows=counts)
    return open_database(path)


def back_up_before_migrating(connection: Connection, path: Path) -> None:
    """Keeps a copy of a store of an older version beside it, so that the way back is a file (faults C-07)."""
    revision = revision_of(connection)
    if revision is None or revision >= HEAD:
        return
    target = path.with_name(f"{path.name}.before-{HEAD}")
    if not target.exists():  # of an upgrade that failed
        backup.copy_to(path, target)
    logger(__name__).info("store_backed_up", schema=revision, copy=str(target))


def close_database(connection: Connection) -> None:
    """Closes the connection; SQLite then moves what is left in the WAL into the database."""
    connection.close()
    connection.engine.dispose()


def reopen(path: Path) -> Connection:
    """A new connection to a database that was open before, looked over again. Raises StoreError and DBAPIError."""
    connection = _connect(path)
    try:
        _check(connection, path)
    except sqlite3.Error as exc:
        close_database(connection)
        raise StoreUnavailable(f"cannot open the store {path}: {exc}") from exc
    except BaseException:
        close_database(connection)
        raise
    return connection


def wait_for_locks(connection: Connection, *, wait: bool) -> None:
    """Whether a transaction that somebody else's is in the way of waits for it, or fails at once."""
    cursor = connection.connection.dbapi_connection.cursor()  # type: ignore[union-attr]
    cursor.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_S * 1000) if wait else 0}")
    cursor.close()


def write_nothing(connection: Connection) -> None:
    """Writes a page that holds what it held. SQLite leaves out an UPDATE that changes nothing, but not this."""
    held = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA user_version = {held}")


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
    pragma.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
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
        raise StoreDamaged(f"the store {path} is damaged ({' '.join(verdict.split())}): restore a backup")
    pragma.close()
