"""A composite schedule as GetCompositeSchedule.conf tells it: what will be the limit, and from when on.

Source: OCPP 1.6 §3.13.3, §5.7, §7.13; conformance P-41, P-60 to P-68.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor
from typing import Any

from ocpp_gateway.smart_charging.composite_schedule import InForce, Limit
from ocpp_gateway.smart_charging.profiles import RateUnit

LONGEST_S = 31_536_000
MOST_PERIODS = 1000  # what stays well under the 64 KiB that a frame may have
MOST_MOMENTS = 5000  # of which many may change nothing that shows; what an answer may cost is bounded
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Constraints:
    """Every limit in force at a moment, the hardware's included, and when that may change."""

    limits: Sequence[Limit]
    until: datetime | None


def while_it_holds(reckon: Callable[[datetime], InForce]) -> Callable[[datetime], InForce]:
    """The same, for moments that only ascend: it is reckoned again when what it said is over."""
    held: InForce | None = None

    def held_at(moment: datetime) -> InForce:
        nonlocal held
        if held is None or (held.until is not None and moment >= held.until):
            held = reckon(moment)
        return held

    return held_at


def composite_schedule(
    constraints_at: Callable[[datetime], Constraints],
    start: datetime,
    duration_s: int,
    unit: RateUnit,
    nominal_voltage_v: float,
) -> dict[str, Any]:
    """chargingSchedule for that time in that unit; limits are not rounded to the register's steps (P-64).

    Periods start at whole seconds after `start`; a change between two of them shows at the second. `duration` is
    shorter than asked for where the answer would not fit into a frame, or took too long to find.
    """
    periods: list[dict[str, Any]] = []
    second, asked_s = 0, min(duration_s, LONGEST_S)
    for _ in range(MOST_MOMENTS):
        if second >= asked_s or len(periods) == MOST_PERIODS:
            break
        constraints = constraints_at(start + second * SECOND)
        period = {
            "startPeriod": second,
            "limit": min(_in_unit(limit, unit, nominal_voltage_v) for limit in constraints.limits),
            "numberPhases": min(limit.number_phases for limit in constraints.limits),
        }
        if not periods or any(periods[-1][key] != period[key] for key in ("limit", "numberPhases")):
            periods.append(period)
        second = asked_s if constraints.until is None else max(_seconds_up(constraints.until - start), second + 1)
    covered_s = min(second, asked_s)
    return {"duration": covered_s, "chargingRateUnit": unit.value, "chargingSchedulePeriod": periods}


def _seconds_up(time: timedelta) -> int:
    return -(-time // SECOND)


def _in_unit(limit: Limit, unit: RateUnit, nominal_voltage_v: float) -> float:
    """The limit in a unit, by nominal voltage and its phases (P-41), cut to one decimal (P-16)."""
    if limit.unit is unit:
        return limit.value
    volt_phases = nominal_voltage_v * limit.number_phases
    value = limit.value * volt_phases if unit is RateUnit.WATT else limit.value / volt_phases
    return floor(value * 10 + 1e-6) / 10
