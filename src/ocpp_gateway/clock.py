"""The gateway's clock: monotonic time for every interval, UTC for stamps, and honesty about not knowing it.

Where the system clock is not synchronised, the central system's currentTime gives an offset. The system clock
itself is never set. Source: decisions.md, Messages, Time; conformance B-03, B-13, B-14; faults T-01 to T-04.
"""

from __future__ import annotations

import ctypes
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ocpp_gateway.charger.events import ClockSet
from ocpp_gateway.instant import Instant, format_utc

BUILT = datetime(2026, 11, 1, tzinfo=UTC)
"""No moment of this program's life is earlier: a clock that says so has lost its battery."""
BELIEVABLE = timedelta(days=20 * 365)
STEP_WORTH_TAKING_S = 1.0
_UNSYNCHRONISED = 5  # adjtimex(2): TIME_ERROR


class Clock:
    """Tells `Instant`s. One per process."""

    def __init__(
        self,
        *,
        boot_id: str,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        synchronised: Callable[[], bool],
    ) -> None:
        self._boot_id = boot_id
        self._monotonic = monotonic
        self._wall = wall
        self._synchronised = synchronised
        self._utc_at_zero: datetime | None = None
        self.central_system_offset_s: float | None = None
        """How far the central system's clock was ahead of ours when it last told its time; None while neither knows."""

    @property
    def synchronised(self) -> bool:
        """Whether the system clock is kept right by something else than us."""
        return self._synchronised()

    def now(self) -> Instant:
        """This moment; without a UTC time while none is known."""
        monotonic_s = self._monotonic()
        if self._utc_at_zero is not None:
            return Instant(self._utc_at_zero + timedelta(seconds=monotonic_s), self._boot_id, monotonic_s)
        utc = datetime.fromtimestamp(self._wall(), UTC)
        return Instant(utc if utc >= BUILT else None, self._boot_id, monotonic_s)

    def vouched_utc(self) -> datetime | None:
        """The UTC time, if the system clock is kept right or the central system told it; else None."""
        return self.now().utc if self._utc_at_zero is not None or self._synchronised() else None

    def monotonic_s(self) -> float:
        """This moment on the monotonic clock; costs a tenth of `now`."""
        return self._monotonic()

    def learn(self, central_system_utc: datetime) -> ClockSet | None:
        """Take the central system's time where ours is not synchronised; the event to tell when that changed it."""
        ours = self.now().utc
        self.central_system_offset_s = None if ours is None else (central_system_utc - ours).total_seconds()
        if self._synchronised() or not BUILT <= central_system_utc <= BUILT + BELIEVABLE:
            return None
        utc_at_zero = central_system_utc - timedelta(seconds=self._monotonic())
        known = self._utc_at_zero
        if known is not None and abs((utc_at_zero - known).total_seconds()) < STEP_WORTH_TAKING_S:
            return None
        self._utc_at_zero = utc_at_zero
        return ClockSet(self._boot_id, format_utc(utc_at_zero))


def system_clock() -> Clock:
    """The clock of this machine."""
    return Clock(
        boot_id=_boot_id(), monotonic=time.monotonic, wall=time.time, synchronised=system_clock_is_synchronised
    )


def system_clock_is_synchronised() -> bool:
    """Whether the kernel says that something (NTP) keeps its clock right; True where the kernel cannot be asked."""
    try:
        return bool(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) != _UNSYNCHRONISED)
    except (AttributeError, OSError):
        return True


def _boot_id() -> str:
    """What tells this boot of the machine from another: monotonic times compare only within one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())
