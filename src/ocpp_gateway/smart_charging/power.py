"""From a limit to the number in a register: never more than the limit, and whole watts from here on.

Source: decisions.md, Power; OCPP 1.6 §3.13.3, §7.12; conformance P-40 to P-48.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from ocpp_gateway.smart_charging.composite_schedule import Limit
from ocpp_gateway.smart_charging.profiles import RateUnit

PHASES = 3
PHASE_IN_USE_A = 1.0

LIMIT_ACTS_WITHIN_S = 30.0
"""A charger may take that long to act on a limit."""


@dataclass(frozen=True, slots=True)
class PowerRegister:
    """How a charger takes its limit. `minimum_w` is the least power at which it lets a car charge."""

    step_w: int
    minimum_w: int
    nominal_voltage_v: float
    tolerance_w: int


def limit_power_w(limit: Limit, register: PowerRegister, phases_in_use: int | None) -> float:
    """The power that a limit means for this charger, in W.

    Amperes count per phase, on a charger that divides its power limit by three whatever the car uses:
    3 x L x U x min(1, n / k), n the profile's phases, k those the car uses; before current flows k = n.
    """
    if limit.unit is RateUnit.WATT:
        return limit.value
    used = phases_in_use or limit.number_phases
    return PHASES * limit.value * register.nominal_voltage_v * min(1.0, limit.number_phases / used)


def written_power_w(limit_w: float, hard_cap_w: float, register: PowerRegister) -> int:
    """The power to write for a limit, in W, a multiple of the register's step, never above `hard_cap_w`.

    Rounds down. Where that falls below the charger's minimum and the minimum lies within the tolerance above the
    limit, the minimum is written: 6 A x 3 x 230 V = 4,140 W would otherwise pause a car that shall charge.
    """
    step = register.step_w
    capped = min(limit_w, hard_cap_w)
    power_w = floor(capped / step) * step
    if 0 < power_w < register.minimum_w <= hard_cap_w and register.minimum_w - limit_w <= register.tolerance_w:
        return register.minimum_w
    return max(power_w, 0)


def phases_in_use(current_a: tuple[float | None, float | None, float | None]) -> int | None:
    """How many phases carry at least 1 A; None before current flows, or when nobody measured it."""
    return sum(1 for current in current_a if current is not None and current >= PHASE_IN_USE_A) or None


def least_power_w(limit_w: int, min_charging_rate: Limit | None, register: PowerRegister) -> int:
    """The least power worth giving: the charger's minimum, or what the profile says the car needs (OCPP 1.6 §7.13).

    A limit below minChargingRate, but not below the charger's minimum, is meant as it is.
    """
    if min_charging_rate is None:
        return register.minimum_w
    rate_w = limit_power_w(min_charging_rate, register, None)
    whole_w = ceil(rate_w / register.step_w) * register.step_w
    return max(register.minimum_w, min(whole_w, limit_w))


def draw_power_w(current_a: tuple[float | None, float | None, float | None], register: PowerRegister) -> float | None:
    """The limit that would just do for what a car draws: this charger divides it by three whatever the car uses.

    None when nobody measured any current.
    """
    highest_a = max((current for current in current_a if current is not None), default=None)
    return None if highest_a is None else PHASES * highest_a * register.nominal_voltage_v
