"""SmartCharging: SetChargingProfile, ClearChargingProfile. Source: OCPP 1.6 §5.4, §5.16; conformance P-01 on."""

from __future__ import annotations

from ocpp_gateway.charger.events import CallReceived
from ocpp_gateway.charger.records import ProfileRecord, ProfileRemoved
from ocpp_gateway.charger.requests.answering import ACCEPTED, REJECTED, Handler, answer
from ocpp_gateway.charger.state import ChargePoint, Connector, InstalledProfile
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.smart_charging.profiles import ProfileRefused, Purpose, parse_profile


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
    local_id = None
    if profile.purpose is Purpose.TX:
        local_id = _transaction_meant(connector, profile.transaction_id)
    misplaced = (profile.purpose is Purpose.CHARGE_POINT_MAX) and connector_id != 0  # P-01
    unbound = profile.purpose is Purpose.TX and local_id is None  # P-03, P-04
    if point.settings.read_only or misplaced or unbound:
        answer(turn, call, REJECTED)
        return
    for installed in list(point.profiles):  # one profile per place and purpose is in force; its successor replaces it
        same_id = installed.profile.charging_profile_id == profile.charging_profile_id
        same_place = (installed.record.connector_id, installed.profile.purpose) == (connector_id, profile.purpose)
        if same_id or same_place:
            point.profiles.remove(installed)
            turn.persist(ProfileRemoved(installed.record.connector_id, installed.profile.charging_profile_id))
    record = ProfileRecord(connector_id, profile.charging_profile_id, payload, local_id, turn.now)
    point.profiles.append(InstalledProfile(record, profile))
    turn.persist(record)
    answer(turn, call, ACCEPTED)


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


ACTIONS: dict[str, Handler] = {
    "ClearChargingProfile": _clear_charging_profile,
    "SetChargingProfile": _set_charging_profile,
}
