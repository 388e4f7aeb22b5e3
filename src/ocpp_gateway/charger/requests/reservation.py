"""Reservation: ReserveNow, CancelReservation. Source: OCPP 1.6 §5.1, §5.13; conformance R-52 to R-59."""

from __future__ import annotations

from ocpp_gateway.charger.events import CallReceived
from ocpp_gateway.charger.records import ReservationRecord
from ocpp_gateway.charger.reporting import current_status
from ocpp_gateway.charger.requests.answering import ACCEPTED, REJECTED, Handler, answer
from ocpp_gateway.charger.reservations import drop, reservation_at
from ocpp_gateway.charger.state import AuthorizationMode, ChargePoint
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import parse_utc
from ocpp_gateway.registers.vocabulary import ChargePointStatus


def _reserve_now(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    status = _reservation_status(point, call, turn)
    if status == ACCEPTED:
        wanted = call.payload
        drop(point, turn, wanted["reservationId"])  # the same id is a change
        reservation = ReservationRecord(
            reservation_id=wanted["reservationId"],
            connector_id=wanted["connectorId"],
            id_tag=wanted["idTag"],
            expiry_date=parse_utc(wanted["expiryDate"]).isoformat(),
            parent_id_tag=wanted.get("parentIdTag"),
        )
        point.reservations.append(reservation)
        turn.persist(reservation)
    answer(turn, call, status)


def _reservation_status(point: ChargePoint, call: CallReceived, turn: Turn) -> str:
    """ReservationStatus. Connector 0 is not offered (ReserveConnectorZeroSupported), nor where no gate can hold it."""
    connector = point.connectors.get(call.payload["connectorId"])
    if connector is None or point.settings.read_only or point.settings.mode is AuthorizationMode.FREE:
        return REJECTED
    try:
        expiry = parse_utc(call.payload["expiryDate"])
    except ValueError:
        return REJECTED
    status = current_status(point, connector, turn.now_s).status
    if status in {ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE}:
        return status.value
    held = reservation_at(point.reservations, connector.connector_id)
    same = held is not None and held.reservation_id == call.payload["reservationId"]
    if status is not ChargePointStatus.AVAILABLE and not (same and status is ChargePointStatus.RESERVED):
        return "Occupied"
    if turn.now.utc is None or expiry <= turn.now.utc:
        return REJECTED
    return ACCEPTED


def _cancel_reservation(point: ChargePoint, call: CallReceived, turn: Turn) -> None:
    answer(turn, call, ACCEPTED if drop(point, turn, call.payload["reservationId"]) else REJECTED)


ACTIONS: dict[str, Handler] = {
    "CancelReservation": _cancel_reservation,
    "ReserveNow": _reserve_now,
}
