"""Limits that somebody else wrote: another master, or a charger that fell back or restarted.

Source: decisions.md, Power ("Another master").
"""

from __future__ import annotations

from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.registers.snapshot import ChargerSnapshot

RESTORED_AFTER_S = 20.0
"""A lower value that somebody else wrote must stand for more than one reading before it is raised again."""


def watch_registers(point: ChargePoint, snapshot: ChargerSnapshot, turn: Turn) -> None:
    """Another master wrote a limit: higher is overwritten at once, lower after a while (decisions.md, Power).

    A register is compared only while it was last read back as we wrote it.
    """
    station_w = snapshot.station_power_limit_w
    if station_w is not None and point.station_confirmed_w == point.station_commanded_w != station_w:
        turn.alarm("limit_changed_by_another", connector_id=0, power_w=station_w, ours_w=point.station_commanded_w)
        point.station_commanded_w = point.station_confirmed_w = None
    for connector in point.connectors.values():
        held_w = None if connector.registers is None else connector.registers.power_limit_w
        ours_w = connector.commanded_w
        if held_w is None or ours_w is None or connector.confirmed_w != ours_w or held_w == ours_w:
            connector.lowered_since_s = None
            continue
        if held_w < ours_w:
            connector.lowered_since_s = connector.lowered_since_s or turn.now_s
            if turn.now_s - connector.lowered_since_s < RESTORED_AFTER_S:
                continue
        turn.alarm("limit_changed_by_another", connector_id=connector.connector_id, power_w=held_w, ours_w=ours_w)
        connector.commanded_w = connector.confirmed_w = connector.lowered_since_s = None
