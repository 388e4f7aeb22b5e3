"""RemoteTrigger: TriggerMessage. Source: OCPP 1.6 §5.17; conformance R-70 to R-78, B-06, B-12, M-20."""

from __future__ import annotations

from collections.abc import Callable

from ocpp_gateway.charger import meter_values, reporting
from ocpp_gateway.charger.events import CallReceived, RegistrationStatus
from ocpp_gateway.charger.requests.answering import ACCEPTED, REJECTED, Handler, answer
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn

Trigger = Callable[[ChargePoint, "int | None", Turn], None]


def _trigger_message(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    requested, connector_id = call.payload["requestedMessage"], call.payload.get("connectorId")
    trigger = _TRIGGERS.get(requested)
    if trigger is None:
        answer(turn, call, "NotImplemented")  # a status, not a CALLERROR
        return
    about_a_connector = requested in {"StatusNotification", "MeterValues"}
    unknown = about_a_connector and connector_id not in {None, 0, *point.connectors}
    booted = requested == "BootNotification" and point.registration is RegistrationStatus.ACCEPTED  # B-12
    if unknown or booted:
        answer(turn, call, REJECTED)
        return
    answer(turn, call, ACCEPTED)  # before the message
    trigger(point, connector_id if about_a_connector else None, turn)


def _boot(point: ChargePoint, connector_id: int | None, turn: Turn) -> None:
    if point.booted_as is not None:
        turn.boot(point.booted_as, at_once=True)


def _heartbeat(point: ChargePoint, connector_id: int | None, turn: Turn) -> None:
    turn.call("Heartbeat", {}, triggered=True)


def _status(point: ChargePoint, connector_id: int | None, turn: Turn) -> None:
    """Of one connector, or of 0 to N (R-71), whatever MinimumStatusDuration says (R-77)."""
    if connector_id in {None, 0}:
        reporting.report_station(point, turn, triggered=True)
    for connector in _meant(point, connector_id):
        reporting.report_connector(point, connector, turn, triggered=True)


def _meter_values(point: ChargePoint, connector_id: int | None, turn: Turn) -> None:
    """The most recent values, as a message of the moment: it is not queued (M-20, X-30)."""
    measurands = point.configuration.text("MeterValuesSampledData")
    for connector in _meant(point, connector_id):
        payload = meter_values.triggered_meter_values(connector, measurands, turn)
        if payload is not None:
            turn.call("MeterValues", payload, triggered=True)
    if connector_id in {None, 0}:
        payload = meter_values.station_meter_values(point, measurands, "Trigger", turn.now.stamp())
        if payload is not None:
            turn.call("MeterValues", payload, triggered=True)


def _diagnostics_status(point: ChargePoint, connector_id: int | None, turn: Turn) -> None:
    """Idle unless an upload runs (R-48, R-75)."""
    turn.call("DiagnosticsStatusNotification", {"status": point.diagnostics_status or "Idle"}, triggered=True)


def _meant(point: ChargePoint, connector_id: int | None) -> list[Connector]:
    if connector_id is None:
        return list(point.connectors.values())
    return [point.connectors[connector_id]] if connector_id in point.connectors else []


_TRIGGERS: dict[str, Trigger] = {
    "BootNotification": _boot,
    "DiagnosticsStatusNotification": _diagnostics_status,
    "Heartbeat": _heartbeat,
    "MeterValues": _meter_values,
    "StatusNotification": _status,
}

ACTIONS: dict[str, Handler] = {"TriggerMessage": _trigger_message}
