"""StatusNotification: what is said of each connector, and when.

Source: OCPP 1.6 §4.9; conformance S-01 to S-21, B-04, B-18.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ocpp_gateway.charger import safe_state
from ocpp_gateway.charger.limit_sources import gate_is_open
from ocpp_gateway.charger.reservations import holds
from ocpp_gateway.charger.state import AuthorizationMode, ChargePoint, Connector
from ocpp_gateway.charger.status import (
    IN_TRANSACTION,
    PULLED,
    UNAUTHORISED,
    UNREACHABLE,
    ReportedStatus,
    Situation,
    derive_status,
    describe,
    transitions,
)
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus
from ocpp_gateway.smart_charging.power import LIMIT_ACTS_WITHIN_S

UNKNOWN_STATUS_KEPT_S = 30.0


def current_status(point: ChargePoint, connector: Connector, now_s: float) -> ReportedStatus:
    """What is true of a connector now."""
    if point.unreachable or connector.registers is None:
        return UNREACHABLE
    if connector.safe_state is not None:
        return safe_state.status(connector.safe_state)
    unknown_since_s, register_status = connector.status_unknown_since_s, connector.register_status
    kept = unknown_since_s is None or now_s - unknown_since_s < UNKNOWN_STATUS_KEPT_S
    if register_status is None or not kept:
        raw = connector.registers.status_raw
        told = f"charger shows unknown status {raw}"
        return ReportedStatus(ChargePointStatus.FAULTED, ChargePointErrorCode.OTHER_ERROR, f"status {raw}", told)
    unwanted_since_s = connector.unwanted_since_s
    if unwanted_since_s is not None and now_s - unwanted_since_s >= LIMIT_ACTS_WITHIN_S:
        return UNAUTHORISED
    situation = Situation(
        transaction=connector.transaction is not None,
        nothing_offered=not gate_is_open(point, connector) or _below_minimum(point, connector),
        operative=connector.operative,
        reserved=holds(point, connector),
        stopped_by_us=connector.closed,
        awaiting_plug=connector.authorization is not None,
        preparing_expired=connector.preparing_expired and point.settings.mode is AuthorizationMode.CENTRAL_SYSTEM,
        starting=_starting(connector, now_s),
    )
    return describe(connector.registers, derive_status(register_status, situation))


def _below_minimum(point: ChargePoint, connector: Connector) -> bool:
    """Whether the limit is too low for any car: that is the EVSE's doing (S-13)."""
    least_w = max(point.settings.power_register.minimum_w, 1)
    return connector.commanded_w is not None and connector.commanded_w < least_w


def _starting(connector: Connector, now_s: float) -> bool:
    transaction = connector.transaction
    if transaction is None or transaction.charging_seen:
        return False
    # Negative when the machine started anew in between.
    return 0 <= now_s - transaction.started_at.monotonic_s < LIMIT_ACTS_WITHIN_S


def station_status(point: ChargePoint) -> ReportedStatus:
    """What is true of the charge point itself: Available, Unavailable or Faulted, whatever its connectors do (S-03)."""
    if point.unreachable or point.identity is None:
        return UNREACHABLE
    return _OPERATIVE if point.operative else _INOPERATIVE


_OPERATIVE, _INOPERATIVE = ReportedStatus(ChargePointStatus.AVAILABLE), ReportedStatus(ChargePointStatus.UNAVAILABLE)


def report_all(point: ChargePoint, turn: Turn) -> None:
    """Say the current status of connectors 0 to N: after every accepted boot, and after a reconnect."""
    report_station(point, turn)
    for connector in point.connectors.values():
        report_connector(point, connector, turn)


def report_station(point: ChargePoint, turn: Turn, *, triggered: bool = False) -> None:
    """Say the charge point's own status."""
    point.station_reported = station_status(point)
    _notify(turn, 0, point.station_reported, triggered=triggered)


def report_connector(point: ChargePoint, connector: Connector, turn: Turn, *, triggered: bool = False) -> None:
    """Say a connector's status as it is now."""
    connector.reported, connector.unreported = current_status(point, connector, turn.now_s), None
    _notify(turn, connector.connector_id, connector.reported, triggered=triggered)


def report_changes(point: ChargePoint, turn: Turn) -> None:
    """Say what changed since it was last said; nothing while nobody listens."""
    if not point.accepted:
        return
    station = station_status(point)
    if station != point.station_reported:
        point.station_reported = station
        _notify(turn, 0, station)
    if point.list_conflict:  # S-18
        point.list_conflict = False
        _notify(turn, 0, replace(station, error_code=ChargePointErrorCode.LOCAL_LIST_CONFLICT))
    for connector in point.connectors.values():
        if _may_be_said(point, connector):
            _report(point, turn, connector, current_status(point, connector, turn.now_s))


def _may_be_said(point: ChargePoint, connector: Connector) -> bool:
    """Whether somebody listens, and a change of status is no glitch; that the charger is silent is none."""
    unread = connector.registers is None and point.link_up_s is not None
    known = connector.ending is None and not connector.unproven and not unread
    return point.accepted and (known or point.unreachable)


def must_stand_until_s(point: ChargePoint, connector: Connector) -> float | None:
    """When a status has stood for MinimumStatusDuration (S-11)."""
    if connector.unreported is None or not _may_be_said(point, connector):
        return None
    return connector.unreported[1].monotonic_s + point.configuration.integer("MinimumStatusDuration")


def _report(point: ChargePoint, turn: Turn, connector: Connector, current: ReportedStatus) -> None:
    last, pulled_at = connector.reported, connector.pulled_at
    connector.pulled_at = None
    if current == last:
        connector.unreported = None
        return
    since = turn.now
    if last is not None and last.status is not current.status:
        stands = _stands_since(point, turn, connector, current.status)
        if stands is None:
            return
        since, status = stands, last.status
        if pulled_at is not None and status in IN_TRANSACTION and current.status is not ChargePointStatus.FAULTED:
            _notify(turn, connector.connector_id, PULLED, at=pulled_at)
            status = PULLED.status
        for skipped in transitions(status, current.status)[:-1]:
            _notify(turn, connector.connector_id, ReportedStatus(skipped), at=since)
    connector.reported, connector.unreported = current, None
    _notify(turn, connector.connector_id, current, at=since)


def _stands_since(point: ChargePoint, turn: Turn, connector: Connector, status: ChargePointStatus) -> Instant | None:
    """Since when a status holds that may be said: a fault at once, any other after MinimumStatusDuration (S-11)."""
    wait_s = point.configuration.integer("MinimumStatusDuration")
    if wait_s == 0 or status is ChargePointStatus.FAULTED:
        return turn.now
    if connector.unreported is None or connector.unreported[0] is not status:
        connector.unreported = (status, turn.now)
    since = connector.unreported[1]
    return since if turn.now_s - since.monotonic_s >= wait_s else None


def _notify(
    turn: Turn, connector_id: int, reported: ReportedStatus, *, at: Instant | None = None, triggered: bool = False
) -> None:
    payload: dict[str, Any] = {
        "connectorId": connector_id,
        "errorCode": reported.error_code.value,
        "status": reported.status.value,
    }
    at = at or turn.now
    if at.utc is not None:  # it is optional, and a time that is not known is not invented
        payload["timestamp"] = at.stamp()
    if reported.info is not None:
        payload["info"] = reported.info[:50]
    if reported.vendor_error_code is not None:
        payload["vendorErrorCode"] = reported.vendor_error_code[:50]
        payload["vendorId"] = "ocpp-gateway"
    turn.call("StatusNotification", payload, triggered=triggered)
