"""How often the gateway was started and neither stopped nor ran well since: a line each, in a file beside the store.

Lines are counted and times are not: a clock may be wrong after a boot. The time in a line is for people.
"""

from __future__ import annotations

from pathlib import Path

from ocpp_gateway.log import logger
from ocpp_gateway.store import small_file

LINES = 100
"""So many starts are kept; more would change nothing."""


class Starts:
    """The file as one process has it. A file that cannot be used is told once, and stops nothing."""

    def __init__(self, database: Path) -> None:
        self._file = database.with_name(database.name + ".starts")
        self._told = False

    def count(self, at: str) -> int:
        """Adds the start of this process at that time; gives how many there are with it, at most `LINES`."""
        lines: list[bytes] = []
        try:
            if self._file.exists():
                lines = self._file.read_bytes().splitlines()
            lines = [*lines, at.encode()][-LINES:]
            small_file.replace(self._file, b"".join(line + b"\n" for line in lines))
        except OSError as exc:
            self._tell(exc)
        return max(1, len(lines))

    def forget(self) -> None:
        """Empties the file: a start that comes now follows no death."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as exc:
            self._tell(exc)

    def _tell(self, exc: OSError) -> None:
        if not self._told:
            self._told = True
            logger(__name__).warning("starts_not_counted", file=str(self._file), problem=exc.strerror)
