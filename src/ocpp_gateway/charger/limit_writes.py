"""The order in which limits are written: what is lowered first, and nothing is raised before there is room for it.

A limit that is lowered counts only once its register was read back. Until then, and after a refusal, the register
may hold the higher value, and whoever shall get that power waits. Source: decisions.md, Power; conformance P-50.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ocpp_gateway.charger.events import CommandConfirmed
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.registers.snapshot import ChargerSnapshot


def take_held(point: ChargePoint, snapshot: ChargerSnapshot) -> None:
    """Learn what the limit registers hold from a reading of them."""
    for registers in snapshot.connectors:
        connector, held_w = point.connectors.get(registers.connector_id), registers.power_limit_w
        if connector is None or held_w is None:
            continue
        settled = connector.commanded_w is not None and connector.commanded_w == connector.confirmed_w
        before_w = None if settled else connector.at_most_w
        connector.at_most_w = held_w if before_w is None else max(before_w, held_w)


def take_confirmed(point: ChargePoint, event: CommandConfirmed) -> bool:
    """A register was read back with this value, which may be an older one than was commanded last.

    Gives whether that makes room for others.
    """
    connector = point.connectors.get(event.connector_id)
    if connector is None:
        return False
    before_w = connector.at_most_w
    connector.at_most_w = max(event.value, connector.commanded_w or 0)
    return before_w is None or connector.at_most_w < before_w


def forget_held(point: ChargePoint) -> None:
    """The link was made anew: nobody knows what the registers hold now, and all limits are commanded again."""
    point.station_commanded_w, point.station_confirmed_w, point.station_refused_until_s = None, None, 0.0
    for connector in point.connectors.values():
        connector.commanded_w = connector.confirmed_w = connector.at_most_w = None
        connector.refused_until_s = 0.0


def command_limits(
    point: ChargePoint, turn: Turn, station_w: int, wanted_w: Mapping[int, int], decided_by: Callable[[int], str]
) -> None:
    """Command what is not what was commanded last: connector decreases, the station, increases as there is room.

    `decided_by` names the source of a connector's limit, 0 for the station's.
    """
    changed = sorted(
        (c for c in point.connectors.values() if c.commanded_w != wanted_w[c.connector_id]),
        key=lambda c: wanted_w[c.connector_id],
    )
    changed = [c for c in changed if not _rests(c, wanted_w[c.connector_id], turn)]
    for connector in changed:
        power_w = wanted_w[connector.connector_id]
        known = connector.at_most_w is not None
        if not _raises(connector, power_w) and (known or _has_room(point, connector, power_w, station_w)):
            _write(turn, connector, power_w, decided_by(connector.connector_id))
    rests = station_w == point.station_refused_w and turn.now_s < point.station_refused_until_s
    if station_w != point.station_commanded_w and not rests:
        point.station_commanded_w = station_w
        turn.command(0, station_w, decided_by(0))
    for connector in changed:
        power_w = wanted_w[connector.connector_id]
        if _raises(connector, power_w) and _has_room(point, connector, power_w, station_w):
            _write(turn, connector, power_w, decided_by(connector.connector_id))


def _raises(connector: Connector, power_w: int) -> bool:
    """Whether writing this raises what was commanded, or the register held before."""
    before_w = connector.at_most_w if connector.commanded_w is None else connector.commanded_w
    return before_w is not None and power_w > before_w


def _has_room(point: ChargePoint, connector: Connector, power_w: int, station_w: int) -> bool:
    """Whether the station's limit holds with this, whatever the other registers may hold."""
    others = [other for other in point.connectors.values() if other is not connector]
    cap_w = point.settings.connector_cap_w
    if power_w + sum(cap_w if other.at_most_w is None else other.at_most_w for other in others) <= station_w:
        return True
    seen = point.last_snapshot_at is not None and point.last_snapshot_at.monotonic_s >= (point.link_up_s or 0.0)
    return connector.at_most_w is None and seen  # a charger that does not show its limits learns them from us


def _rests(connector: Connector, power_w: int, turn: Turn) -> bool:
    """Whether the charger refused this very value a moment ago; another one may be tried at once."""
    return power_w == connector.refused_w and turn.now_s < connector.refused_until_s


def _write(turn: Turn, connector: Connector, power_w: int, source: str) -> None:
    connector.commanded_w = power_w
    connector.at_most_w = power_w if connector.at_most_w is None else max(connector.at_most_w, power_w)
    turn.command(connector.connector_id, power_w, source)
