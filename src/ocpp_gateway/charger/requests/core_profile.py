"""Core: start, stop, availability, configuration, reset and the rest of what every charge point understands.

Source: OCPP 1.6 §5.2 to §5.18; conformance sections 7 and 8a to 8f.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ocpp_gateway.charger import authorization, meter_values, transactions
from ocpp_gateway.charger.authorization import parent_of
from ocpp_gateway.charger.availability import set_operative
from ocpp_gateway.charger.configuration import ConfigurationStatus
from ocpp_gateway.charger.events import CallReceived, RegistrationStatus
from ocpp_gateway.charger.records import CacheCleared, ConfigurationRecord
from ocpp_gateway.charger.reporting import current_status
from ocpp_gateway.charger.requests.answering import ACCEPTED, REJECTED, Handler, answer
from ocpp_gateway.charger.reservations import is_for, reservation_at
from ocpp_gateway.charger.state import AuthorizationMode, ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.charger.view import view
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.smart_charging.profiles import MAX_PROFILES, ProfileRefused, Purpose, parse_profile

VENDOR_ID = "ocpp-gateway"
RESET_WAITS_S = 30.0
DAY_S = 86_400


def _remote_start(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    connector = _remote_connector(point, call, turn.now_s)
    if connector is None or not _may_start_remotely(point, connector, call.payload["idTag"], turn.now_s):
        answer(turn, call, REJECTED)
        return
    profile = call.payload.get("chargingProfile")
    if profile is not None and not _can_govern_a_new_transaction(point, profile):
        answer(turn, call, REJECTED)
        return
    answer(turn, call, ACCEPTED)
    id_tag = call.payload["idTag"]
    if point.configuration.flag("AuthorizeRemoteTxRequests"):
        authorization.ask(point, connector, turn, id_tag, profile=profile)
    else:
        authorization.admit(point, connector, turn, id_tag, profile=profile)


def _can_govern_a_new_transaction(point: ChargePoint, profile: dict[str, Any]) -> bool:
    """R-17: a TxProfile that makes sense and names no transaction, where the beginning of one is ours to decide."""
    try:
        parsed = parse_profile(profile)
    except ProfileRefused:
        return False
    ours = point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM and len(point.profiles) < MAX_PROFILES
    return ours and parsed.purpose is Purpose.TX and parsed.transaction_id is None


def _remote_connector(point: ChargePoint, call: CallReceived, now_s: float) -> Connector | None:
    """The connector asked for; without one, the first that may start, a plugged one before a free one (R-11, R-16)."""
    if "connectorId" in call.payload:
        return point.connectors.get(call.payload["connectorId"])
    id_tag = call.payload["idTag"]
    startable = [c for c in point.connectors.values() if _may_start_remotely(point, c, id_tag, now_s)]
    return min(startable, key=lambda connector: not connector.plugged, default=None)


_STARTS_NOTHING = frozenset({ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE})


def _may_start_remotely(point: ChargePoint, connector: Connector, id_tag: str, now_s: float) -> bool:
    """R-12, R-13; where the charger decides, a start is ours to give only if our limit alone holds a car."""
    if point.settings.read_only or point.registration is not RegistrationStatus.ACCEPTED:  # B-07
        return False
    if point.restart_by_s is not None:
        return False
    asked = any(request.connector_id == connector.connector_id for request in point.pending_authorize.values())
    taken = connector.transaction is not None or connector.authorization is not None or asked
    if taken or not connector.operative:
        return False
    if current_status(point, connector, now_s).status in _STARTS_NOTHING:
        return False
    reservation = reservation_at(point.reservations, connector.connector_id)
    if reservation is not None and not is_for(reservation, id_tag, parent_of(point, id_tag)):
        return False
    return point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM or (connector.closed and connector.plugged)


def _remote_stop(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    wanted = str(call.payload["transactionId"])
    for connector in point.connectors.values():
        transaction = connector.transaction
        if transaction is not None and wanted in transaction.transaction_ids.values():
            if point.settings.read_only or point.registration is not RegistrationStatus.ACCEPTED:
                break
            answer(turn, call, ACCEPTED)
            transactions.stop(point, connector, turn, reason="Remote", at=turn.now, close=True)
            return
    answer(turn, call, REJECTED)


def _change_availability(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    connector_id, operative = call.payload["connectorId"], call.payload["type"] == "Operative"
    if connector_id != 0 and connector_id not in point.connectors:
        answer(turn, call, REJECTED)
        return
    if point.settings.read_only and not operative:
        answer(turn, call, REJECTED)
        return
    scheduled = set_operative(point, connector_id, turn, operative=operative)
    answer(turn, call, "Scheduled" if scheduled else ACCEPTED)


def _get_configuration(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    names, most = call.payload.get("key") or [], point.configuration.integer("GetConfigurationMaxKeys")
    if len(names) > most:  # C-06
        turn.reply_error(call.call_id, "OccurenceConstraintViolation", f"more than {most} keys")
        return
    turn.reply(call.call_id, point.configuration.report(names))


def _change_configuration(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    status, key = point.configuration.change(call.payload["key"], call.payload["value"])
    if status is ConfigurationStatus.ACCEPTED and key is not None:
        turn.persist(ConfigurationRecord(key.name, point.configuration.text(key.name)))
    answer(turn, call, status.value)
    if status is ConfigurationStatus.ACCEPTED and key is not None and key.name in _APPLY:
        _APPLY[key.name](point, turn)


def restart_heartbeat(point: ChargePoint, turn: Turn) -> None:
    """Count the heartbeat interval from now; one a day keeps the clock, also with 0 or years (T-44, B-15, B-16)."""
    interval_s = point.configuration.integer("HeartbeatInterval") or DAY_S
    point.next_heartbeat_s = turn.now_s + min(interval_s, DAY_S)


_APPLY: dict[str, Callable[[ChargePoint, Turn], None]] = {
    "HeartbeatInterval": restart_heartbeat,
    "MeterValueSampleInterval": meter_values.reschedule_samples,
    "ClockAlignedDataInterval": lambda point, turn: meter_values.reschedule_aligned(point, turn.now),
}


def _reset(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    """The gateway's OCPP side restarts; the hardware is not restarted (decisions.md, R-32, R-34)."""
    answer(turn, call, ACCEPTED)
    point.restart_by_s = turn.now_s + RESET_WAITS_S
    close = point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM
    for connector in point.connectors.values():
        if connector.transaction is not None:
            point.restart_after.add(connector.transaction.local_id)
        reason = f"{call.payload['type']}Reset"
        transactions.stop(point, connector, turn, reason=reason, at=turn.now, close=close)
        connector.authorization = None
    restart_when_told(point, turn)


