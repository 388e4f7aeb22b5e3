"""Charging profiles as the central system means them: parsed once, with their place in the stack.

Source: OCPP 1.6 §3.13, §7.8 to §7.14; conformance P-01 to P-33.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from ocpp_gateway.instant import parse_utc

DAY_S, WEEK_S = 86_400, 604_800
MAX_STACK_LEVEL, MAX_PERIODS, MAX_PROFILES = 10, 100, 50
"""ChargeProfileMaxStackLevel, ChargingScheduleMaxPeriods, MaxChargingProfilesInstalled."""


class Purpose(StrEnum):
    """OCPP 1.6 §7.10."""

    CHARGE_POINT_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """OCPP 1.6 §7.9."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RateUnit(StrEnum):
    """OCPP 1.6 §7.12: W is total power, A is per phase."""

    WATT = "W"
    AMPERE = "A"


HIGHEST_LIMIT = {RateUnit.WATT: 6_553_500, RateUnit.AMPERE: 9_497}
"""65,535 steps of 100 W, and as much in A on three phases: more fits no register, and is a mistake (faults S-05)."""


class ProfileRefused(ValueError):
    """The profile cannot be installed; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `start_s` after the schedule's start. `limit` in the schedule's unit; phases absent are three (P-41)."""

    start_s: int
    limit: float
    number_phases: int = 3


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """A charging profile. Times are aware UTC; durations are seconds; the schedule's fields are inlined."""

    charging_profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    unit: RateUnit
    periods: tuple[Period, ...]
    transaction_id: int | None = None
    recurrence_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    start_schedule: datetime | None = None
    duration_s: int | None = None
    min_charging_rate: float | None = None

    @property
    def is_relative(self) -> bool:
        """Whether its schedule counts from the start of the transaction, or of its acceptance (P-21)."""
        return self.start_schedule is None or self.kind is Kind.RELATIVE

    def is_valid_at(self, at: datetime | None) -> bool:
        """Whether validFrom and validTo allow it then (P-20); while nobody knows the time, they may."""
        if at is None:
            return True
        return (self.valid_from is None or self.valid_from <= at) and (self.valid_to is None or at < self.valid_to)


_RECURRENCE = {"Daily": DAY_S, "Weekly": WEEK_S}


def parse_profile(payload: Mapping[str, Any]) -> ChargingProfile:
    """The profile a schema-valid csChargingProfiles says; ProfileRefused where it makes no sense or is too big.

    P-06, P-07, P-10, P-13.
    """
    schedule = payload["chargingSchedule"]
    periods = tuple(
        Period(period["startPeriod"], period["limit"], period.get("numberPhases", 3))
        for period in schedule["chargingSchedulePeriod"]
    )
    profile = ChargingProfile(
        charging_profile_id=payload["chargingProfileId"],
        stack_level=payload["stackLevel"],
        purpose=Purpose(payload["chargingProfilePurpose"]),
        kind=Kind(payload["chargingProfileKind"]),
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=periods,
        transaction_id=payload.get("transactionId"),
        recurrence_s=_RECURRENCE.get(payload.get("recurrencyKind", "")),
        valid_from=_moment(payload.get("validFrom")),
        valid_to=_moment(payload.get("validTo")),
        start_schedule=_moment(schedule.get("startSchedule")),
        duration_s=schedule.get("duration"),
        min_charging_rate=schedule.get("minChargingRate"),
    )
    for wrong, why in _objections(profile):
        if wrong:
            raise ProfileRefused(why)
    return profile


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_utc(text)
    except ValueError as problem:
        raise ProfileRefused(f"not a date-time: {text}") from problem


def _objections(profile: ChargingProfile) -> tuple[tuple[bool, str], ...]:
    starts = [period.start_s for period in profile.periods]
    recurring = profile.kind is Kind.RECURRING
    ends_before_it_starts = (
        profile.valid_from is not None and profile.valid_to is not None and profile.valid_to <= profile.valid_from
    )
    return (
        (not 0 <= profile.stack_level <= MAX_STACK_LEVEL, f"stackLevel must be 0 to {MAX_STACK_LEVEL}"),
        (len(starts) > MAX_PERIODS, f"more than {MAX_PERIODS} periods"),
        (not starts, "no period"),
        (bool(starts) and starts[0] != 0, "the first period must start at 0"),
        (any(later <= earlier for earlier, later in pairwise(starts)), "periods must ascend"),
        (
            any(not 0 <= period.limit <= HIGHEST_LIMIT[profile.unit] for period in profile.periods),
            f"a limit must be from 0 to {HIGHEST_LIMIT[profile.unit]} {profile.unit}",
        ),
        (any(not 1 <= period.number_phases <= 3 for period in profile.periods), "numberPhases must be 1 to 3"),
        (profile.duration_s is not None and profile.duration_s <= 0, "duration must be positive"),
        (ends_before_it_starts, "validTo must be after validFrom"),
        (recurring != (profile.recurrence_s is not None), "recurrencyKind goes with Recurring, and only with it"),
        (recurring and profile.start_schedule is None, "a recurring schedule needs startSchedule"),
    )
