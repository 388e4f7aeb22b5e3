"""What can still be read of a damaged database, copied into a new one: the outbox and all around it (faults D-07).

The damaged files are kept aside as they are. Rows are read from both ends of each table and one by one between, so that
pages that cannot be read cost their own rows only; a header that was overwritten is replaced by one of the same kind,
and a file whose end is cut off is filled up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from ocpp_gateway.store.schema import metadata

_HEADER_BYTES = 100
_PAGE_BYTES, _PAGE_COUNT = slice(16, 18), slice(28, 32)
_PAGE_SIZES = [2**n for n in range(9, 16)]
_MOST_PADDING = 2**30
"""A header that wants more is damaged itself."""
_SUFFIXES = ("", "-wal", "-shm")

_WITHOUT_ROWID = {"transmission": "seq", "power_history": "charge_point"}
"""Tables that lie in the order of their key, by its first column."""

_MOST_TRIED = 2_000
"""So many numbers between two pages that cannot be read are tried, one by one."""

Rows = dict[str, list[dict[str, Any]]]


def put_in_place(new: Path, database: Path, why: str, now: datetime) -> Path:
    """Puts a closed database in the place of another, which is kept aside; gives where.

    At no moment is there none, and never one with the other's WAL, which SQLite would play into it.
    """
    aside = _free_name(database.with_name(f"{database.name}.{why}-{now:%Y%m%dT%H%M%SZ}"))
    for suffix in _SUFFIXES:
        part = database.with_name(database.name + suffix)
        if part.exists():
            os.link(part, part.with_name(aside.name + suffix))
    for suffix in _SUFFIXES[1:]:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    new.replace(database)
    sync_directory(database.parent)
    return aside


def _free_name(wanted: Path) -> Path:
    """That name, or with a number behind it: what was kept aside in the same second stays."""
    names = chain([wanted], (wanted.with_name(f"{wanted.name}-{number}") for number in count(2)))
    return next(name for name in names if not any(name.with_name(name.name + suffix).exists() for suffix in _SUFFIXES))


def sync_directory(directory: Path) -> None:
    """Makes renames in it outlive the power."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rows_of(damaged: Path) -> Rows:
    """Every row that can be read, by table; empty when nothing can. Leaves the files as they are."""
    work = damaged.with_name(damaged.name + ".reading")
    rows: Rows = {}
    try:
        for mend_header in (False, True):
            _copy(damaged, work, mend_header=mend_header)
            rows = _read_all(work)
            if rows:
                break
    finally:
        for suffix in _SUFFIXES:
            work.with_name(work.name + suffix).unlink(missing_ok=True)
    return rows


def charge_points_in(rows: Rows) -> set[str]:
    """Every charge point that any row names."""
    named = {row["charge_point"] for table in rows.values() for row in table if "charge_point" in row}
    return named | {row["identity"] for row in rows.get("charge_point", ())}


def write_rows(database: Path, rows: Rows) -> dict[str, int]:
    """Puts rows into a new store, in the columns it knows; gives how many by table.

    What refers to a row that is lost is left out, but for charge points, which are made again.
    """
    counts: dict[str, int] = {}
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for identity in sorted(charge_points_in(rows)):
            connection.execute("INSERT OR IGNORE INTO charge_point (identity) VALUES (?)", (identity,))
        for table in metadata.sorted_tables:
            if table.name == "store_meta" or table.name not in rows:
                continue
            known = [column.name for column in table.columns]
            before = connection.total_changes
            for row in rows[table.name]:
                columns = [name for name in known if name in row]
                marks = ", ".join("?" for _ in columns)
                statement = f"INSERT OR REPLACE INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
                connection.execute(statement, [row[name] for name in columns])
            counts[table.name] = connection.total_changes - before
        for table, rowid in {(row[0], row[1]) for row in connection.execute("PRAGMA foreign_key_check")}:
            if rowid is not None:
                connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))  # noqa: S608
        connection.execute("DELETE FROM transmission WHERE seq NOT IN (SELECT seq FROM outbox)")
        connection.execute("COMMIT")
    return counts


def _copy(damaged: Path, work: Path, *, mend_header: bool) -> None:
    for suffix in _SUFFIXES:
        source = damaged.with_name(damaged.name + suffix)
        target = work.with_name(work.name + suffix)
        target.unlink(missing_ok=True)
        if source.exists() and suffix != "-shm":  # SQLite makes that one from the WAL
            shutil.copyfile(source, target)
            target.chmod(0o600)
    _pad(work)
    if mend_header:
        _mend_header(work)


def _pad(work: Path) -> None:
    """Gives a file whose end is cut off the length that its header names: else SQLite reads nothing of it."""
    size = work.stat().st_size
    with work.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    page_bytes = int.from_bytes(header[_PAGE_BYTES], "big")
    if page_bytes not in _PAGE_SIZES:
        page_bytes = 4096
    missing = int.from_bytes(header[_PAGE_COUNT], "big") * page_bytes - size
    if not 0 < missing <= _MOST_PADDING:
        missing = -size % page_bytes
    os.truncate(work, size + missing)


def _mend_header(work: Path) -> None:
    """Gives a database file the header of a sound one with the same page size."""
    size = work.stat().st_size
    with closing(sqlite3.connect(work.with_name(work.name + ".new"))) as sound:
        sound.execute("PRAGMA journal_mode = WAL")
        sound.execute("CREATE TABLE any_table (any_column)")
        sound.commit()
    new = work.with_name(work.name + ".new")
    header = bytearray(new.read_bytes()[:_HEADER_BYTES])
    for suffix in _SUFFIXES:
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    page_bytes = int.from_bytes(header[16:18], "big")
    header[_PAGE_COUNT] = (size // page_bytes).to_bytes(4, "big")
    header[92:96] = header[24:28]  # the page count counts only if these two agree
    header[32:40] = bytes(8)  # no free pages
    with work.open("r+b") as file:
        file.write(header)
        file.flush()
        os.fsync(file.fileno())


def _read_all(work: Path) -> Rows:
    rows: Rows = {}
    try:
        with closing(sqlite3.connect(work)) as connection:
            connection.row_factory = sqlite3.Row
            for table in metadata.sorted_tables:
                found = list(_read(connection, table.name))
                if found:
                    rows[table.name] = found
    except sqlite3.DatabaseError:  # it does not even open
        return {}
    return rows


def _read(connection: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table that can be read, from the front, from the back, and then one by one between the two."""
    seen: set[tuple[Any, ...]] = set()
    order = _WITHOUT_ROWID.get(table, "rowid")  # as they lie in the file: nothing is sorted first
    reached = {"ASC": 0, "DESC": 0}
    for direction in reached:
        try:
            for row in connection.execute(f"SELECT {order}, * FROM {table} NOT INDEXED ORDER BY {order} {direction}"):  # noqa: S608
                reached[direction] = row[0]
                values = tuple(row)
                if values not in seen:
                    seen.add(values)
                    yield dict(row)
        except sqlite3.DatabaseError:
            continue
        return
    if table in _WITHOUT_ROWID:
        return
    first, last = reached["ASC"] + 1, reached["DESC"] or reached["ASC"] + _MOST_TRIED
    for rowid in range(first, min(last, first + _MOST_TRIED)):
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in connection.execute(f"SELECT * FROM {table} NOT INDEXED WHERE rowid = ?", (rowid,)):  # noqa: S608
                yield dict(row)
