"""Connectors taken out of service and put back, by the central system or a local operator (OCPP 1.6 §5.2)."""

from __future__ import annotations

from ocpp_gateway.charger.records import AvailabilityRecord
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn


def set_operative(point: ChargePoint, connector_id: int, turn: Turn, *, operative: bool) -> bool:
    """Put a connector, or all of them and the station (0), in or out of service; kept over a restart.

    Gives whether a running transaction holds the change up: it goes on until its end (R-25).
    """
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
    return scheduled
