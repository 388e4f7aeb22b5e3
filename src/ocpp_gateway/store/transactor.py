"""One transaction after the other on a database whose disk may fail, fill up, and come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ocpp_gateway.errors import StoreError, StoreUnavailable
from ocpp_gateway.log import logger
from ocpp_gateway.store import database
from ocpp_gateway.store.floor import Floor
from ocpp_gateway.store.reserve import Reserve, Room

Result = TypeVar("Result")

_PASSING = tuple(
    f"SQLITE_{name}"
    for name in ("FULL", "IOERR", "READONLY", "CANTOPEN", "BUSY", "LOCKED", "NOMEM", "PROTOCOL", "CORRUPT", "NOTADB")
)
"""What the disk and the operator can do to a commit; all else is a bug, and tried again would fail again."""
_UNSYNCED = ("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC")
_FULL, _MAYBE_FULL = "SQLITE_FULL", ("SQLITE_IOERR", "SQLITE_CANTOPEN")


class Transactor:
    """The one way into an open database. For the thread that writes only."""

    def __init__(self, path: Path, connection: Connection, reserve: Reserve) -> None:
        self._path = path
        self._connection = connection
        self._patient = True
        self._suspect = False  # a sync failed: nobody knows what is on the disk
        self.reserve = reserve
        self.floor = Floor(path, connection)
        self.failed = False
        """Whether the last thing asked of the database failed, and nothing was written since."""

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """The result of `work`, done in one transaction; on StoreError nothing of it was.

        A full disk is no failure as long as there is something to give up: then `work` is done again from the start.
        Raises StoreUnavailable for what may pass.
        """
        if self._suspect:
            self._reopen()
        if self._patient is self.failed:  # whoever held it up once is not waited for again, while cars charge
            self._patient = not self.failed
            database.wait_for_locks(self._connection, wait=self._patient)
        if self.reserve.room is not Room.AMPLE:
            self.reserve.lay_by()
        while True:
            try:
                with self._connection.begin():
                    return work(self._connection)
            except DBAPIError as exc:
                name = getattr(exc.orig, "sqlite_errorname", "")
                if self._makes_room(name):
                    continue
                self.failed = True
                self._suspect = name in _UNSYNCED
                kind = StoreUnavailable if name.startswith(_PASSING) else StoreError
                raise kind(f"the store {self._path} failed: {exc.orig}") from exc
            except (ValueError, OverflowError) as exc:  # text that is no Unicode, NaN, a number beyond 64 bits
                raise StoreError(f"the store {self._path} cannot hold a value: {exc}") from exc

    def close(self) -> None:
        """Leaves the floor exact, as far as the disk lets us, and closes the database."""
        try:
            if not self._suspect:
                self.floor.close(self._connection)
        except DBAPIError as exc:
            logger(__name__).warning("floor_not_written", problem=str(exc.orig))
        finally:
            database.close_database(self._connection)

    def _makes_room(self, name: str) -> bool:
        """Whether a commit that failed so may succeed now."""
        if name in _UNSYNCED:  # never the same commit again: what is on the disk must be looked at first
            return False
        full = name == _FULL or (name.startswith(_MAYBE_FULL) and self.reserve.disk_is_full())
        return full and self.reserve.give_up()

    def _reopen(self) -> None:
        """What the kernel has said once of a failed sync it does not say again: only a new look at the file tells."""
        try:
            database.close_database(self._connection)
            self._connection = database.reopen(self._path)
        except DBAPIError as exc:
            raise StoreUnavailable(f"the store {self._path} failed: {exc.orig}") from exc
        self._suspect, self._patient = False, True


def open_transactor(path: Path, open_connection: Callable[[], Connection]) -> Transactor:
    """An open database. On a full disk the reserve goes first: SQLite cannot even open it there (faults D-02).

    Raises StoreUnavailable when that does not help, and StoreError for all else.
    """
    reserve = Reserve(path)
    if reserve.there and reserve.disk_is_full():
        reserve.give_up()
    try:
        connection = open_connection()
        try:
            return Transactor(path, connection, reserve)
        except DBAPIError as exc:
            database.close_database(connection)
            raise StoreError(f"cannot open the store {path}: {exc.orig}") from exc
    except StoreError as exc:
        if reserve.disk_is_full():
            raise StoreUnavailable(f"cannot open the store {path}: the disk is full; make room there") from exc
        raise
