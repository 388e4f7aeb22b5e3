"""The limit that the installed profiles set at a moment, and how long it stays valid.

One purpose is one stack: of the profiles valid at t with a period in force at t, the highest level counts
(P-26). TxProfile overrules TxDefaultProfile while it has a period in force (P-27).
Source: OCPP 1.6 §3.13.2, §3.13.3; conformance P-20 to P-36.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ocpp_gateway.smart_charging.profiles import ChargingProfile, Kind, RateUnit


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as its profile states it: total power in W, or current per phase in A, on that many phases."""

    value: float
    unit: RateUnit
    number_phases: int


@dataclass(frozen=True, slots=True)
class InForce:
    """What a stack says at a moment. `limit` None: no constraint. `until` None: as far as is known, for ever."""

    limit: Limit | None
    until: datetime | None


UNCONSTRAINED = InForce(None, None)


def limit_at(stack: Sequence[tuple[ChargingProfile, datetime | None]], now: datetime) -> InForce:
    """The limit that the profiles of one purpose set now, and the next moment at which that may change.

    Each profile comes with the moment that a Relative schedule counts from: the start of the transaction,
    or of the acceptance for a ChargePointMaxProfile; None when there is none. The first of equal levels wins.
    """
    prevailing: tuple[int, Limit] | None = None
    changes: list[datetime] = []
    for profile, relative_start in stack:
        limit, until = _profile_at(profile, now, relative_start)
        if until is not None:
            changes.append(until)
        if limit is not None and (prevailing is None or profile.stack_level > prevailing[0]):
            prevailing = (profile.stack_level, limit)
    return InForce(prevailing[1] if prevailing else None, min(changes, default=None))


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of the moments that exist."""
    return min((moment for moment in moments if moment is not None), default=None)


def _profile_at(
    profile: ChargingProfile, now: datetime, relative_start: datetime | None
) -> tuple[Limit | None, datetime | None]:
    """One profile's limit now, and when that may change next."""
    if profile.valid_to is not None and now >= profile.valid_to:
        return None, None
    if profile.valid_from is not None and now < profile.valid_from:
        return None, profile.valid_from
    start, cycle_end = _schedule_start(profile, now, relative_start)
    if start is None:
        return None, profile.valid_to
    if now < start:
        return None, earliest((start, profile.valid_to))
    elapsed_s = (now - start).total_seconds()
    end_s = float("inf") if profile.duration_s is None else float(profile.duration_s)
    starts = [period.start_s for period in profile.periods]
    index = sum(1 for start_s in starts if start_s <= elapsed_s) - 1
    if elapsed_s >= end_s:
        return None, earliest((cycle_end, profile.valid_to))
    next_s = min(starts[index + 1] if index + 1 < len(starts) else float("inf"), end_s)
    boundary = None if next_s == float("inf") else start + timedelta(seconds=next_s)
    period = profile.periods[index]
    limit = Limit(period.limit, profile.unit, period.number_phases)
    return limit, earliest((boundary, cycle_end, profile.valid_to))


def _schedule_start(
    profile: ChargingProfile, now: datetime, relative_start: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """When the schedule in force began, and when its cycle ends (P-21; recurring cycles are exact in UTC)."""
    start = profile.start_schedule
    if start is not None and now < start:  # its end may be beyond what a date can say
        return start, None
    if profile.kind is Kind.RECURRING and profile.recurrence_s is not None and start is not None:
        cycles = int((now - start).total_seconds() // profile.recurrence_s)
        began = start + timedelta(seconds=cycles * profile.recurrence_s)
        return began, began + timedelta(seconds=profile.recurrence_s)
    if profile.kind is Kind.ABSOLUTE and start is not None:
        return start, None
    return relative_start, None  # Relative, and Absolute without startSchedule
