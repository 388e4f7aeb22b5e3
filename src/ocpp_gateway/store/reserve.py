"""Eight megabytes beside the database that are given up when the disk is full, so that bills can still be written.

The file holds blocks, not words: it is freed for the rows of transactions, and made again when there is room.
Source: faults.md D-01, D-02.
"""

from __future__ import annotations

import contextlib
import os
from enum import IntEnum
from pathlib import Path

from ocpp_gateway.log import logger

RESERVE_BYTES = 8 * 1024 * 1024
_PROBE_BYTES = 1024 * 1024
"""What a commit and the WAL's growth with it may need at once."""


class Room(IntEnum):
    """How much a disk has left for us, the least first."""

    LAST = 0  # the reserve is half spent: what is left is for the starts and the stops
    SHORT = 1  # the reserve is given up: meter values are thinned
    AMPLE = 2


class Reserve:
    """The reserve of one database. For the thread that writes only."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._file = database.with_name(database.name + ".reserve")
        self._room = Room.AMPLE

    @property
    def room(self) -> Room:
        """What there is room for now."""
        if self._room is Room.SHORT and self._free_bytes() < RESERVE_BYTES // 2:
            return Room.LAST
        return self._room

    @property
    def there(self) -> bool:
        """Whether the reserve is laid by."""
        return self._file.exists()

    def give_up(self) -> bool:
        """Frees what can still be freed; False when there is nothing left to give up."""
        if self._room is Room.LAST:
            return False
        if self._room is Room.AMPLE:
            with contextlib.suppress(OSError):
                self._file.unlink()
            logger(__name__).error(
                "memory_exhaustion",
                store=str(self._database),
                free_bytes=self._free_bytes(),
                effect="meter values are thinned; transactions are kept",
            )
        self._room = Room(self._room - 1)
        return True

    def lay_by(self) -> bool:
        """Makes the reserve, or makes it again, where that leaves as much free; whether it is there."""
        if self.there:
            return True
        if self._free_bytes() < 2 * RESERVE_BYTES or not _allocate(self._file, RESERVE_BYTES):
            return False
        if self._room is not Room.AMPLE:
            self._room = Room.AMPLE
            logger(__name__).info("memory_exhaustion_cleared", store=str(self._database))
        return True

    def disk_is_full(self) -> bool:
        """Whether no file grows here. SQLite may call a full disk an I/O error, and does so of a quota."""
        probe = self._database.with_name(self._database.name + ".probe")
        if not _allocate(probe, _PROBE_BYTES):
            return True
        probe.unlink()
        return False

    def _free_bytes(self) -> int:
        disk = os.statvfs(self._database.parent)
        return disk.f_bavail * disk.f_frsize


def _allocate(path: Path, size: int) -> bool:
    """A file whose blocks are its own; without room for it, nothing."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(file, 0, size)
        finally:
            os.close(file)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        return False
    return True
