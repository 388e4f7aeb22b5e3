"""A moment, as well as it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment on this boot's monotonic clock, with its UTC time when one is known.

    `monotonic_s` orders and measures; `utc` stamps. A machine without a clock battery may know no UTC time
    until the central system told it: `utc` is None then, and the stamp is repaired at the first
    synchronisation (conformance B-13: a timestamp is never invented, and never dropped).
    """

    utc: datetime | None
    boot_id: str
    monotonic_s: float

    def stamp(self) -> str:
        """The UTC time as OCPP writes it, to the millisecond; or a marker that `resolve_stamp` can read.

        Source: OCPP 1.6 §3.14 (T-21: UTC with `Z`).
        """
        if self.utc is None:
            return f"@{self.boot_id}@{self.monotonic_s:.3f}"
        return format_utc(self.utc)

    def plus(self, seconds: float) -> Instant:
        """The moment that many seconds later (earlier when negative) on the same clock."""
        utc = None if self.utc is None else self.utc + timedelta(seconds=seconds)
        return Instant(utc, self.boot_id, self.monotonic_s + seconds)

    def not_before(self, earlier: Instant) -> Instant:
        """This moment, its UTC time not before that of a moment that came earlier.

        Where the clock was set back between them, time goes on from `earlier` as the monotonic clock has counted it, so
        that a story keeps its order and its length (fault T-03); of another boot nothing is counted.
        """
        if self.utc is None or earlier.utc is None or self.utc >= earlier.utc:
            return self
        passed_s = self.monotonic_s - earlier.monotonic_s if self.boot_id == earlier.boot_id else 0.0
        if passed_s < 0:
            return self  # it did come before
        return replace(self, utc=earlier.utc + timedelta(seconds=passed_s))

    def resolved(self, *, boot_id: str, utc_at_zero: datetime) -> Instant:
        """This moment with its UTC time filled in, if it was unknown and of that boot."""
        if self.utc is not None or self.boot_id != boot_id:
            return self
        return Instant(utc_at_zero + timedelta(seconds=self.monotonic_s), self.boot_id, self.monotonic_s)


def format_utc(moment: datetime) -> str:
    """An aware time as ISO 8601 in UTC with milliseconds and `Z`, the one form this gateway sends."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_utc(text: str) -> datetime:
    """The moment an ISO 8601 text names; a text without an offset is taken as UTC (conformance T-21).

    Raises ValueError on anything else.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as exc:  # the first hours of the year 1, east of Greenwich
        raise ValueError(f"{text} is before the calendar begins in UTC") from exc


def resolve_stamp(stamp: str, *, boot_id: str, utc_at_zero: datetime) -> str:
    """A stamp made by `Instant.stamp` with its UTC time filled in, if it lacks one and is of that boot."""
    prefix = f"@{boot_id}@"
    if not stamp.startswith(prefix):
        return stamp
    return format_utc(utc_at_zero + timedelta(seconds=float(stamp.removeprefix(prefix))))


def age_s(stamp: str, now: Instant) -> float | None:
    """Seconds since a stamp made by `Instant.stamp`; None when nothing relates its clock to this one."""
    if stamp.startswith("@"):
        boot_id, _, monotonic_s = stamp[1:].rpartition("@")
        return now.monotonic_s - float(monotonic_s) if boot_id == now.boot_id else None
    return None if now.utc is None else (now.utc - parse_utc(stamp)).total_seconds()
