"""SmartCharging: SetChargingProfile, ClearChargingProfile, GetCompositeSchedule.

Source: OCPP 1.6 §5.4, §5.7, §5.16; conformance P-01 to P-19, P-60 to P-72.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from ocpp_gateway.charger.events import CallReceived
from ocpp_gateway.charger.limit_sources import connector_limit_at, station_limit_at
from ocpp_gateway.charger.records import ProfileRecord, ProfileRemoved
from ocpp_gateway.charger.requests.answering import ACCEPTED, REJECTED, Handler, answer
from ocpp_gateway.charger.state import ChargePoint, Connector, InstalledProfile
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import format_utc
from ocpp_gateway.smart_charging.composite_schedule import Limit, earliest
from ocpp_gateway.smart_charging.power import PHASES
from ocpp_gateway.smart_charging.profiles import (
    MAX_PROFILES,
    ChargingProfile,
    ProfileRefused,
    Purpose,
    RateUnit,
    parse_profile,
)
from ocpp_gateway.smart_charging.schedule_report import Constraints, composite_schedule, while_it_holds


def _set_charging_profile(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    connector_id, payload = call.payload["connectorId"], call.payload["csChargingProfiles"]
    connector = point.connectors.get(connector_id)
    if connector_id != 0 and connector is None:  # P-09
        turn.reply_error(call.call_id, "PropertyConstraintViolation", f"no connector {connector_id}")
        return
    try:
        profile = parse_profile(payload)
    except ProfileRefused:
        answer(turn, call, REJECTED)
        return
    local_id = _transaction_meant(connector, profile.transaction_id) if profile.purpose is Purpose.TX else None
    replaced = [one for one in point.profiles if _is_replaced(one, profile, connector_id)]
    if point.settings.read_only or not _fits(point, profile, connector_id, local_id, len(replaced)):
        answer(turn, call, REJECTED)
        return
    for installed in replaced:
        point.profiles.remove(installed)
        turn.persist(ProfileRemoved(installed.record.connector_id, installed.profile.charging_profile_id))
    record = ProfileRecord(connector_id, profile.charging_profile_id, payload, local_id, turn.now)
    point.profiles.append(InstalledProfile(record, profile))
    turn.persist(record)
    answer(turn, call, ACCEPTED)


def _is_replaced(installed: InstalledProfile, profile: ChargingProfile, connector_id: int) -> bool:
    """The same id anywhere, or the same level and purpose in the same place (P-11)."""
    other = installed.profile
    same_place = (installed.record.connector_id, other.purpose, other.stack_level) == (
        connector_id,
        profile.purpose,
        profile.stack_level,
    )
    return same_place or other.charging_profile_id == profile.charging_profile_id


def _fits(point: ChargePoint, profile: ChargingProfile, connector_id: int, local_id: str | None, replaced: int) -> bool:
    """Whether a profile may be where it shall be, and there is room for it (P-01, P-03, P-04, P-07)."""
    misplaced = profile.purpose is Purpose.CHARGE_POINT_MAX and connector_id != 0
    unbound = profile.purpose is Purpose.TX and local_id is None
    no_room = len(point.profiles) - replaced >= MAX_PROFILES
    return not (misplaced or unbound or no_room)


def _transaction_meant(connector: Connector | None, transaction_id: int | None) -> str | None:
    """The local id of the running transaction that a TxProfile is for, if it is the one running (P-03 to P-05)."""
    transaction = connector.transaction if connector is not None else None
    if transaction is None:
        return None
    if transaction_id is not None and str(transaction_id) not in transaction.transaction_ids.values():
        return None
    return transaction.local_id


def _clear_charging_profile(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    """The id alone counts when it is given, else all criteria together (P-70)."""
    wanted = call.payload
    cleared = False
    for installed in list(point.profiles):
        profile, place = installed.profile, installed.record.connector_id
        if "id" in wanted:
            matches = profile.charging_profile_id == wanted["id"]
        else:
            matches = (
                wanted.get("connectorId", place) == place
                and wanted.get("chargingProfilePurpose", profile.purpose) == profile.purpose
                and wanted.get("stackLevel", profile.stack_level) == profile.stack_level
            )
        if matches:
            cleared = True
            point.profiles.remove(installed)
            turn.persist(ProfileRemoved(place, profile.charging_profile_id))
    answer(turn, call, ACCEPTED if cleared else "Unknown")


def _get_composite_schedule(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    """The minimum over every profile and the hardware, for one connector or (0) the station (P-62, P-63)."""
    connector_id, start = call.payload["connectorId"], turn.now.utc
    connector = point.connectors.get(connector_id)
    if (connector_id != 0 and connector is None) or start is None:
        answer(turn, call, REJECTED)
        return

    sources = [while_it_holds(partial(station_limit_at, point))]
    cap_w = point.settings.max_power_w
    if connector is not None:
        sources.append(while_it_holds(partial(connector_limit_at, point, connector, began=start)))
        cap_w = point.settings.connector_cap_w
    hardware = Limit(float(cap_w), RateUnit.WATT, PHASES)

    def constraints_at(moment: datetime) -> Constraints:
        in_force = [limit_at(moment) for limit_at in sources]
        limits = [one.limit for one in in_force if one.limit is not None]
        return Constraints([*limits, hardware], earliest(one.until for one in in_force))

    schedule = composite_schedule(
        constraints_at,
        start,
        call.payload["duration"],
        RateUnit(call.payload.get("chargingRateUnit", "A")),
        point.settings.power_register.nominal_voltage_v,
    )
    if not schedule["chargingSchedulePeriod"]:  # a duration of nothing
        answer(turn, call, REJECTED)
        return
    turn.reply(
        call.call_id,
        {
            "status": ACCEPTED,
            "connectorId": connector_id,
            "scheduleStart": format_utc(start),
            "chargingSchedule": schedule,
        },
    )


ACTIONS: dict[str, Handler] = {
    "ClearChargingProfile": _clear_charging_profile,
    "GetCompositeSchedule": _get_composite_schedule,
    "SetChargingProfile": _set_charging_profile,
}