def restart_when_told(point: ChargePoint, turn: Turn, local_id: str | None = None) -> None:
    """Carry out a Reset once the ends of its transactions are told, or have been waited for long enough (R-32)."""
    point.restart_after -= {local_id}
    if point.restart_by_s is not None and (not point.restart_after or turn.now_s >= point.restart_by_s):
        point.restart_by_s, point.restart_after = None, set()
        turn.restart()


def _unlock_connector(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    answer(turn, call, "NotSupported")  # no register unlocks; a transaction goes on


def _clear_cache(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    point.cache.entries.clear()
    turn.persist(CacheCleared())
    answer(turn, call, ACCEPTED)


def _data_transfer(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    """Reads, nothing else: `snapshot` gives this charge point's view, `register` the one `data` names (R-42)."""
    if call.payload["vendorId"] != VENDOR_ID:
        answer(turn, call, "UnknownVendorId")
        return
    match call.payload.get("messageId"):
        case "snapshot":
            data = json.dumps(view(point, turn.now), separators=(",", ":"))
            turn.reply(call.call_id, {"status": ACCEPTED, "data": data})
        case "register":
            turn.reply_with_register(call.call_id, call.payload.get("data", ""))
        case _:
            answer(turn, call, "UnknownMessageId")


ACTIONS: dict[str, Handler] = {
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "DataTransfer": _data_transfer,
    "GetConfiguration": _get_configuration,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "Reset": _reset,
    "UnlockConnector": _unlock_connector,
}
