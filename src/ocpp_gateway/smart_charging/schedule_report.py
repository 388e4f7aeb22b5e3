"""A composite schedule as GetCompositeSchedule.conf tells it: what will be the limit, and from when on.

Source: OCPP 1.6 §3.13.3, §5.7, §7.13; conformance P-41, P-60 to P-68.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor
from typing import Any

from ocpp_gateway.smart_charging.composite_schedule import Limit
from ocpp_gateway.smart_charging.profiles import RateUnit

LONGEST_S = 31_536_000
MOST_PERIODS = 1000  # what stays well under the 64 KiB that a frame may have


@dataclass(frozen=True, slots=True)
class Constraints:
    """Every limit in force at a moment, the hardware's included, and when that may change."""

    limits: Sequence[Limit]
    until: datetime | None


def composite_schedule(
    constraints_at: Callable[[datetime], Constraints],
    start: datetime,
    duration_s: int,
    unit: RateUnit,
    nominal_voltage_v: float,
) -> dict[str, Any]:
    """chargingSchedule for that time in that unit; limits are not rounded to the register's steps (P-64).

    `duration` is shorter than asked for where the answer would not fit into a frame.
    """
    periods: list[dict[str, Any]] = []
    end = start + timedelta(seconds=min(duration_s, LONGEST_S))
    moment = start
    while moment < end and len(periods) < MOST_PERIODS:
        constraints = constraints_at(moment)
        lowest = min(constraints.limits, key=lambda limit: _power_w(limit, nominal_voltage_v))
        period = {
            "startPeriod": round((moment - start).total_seconds()),
            "limit": _in_unit(lowest, unit, nominal_voltage_v),
            "numberPhases": lowest.number_phases,
        }
        if not periods or any(periods[-1][key] != period[key] for key in ("limit", "numberPhases")):
            periods.append(period)
        moment = end if constraints.until is None else max(constraints.until, moment + timedelta(seconds=1))
    covered_s = round((min(moment, end) - start).total_seconds())
    return {"duration": covered_s, "chargingRateUnit": unit.value, "chargingSchedulePeriod": periods}


def _power_w(limit: Limit, nominal_voltage_v: float) -> float:
    if limit.unit is RateUnit.WATT:
        return limit.value
    return limit.value * nominal_voltage_v * limit.number_phases


def _in_unit(limit: Limit, unit: RateUnit, nominal_voltage_v: float) -> float:
    """The limit in a unit, by nominal voltage and its phases (P-41), cut to one decimal (P-16)."""
    if limit.unit is unit:
        return limit.value
    volt_phases = nominal_voltage_v * limit.number_phases
    value = limit.value * volt_phases if unit is RateUnit.WATT else limit.value / volt_phases
    return floor(value * 10 + 1e-6) / 10
