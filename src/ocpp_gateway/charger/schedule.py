"""What will be the limit, as far as profiles and limits from outside tell: steps, each with the source that sets it.

What passes by itself without a plan (the gate, another master, a charger that does not obey) is left out: `why` tells
that of this moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp_gateway.charger.external_limits import limits_of, standing
from ocpp_gateway.charger.limit_border import (
    CHARGE_POINT_MAX_PROFILE,
    CONNECTOR_MAXIMUM,
    INSTALLATION,
    TX_DEFAULT_PROFILE,
    TX_PROFILE,
)
from ocpp_gateway.charger.limit_sources import connector_limit_at, station_limit_at
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.instant import Instant
from ocpp_gateway.smart_charging.composite_schedule import InForce
from ocpp_gateway.smart_charging.power import PHASES, limit_power_w
from ocpp_gateway.smart_charging.profiles import Purpose

MOST_PERIODS = 1000
MOST_MOMENTS = 2000
"""What one answer may cost, whatever profiles are installed."""

NAMES = {
    Purpose.CHARGE_POINT_MAX: CHARGE_POINT_MAX_PROFILE,
    Purpose.TX: TX_PROFILE,
    Purpose.TX_DEFAULT: TX_DEFAULT_PROFILE,
}


@dataclass(frozen=True, slots=True)
class _Says:
    """One source at one moment."""

    source: str
    power_w: float
    charging_profile_id: int | None = None


def schedule(point: ChargePoint, connector_id: int, now: Instant, duration_s: int) -> dict[str, Any]:
    """The steps of the next `duration_s` for a connector, or the station (0), ready for JSON.

    `covered_s` is shorter than asked for where there are too many steps. Raises KeyError when there is no such
    connector.
    """
    connector = None if connector_id == 0 else point.connectors[connector_id]
    periods: list[dict[str, Any]] = []
    second = 0.0
    for _ in range(MOST_MOMENTS):
        if second >= duration_s or len(periods) == MOST_PERIODS:
            break
        at = now.plus(second)
        said, until_s = _at(point, connector, now, at)
        lowest = min(said, key=lambda one: one.power_w)
        step = {
            "power_w": round(lowest.power_w, 1),
            "source": lowest.source,
            "charging_profile_id": lowest.charging_profile_id,
        }
        if not periods or step != {key: periods[-1][key] for key in step}:
            periods.append({"start_s": round(second, 3), "from": at.stamp()} | step)
        second = duration_s if until_s is None else max(second + until_s, second + 1.0)
    return {
        "connector_id": connector_id,
        "at": now.stamp(),
        "covered_s": round(min(second, duration_s), 3),
        "periods": periods,
        "commanded_w": point.station_commanded_w if connector is None else connector.commanded_w,
    }


def profiles(point: ChargePoint, now: Instant) -> list[dict[str, Any]]:
    """The installed profiles, by connector, purpose and level; `in_force`: whether it sets a limit now."""
    ruling = {_limit_of_station(point, now.utc).charging_profile_id}
    for connector in point.connectors.values():
        ruling.add(_limit_of(point, connector, now.utc, now.utc).charging_profile_id)
    installed = sorted(
        point.profiles, key=lambda one: (one.record.connector_id, one.profile.purpose, -one.profile.stack_level)
    )
    return [
        {
            "connector_id": one.record.connector_id,
            "charging_profile_id": one.profile.charging_profile_id,
            "purpose": one.profile.purpose.value,
            "stack_level": one.profile.stack_level,
            "kind": one.profile.kind.value,
            "unit": one.profile.unit.value,
            "local_id": one.record.local_id,
            "installed_at": one.record.installed_at.stamp(),
            "in_force": one.profile.charging_profile_id in ruling,
            "payload": one.record.payload,
        }
        for one in installed
    ]


def _at(point: ChargePoint, connector: Connector | None, now: Instant, at: Instant) -> tuple[list[_Says], float | None]:
    """What every source says at a moment, and in how many s after it one of them may say something else."""
    in_force = [_limit_of_station(point, at.utc)]
    connector_ids = [0]
    said = [_Says(INSTALLATION, float(point.settings.max_power_w))]
    if connector is not None:
        in_force.append(_limit_of(point, connector, at.utc, now.utc))
        connector_ids.append(connector.connector_id)
        if point.settings.connector_max_power_w is not None:
            said.append(_Says(CONNECTOR_MAXIMUM, float(point.settings.connector_max_power_w)))
    phases = PHASES if connector is None else connector.phases_used
    for one in in_force:
        if one.limit is not None:
            power_w = limit_power_w(one.limit, point.settings.power_register, phases)
            said.append(_Says(_name(point, one.charging_profile_id), power_w, one.charging_profile_id))
    ends_s = [_seconds(one.until, at) for one in in_force if one.until is not None]
    for limit in (limit for connector_id in connector_ids for limit in limits_of(point, connector_id)):
        stands = standing(limit, at)
        said.append(_Says(limit.source, stands.power_w))
        if stands.until is not None:
            ends_s.append(stands.until.monotonic_s - at.monotonic_s)
    return said, min(ends_s, default=None)


def _seconds(moment: datetime, at: Instant) -> float:
    return 1.0 if at.utc is None else (moment - at.utc).total_seconds()


def _limit_of_station(point: ChargePoint, at: datetime | None) -> InForce:
    return station_limit_at(point, at)


def _limit_of(point: ChargePoint, connector: Connector, at: datetime | None, began: datetime | None) -> InForce:
    return connector_limit_at(point, connector, at, began=began)


def _name(point: ChargePoint, charging_profile_id: int | None) -> str:
    """The source's name as `why` has it; a profile that cannot be evaluated counts with its lowest limit, unnamed."""
    purposes: Iterator[Purpose] = (
        one.profile.purpose for one in point.profiles if one.profile.charging_profile_id == charging_profile_id
    )
    return NAMES[next(purposes, Purpose.CHARGE_POINT_MAX)]
