"""The CALLs of the central system, each answered by one function; the effects come after the answer.

Source: OCPP 1.6 §5; conformance sections 7 and 8; what registers cannot do is refused in the specification's words.
"""

from __future__ import annotations

from collections.abc import Callable

from ocpp_gateway.charger import authorization, transactions
from ocpp_gateway.charger.configuration import ConfigurationStatus
from ocpp_gateway.charger.events import CallReceived, RegistrationStatus
from ocpp_gateway.charger.records import (
    AvailabilityRecord,
    ConfigurationRecord,
    ProfileRecord,
    ProfileRemoved,
)
from ocpp_gateway.charger.reporting import current_status
from ocpp_gateway.charger.state import AuthorizationMode, ChargePoint, Connector, InstalledProfile
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.smart_charging.profiles import ProfileRefused, Purpose, parse_profile

ACCEPTED, REJECTED = "Accepted", "Rejected"
VENDOR_ID = "ocpp-gateway"


def handle(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    """Answer a CALL whose payload passed its schema and whose action is one of ACTIONS."""
    ACTIONS[call.action](point, call, turn)


def _status(turn: Turn, call: CallReceived, status: str) -> None:
    turn.reply(call.call_id, {"status": status})


def _remote_start(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    connector = _remote_connector(point, call.payload.get("connectorId"), turn.now_s)
    if connector is None or not _may_start_remotely(point, connector, turn.now_s):
        _status(turn, call, REJECTED)
        return
    _status(turn, call, ACCEPTED)
    id_tag = call.payload["idTag"]
    if point.configuration.flag("AuthorizeRemoteTxRequests"):
        authorization.ask(point, connector, turn, id_tag, remote=True)
    elif point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM:
        authorization.grant(point, connector, turn, id_tag)
        authorization.start_if_authorised(point, connector, turn)
    else:
        authorization.reopen(connector, turn, id_tag)


def _remote_connector(point: ChargePoint, connector_id: int | None, now_s: float) -> Connector | None:
    """The connector asked for; without one, the first that may start (R-11, R-16)."""
    if connector_id is not None:
        return point.connectors.get(connector_id)
    startable = (c for c in point.connectors.values() if _may_start_remotely(point, c, now_s))
    return next(startable, None)


def _may_start_remotely(point: ChargePoint, connector: Connector, now_s: float) -> bool:
    """R-12, R-13; where the charger decides, a start is ours to give only if our limit alone holds a car."""
    if point.settings.read_only or point.registration is not RegistrationStatus.ACCEPTED:  # B-07
        return False
    if connector.transaction is not None or connector.authorization is not None or not connector.operative:
        return False
    if current_status(point, connector, now_s).status in {ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE}:
        return False
    return point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM or (connector.closed and connector.plugged)


def _remote_stop(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    wanted = str(call.payload["transactionId"])
    for connector in point.connectors.values():
        transaction = connector.transaction
        if transaction is not None and wanted in transaction.transaction_ids.values():
            if point.settings.read_only or point.registration is not RegistrationStatus.ACCEPTED:
                break
            _status(turn, call, ACCEPTED)
            transactions.stop(point, connector, turn, reason="Remote", at=turn.now, close=True)
            return
    _status(turn, call, REJECTED)


def _change_availability(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    connector_id, operative = call.payload["connectorId"], call.payload["type"] == "Operative"
    if connector_id != 0 and connector_id not in point.connectors:
        _status(turn, call, REJECTED)
        return
    if point.settings.read_only and not operative:
        _status(turn, call, REJECTED)
        return
    if connector_id == 0:
        point.operative = operative
        turn.persist(AvailabilityRecord(0, operative))
    scheduled = False
    for connector in point.connectors.values():
        if connector_id in {0, connector.connector_id}:
            connector.operative = operative
            turn.persist(AvailabilityRecord(connector.connector_id, operative))
            scheduled = scheduled or (not operative and connector.transaction is not None)
            if not operative:
                connector.authorization = None
    _status(turn, call, "Scheduled" if scheduled else ACCEPTED)


def _get_configuration(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    turn.reply(call.call_id, point.configuration.report(call.payload.get("key") or []))


def _change_configuration(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    status, key = point.configuration.change(call.payload["key"], call.payload["value"])
    if status is ConfigurationStatus.ACCEPTED and key is not None:
        turn.persist(ConfigurationRecord(key.name, point.configuration.text(key.name)))
    _status(turn, call, status.value)
    if status is ConfigurationStatus.ACCEPTED and key is not None and key.name in _APPLY:
        _APPLY[key.name](point, turn)


def restart_heartbeat(point: ChargePoint, turn: Turn) -> None:
    """Count the heartbeat interval from now; 0 means the one a day that keeps the clock (T-44, B-15, B-16)."""
    interval_s = point.configuration.integer("HeartbeatInterval") or 86_400
    point.next_heartbeat_s = turn.now_s + interval_s


_APPLY: dict[str, Callable[[ChargePoint, Turn], None]] = {
    "HeartbeatInterval": restart_heartbeat,
    "MeterValueSampleInterval": transactions.reschedule_samples,
    "ClockAlignedDataInterval": lambda point, turn: transactions.reschedule_aligned(point, turn.now),
}


def _reset(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    """The gateway's OCPP side restarts; the hardware is not restarted (decisions.md, R-32, R-34)."""
    _status(turn, call, ACCEPTED)
    close = point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM
    for connector in point.connectors.values():
        reason = f"{call.payload['type']}Reset"
        transactions.stop(point, connector, turn, reason=reason, at=turn.now, close=close)
        connector.authorization = None
    turn.restart()


def _unlock_connector(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    _status(turn, call, "NotSupported")  # no register unlocks; a transaction goes on


def _clear_cache(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    _status(turn, call, REJECTED)  # there is no cache


def _data_transfer(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    known = call.payload["vendorId"] == VENDOR_ID
    _status(turn, call, "UnknownMessageId" if known else "UnknownVendorId")


def _set_charging_profile(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    connector_id, payload = call.payload["connectorId"], call.payload["csChargingProfiles"]
    connector = point.connectors.get(connector_id)
    if connector_id != 0 and connector is None:  # P-09
        turn.reply_error(call.call_id, "PropertyConstraintViolation", f"no connector {connector_id}")
        return
    try:
        profile = parse_profile(payload)
    except ProfileRefused:
        _status(turn, call, REJECTED)
        return
    local_id = None
    if profile.purpose is Purpose.TX:
        local_id = _transaction_meant(connector, profile.transaction_id)
    misplaced = (profile.purpose is Purpose.CHARGE_POINT_MAX) and connector_id != 0  # P-01
    unbound = profile.purpose is Purpose.TX and local_id is None  # P-03, P-04
    if point.settings.read_only or misplaced or unbound:
        _status(turn, call, REJECTED)
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
    _status(turn, call, ACCEPTED)


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
    _status(turn, call, ACCEPTED if cleared else "Unknown")


ACTIONS: dict[str, Callable[[ChargePoint, CallReceived, Turn], None]] = {
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "ClearChargingProfile": _clear_charging_profile,
    "DataTransfer": _data_transfer,
    "GetConfiguration": _get_configuration,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "Reset": _reset,
    "SetChargingProfile": _set_charging_profile,
    "UnlockConnector": _unlock_connector,
}
"""What this charge point understands; every other action of OCPP 1.6 is answered NotSupported."""
