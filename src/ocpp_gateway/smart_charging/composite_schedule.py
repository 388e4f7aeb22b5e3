"""The limit that the installed profiles set at a moment, and how long it stays valid.

One purpose is one stack: of the profiles valid at t with a period in force at t, the highest level counts
(P-26). TxProfile overrules TxDefaultProfile while it has a period in force (P-27).
Source: OCPP 1.6 §3.13.2, §3.13.3; conformance P-20 to P-36.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from ocpp_gateway.smart_charging.profiles import ChargingProfile, Period, RateUnit

_START_S = attrgetter("start_s")


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as its profile states it: total power in W, or current per phase in A, on that many phases."""

    value: float
    unit: RateUnit
    number_phases: int


@dataclass(frozen=True, slots=True)
class InForce:
    """What a stack says at a moment, and by which profile.

    `limit` None: no constraint. `until` None: as far as is known, for ever.
    """

    limit: Limit | None
    until: datetime | None
    charging_profile_id: int | None = None


UNCONSTRAINED = InForce(None, None)


def limit_at(stack: Sequence[tuple[ChargingProfile, datetime | None]], now: datetime) -> InForce:
    """The limit that the profiles of one purpose set now, and the next moment at which that may change.

    Each profile comes with the moment that a Relative schedule counts from: the start of the transaction,
    or of the acceptance for a ChargePointMaxProfile; None when there is none. The first of equal levels wins.
    """
    prevailing: tuple[ChargingProfile, Period] | None = None
    changes_at: datetime | None = None
    for profile, relative_start in stack:
        period, until = _profile_at(profile, now, relative_start)
        changes_at = _earlier(changes_at, until)
        if period is not None and (prevailing is None or profile.stack_level > prevailing[0].stack_level):
            prevailing = profile, period
    if prevailing is None:
        return InForce(None, changes_at)
    profile, period = prevailing
    limit = Limit(period.limit, profile.unit, period.number_phases)
    return InForce(limit, changes_at, profile.charging_profile_id)


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of the moments that exist."""
    return min((moment for moment in moments if moment is not None), default=None)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """`earliest` of two; it is asked for several times at every reckoning."""
    if one is None or other is None:
        return one or other
    return min(one, other)


def _profile_at(
    profile: ChargingProfile, now: datetime, relative_start: datetime | None
) -> tuple[Period | None, datetime | None]:
    """One profile's period in force now, and when that may change next."""
    if profile.valid_to is not None and now >= profile.valid_to:
        return None, None
    if profile.valid_from is not None and now < profile.valid_from:
        return None, profile.valid_from
    start = relative_start if profile.is_relative else profile.start_schedule
    if start is None:
        return None, profile.valid_to
    if now < start:
        return None, _earlier(start, profile.valid_to)
    elapsed_s, cycle_s = (now - start).total_seconds(), profile.recurrence_s
    if cycle_s is not None:  # exact in UTC, whatever the clocks on the wall do (P-21)
        start += timedelta(seconds=elapsed_s // cycle_s * cycle_s)
        elapsed_s %= cycle_s
    period, next_s = _period_at(profile, elapsed_s)
    if next_s is None or (cycle_s is not None and next_s > cycle_s):
        next_s = cycle_s
    until = None if next_s is None else start + timedelta(seconds=next_s)
    return period, _earlier(until, profile.valid_to)


def _period_at(profile: ChargingProfile, elapsed_s: float) -> tuple[Period | None, int | None]:
    """The period so many seconds into the schedule, and the second at which it ends."""
    if profile.duration_s is not None and elapsed_s >= profile.duration_s:
        return None, None
    following = bisect_right(profile.periods, elapsed_s, key=_START_S)
    period = profile.periods[following - 1]
    ends_s = profile.duration_s
    if following < len(profile.periods) and (ends_s is None or profile.periods[following].start_s < ends_s):
        ends_s = profile.periods[following].start_s
    return period, ends_s
