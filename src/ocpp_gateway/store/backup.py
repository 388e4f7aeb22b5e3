"""Copies of a store: made beside a running gateway, put back while none runs (faults D-08, C-07)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from ocpp_gateway.errors import StoreError
from ocpp_gateway.store import reader, salvage, sqlite_file
from ocpp_gateway.store.floor import keep_for_copy
from ocpp_gateway.store.handover import take_over_stops
from ocpp_gateway.store.lock import StoreLock
from ocpp_gateway.store.migrate import HEAD

PATIENCE_S = 5.0


def back_up(url: str, target: Path) -> None:
    """Writes a whole copy of the store that a `store.url` names into a new file, as it is at one moment.

    A gateway may run meanwhile. The copy is looked over and on the disk when this returns. Raises StoreError.
    """
    database = sqlite_file.path_of(url)
    if not database.is_file():
        raise StoreError(f"there is no store {database}: look at store.url")
    copy_to(database, target)


def copy_to(database: Path, target: Path) -> None:
    """`back_up`, from the database itself."""
    if target.exists():
        raise StoreError(f"{target} is there already: name a new file")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # id tags
        with closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE_S)
        ) as source:
            source.execute("VACUUM INTO ?", (str(part),))
        _instance_of(part)
        _sync(part)
        part.rename(target)
        salvage.sync_directory(target.absolute().parent)
    except (sqlite3.Error, OSError) as exc:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(f"cannot copy the store {database} to {target}: {_words(exc)}") from exc


def restore(url: str, source: Path, now: datetime) -> Path | None:
    """Puts a copy in the place of the store, which is kept aside; gives where, None when there was none.

    Only while no gateway runs, and only a copy of this very store: another one's transactions and meters would be told
    as ours. At its first start its numbers and meters go on above all that were given; a transaction that was stopped
    since the copy was made stays so, where the store in use can be read. Raises StoreError; the store then stays.
    """
    database = sqlite_file.path_of(url)
    sqlite_file.check_directory(database)
    lock = StoreLock(database)
    try:
        instance = _checked(source)
        ours = sqlite_file.marked_instance(database)
        if ours is not None and ours != instance:
            raise StoreError(
                f"{source} is the copy of another store ({instance}, not {ours}): if that is meant, delete "
                f"{sqlite_file.mark_of(database)} first"
            )
        new = database.with_name(database.name + ".restored")
        new.unlink(missing_ok=True)
        copy_to(source, new)
        _hand_over(database, new)
        there_was_one = database.exists()
        aside = salvage.put_in_place(new, database, "replaced", now)
        return aside if there_was_one else None
    except (OSError, DBAPIError) as exc:
        raise StoreError(f"cannot restore {source} to {database}: {_words(exc)}") from exc
    finally:
        lock.release()


def _checked(source: Path) -> str:
    """The instance id of a copy that can be used. Raises StoreError for anything else."""
    if not source.is_file():
        raise StoreError(f"there is no file {source}")
    try:
        return _instance_of(source)
    except sqlite3.Error as exc:
        raise StoreError(f"{source} is no copy of a store: {exc}") from exc


def _instance_of(database: Path) -> str:
    """The instance id in a sound store of a known schema. Raises sqlite3.Error and StoreError."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(f"{database} is damaged: {' '.join(verdict.split())}")
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if revision > HEAD:
            raise StoreError(f"{database} has schema {revision}, and this version knows only up to {HEAD}")
        (instance,) = connection.execute("SELECT instance_id FROM store_meta").fetchone()
        return str(instance)


def _hand_over(database: Path, new: Path) -> None:
    """Gives a copy what the store in use tells of the time since. Raises sqlite3.Error, DBAPIError and OSError."""
    try:
        readable = _instance_of(database) == _instance_of(new)
        if readable:
            take_over_stops(new, database)
    except (sqlite3.Error, StoreError):  # gone, or damaged
        readable = False
    with ExitStack() as opened:
        in_use = opened.enter_context(reader.connect(database)) if readable else None
        keep_for_copy(database, in_use, opened.enter_context(reader.connect(new)))


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _words(exc: Exception) -> str:
    if isinstance(exc, DBAPIError):
        return str(exc.orig)
    return exc.strerror or str(exc) if isinstance(exc, OSError) else str(exc)
