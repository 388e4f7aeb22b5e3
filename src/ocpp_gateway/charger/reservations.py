"""Reservations, emulated by the gate: a reserved connector is held at 0 W until the right card comes.

Source: OCPP 1.6 §3.8, §5.1, §5.13; conformance R-52 to R-59.
"""

from __future__ import annotations

from collections.abc import Iterable

from ocpp_gateway.charger.id_tags import folded
from ocpp_gateway.charger.records import ReservationRecord, ReservationRemoved
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import parse_utc
from ocpp_gateway.registers.vocabulary import ChargePointStatus

_END_IT = frozenset({ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE})


def reservation_at(reservations: Iterable[ReservationRecord], connector_id: int) -> ReservationRecord | None:
    """The reservation of one connector, if any."""
    return next((one for one in reservations if one.connector_id == connector_id), None)


def is_for(reservation: ReservationRecord, id_tag: str, parent_id_tag: str | None) -> bool:
    """Whether that card may use it: the card itself, or one of the same group (R-54)."""
    if folded(reservation.id_tag) == folded(id_tag):
        return True
    group = reservation.parent_id_tag
    return group is not None and parent_id_tag is not None and folded(group) == folded(parent_id_tag)


def holds(point: ChargePoint, connector: Connector) -> bool:
    """Whether a reservation keeps the connector for somebody who has not come yet."""
    if not point.reservations or connector.transaction is not None:
        return False
    reservation = reservation_at(point.reservations, connector.connector_id)
    return reservation is not None and connector.released_to != reservation.reservation_id


def drop(point: ChargePoint, turn: Turn, reservation_id: int) -> bool:
    """Forget a reservation; gives whether there was one (R-56)."""
    for reservation in point.reservations:
        if reservation.reservation_id == reservation_id:
            point.reservations.remove(reservation)
            turn.persist(ReservationRemoved(reservation_id))
            return True
    return False


def end_what_is_over(point: ChargePoint, turn: Turn) -> None:
    """Expiry, and a connector that became Faulted or Unavailable, end a reservation (R-55)."""
    point.reservations_until_s = None
    for reservation in list(point.reservations):
        connector = point.connectors.get(reservation.connector_id)
        left_s = _left_s(reservation, turn)
        if connector is None or connector.register_status in _END_IT or not connector.operative or left_s <= 0:
            drop(point, turn, reservation.reservation_id)
        else:
            ends_s = turn.now_s + left_s
            point.reservations_until_s = min(ends_s, point.reservations_until_s or ends_s)


def _left_s(reservation: ReservationRecord, turn: Turn) -> float:
    if turn.now.utc is None:
        return 60.0  # it cannot be told yet; ask again
    return (parse_utc(reservation.expiry_date) - turn.now.utc).total_seconds()
