"""One gateway per store: a lock that the kernel takes back whenever its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from ocpp_gateway.errors import StoreError


class StoreLock:
    """The right to write to one database, held until `release` or the end of the process, `kill -9` included.

    The lock is on a file of its own beside the database, which says who holds it, and on the database itself: that one
    holds under every name of it, and when somebody deletes the other. It is an flock, which SQLite's own locks do not
    see; closing its descriptor would drop those, so it is closed after SQLite is.
    """

    def __init__(self, database: Path) -> None:
        """Takes the lock, or raises StoreError at once, naming the process that holds it."""
        self._database = database
        self._inode = 0
        self._held: int | None = None
        path = database.with_name(database.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise StoreError(f"cannot open the lock file {path}: {exc.strerror}") from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.follow()
        except BlockingIOError as exc:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreError(
                f"{database} is in use by another gateway, process {holder or 'unknown'}: "
                "stop that one, or give this one a store of its own (store.url)"
            ) from exc
        except OSError as exc:
            os.close(self._file)
            raise StoreError(f"cannot lock {path}: {exc.strerror}; keep the store on a local disk") from exc
        with contextlib.suppress(OSError):  # who holds it is for people; on a full disk the lock holds all the same
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode("ascii"), 0)

    def follow(self) -> None:
        """Holds the file that is the database now, after one was made or replaced. Raises OSError when another does."""
        try:
            inode = self._database.stat().st_ino
            if inode == self._inode:
                return
            file = os.open(self._database, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:  # there is none, or it may not be read: whoever opens it says so
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise
        if self._held is not None:
            os.close(self._held)
        self._held, self._inode = file, inode

    def release(self) -> None:
        """Gives the lock back; once."""
        if self._held is not None:
            os.close(self._held)
        os.close(self._file)
