"""Registers of ours that somebody else wrote: another master, or a charger that fell back or restarted.

Higher than ours is overwritten at once, always. Lower is restored once it was read twice; where lower values are
obeyed, or the fight is too lively, it is left for ten minutes as one more limit (`limit_sources`). Nothing here
knows who the other one is. Source: decisions.md, Power ("Another master", "Fallback registers"); faults M-19, S-14.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from ocpp_gateway.charger.other_masters import Left, Seen
from ocpp_gateway.charger.state import ChargePoint
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.registers.snapshot import ChargerSnapshot
from ocpp_gateway.smart_charging.power import LIMIT_ACTS_WITHIN_S

LEFT_S = 600.0
"""How long a lower value is left where it is left, and a fight counts as one after its last change."""
MINUTE_S, CHANGES_A_MINUTE = 60.0, 3
"""More foreign changes than these make a fight."""


@dataclass(frozen=True, slots=True)
class _Register:
    """A limit register that was read back as we wrote it, and what it holds now."""

    connector_id: int
    held_w: int | None
    ours_w: int | None
    read_s: float


def watch_registers(point: ChargePoint, snapshot: ChargerSnapshot, turn: Turn) -> None:
    """Compare what the registers hold with what we wrote; what differs is somebody else's doing.

    A limit is compared only while it was last read back as we wrote it.
    """
    masters = point.other_masters
    if masters.contested_until_s is not None and turn.now_s >= masters.contested_until_s:
        masters.contested_until_s = None
        turn.alarm("limits_contested", cleared=True)
    masters.left = {c: left for c, left in masters.left.items() if turn.now_s < left.until.monotonic_s}
    watch_fallback(point, snapshot, turn)
    taken_s, read_s = snapshot.taken_at.monotonic_s, snapshot.limits_read_s
    if point.station_confirmed_w == point.station_commanded_w:
        held_w, ours_w = snapshot.station_power_limit_w, point.station_commanded_w
        if _is_overwritten(point, _Register(0, held_w, ours_w, read_s.get(0, taken_s)), turn):
            point.station_commanded_w = point.station_confirmed_w = None
    for connector_id, connector in point.connectors.items():
        if connector.confirmed_w == connector.commanded_w:
            held_w = None if connector.registers is None else connector.registers.power_limit_w
            register = _Register(connector_id, held_w, connector.commanded_w, read_s.get(connector_id, taken_s))
            if _is_overwritten(point, register, turn):
                connector.commanded_w = connector.confirmed_w = None
        elif connector_id in masters.higher_s:
            masters.higher_s[connector_id] = turn.now_s  # ours was not read back yet


def may_act_on_another(point: ChargePoint, connector_id: int, now_s: float) -> bool:
    """Whether a car may still draw what somebody else allowed it by a higher value than ours."""
    return now_s < point.other_masters.higher_s.get(connector_id, -inf) + LIMIT_ACTS_WITHIN_S


def _is_overwritten(point: ChargePoint, register: _Register, turn: Turn) -> bool:
    """Whether a register that should hold ours is written anew now, with what the limits say then."""
    masters, connector_id, held_w = point.other_masters, register.connector_id, register.held_w
    seen = masters.seen.pop(connector_id, None)
    if held_w is None or register.ours_w is None or held_w == register.ours_w:
        return False
    if held_w > register.ours_w:
        masters.higher_s[connector_id] = turn.now_s
        _count_change(point, register, turn)
        _tell_change(point, register, turn, left=False)
        if connector_id in masters.left:  # who lowered it allows more again; ours bounds it as ever
            masters.left[connector_id] = Left(held_w, turn.now.plus(LEFT_S))
        return True
    if seen is None or seen.power_w != held_w:
        _count_change(point, register, turn)
        masters.seen[connector_id] = Seen(held_w, register.read_s)
        return False
    if register.read_s <= seen.read_s:
        masters.seen[connector_id] = seen
        return False
    left = point.settings.obey_lower or masters.contested_until_s is not None
    if left:
        masters.left[connector_id] = Left(held_w, turn.now.plus(LEFT_S))
    _tell_change(point, register, turn, left=left)
    return True


def _count_change(point: ChargePoint, register: _Register, turn: Turn) -> None:
    """One more foreign change; too many in a minute may be an attack, and an operator must look."""
    masters = point.other_masters
    masters.changes_s = [at_s for at_s in masters.changes_s if turn.now_s - at_s < MINUTE_S] + [turn.now_s]
    if masters.contested_until_s is None:
        if len(masters.changes_s) <= CHANGES_A_MINUTE:
            return
        turn.alarm(
            "limits_contested",
            connector_id=register.connector_id,
            power_w=register.held_w,
            ours_w=register.ours_w,
            changes_a_minute=len(masters.changes_s),
        )
    masters.contested_until_s = turn.now_s + LEFT_S


def _tell_change(point: ChargePoint, register: _Register, turn: Turn, *, left: bool) -> None:
    """Each change is told, but in a fight only the fight is."""
    if point.other_masters.contested_until_s is None:
        turn.alarm(
            "limit_changed_by_another",
            connector_id=register.connector_id,
            power_w=register.held_w,
            ours_w=register.ours_w,
            left_s=LEFT_S if left else None,
        )


def watch_fallback(point: ChargePoint, snapshot: ChargerSnapshot, turn: Turn) -> None:
    """The fallback registers are written at a connection alone (flash wear); until then a change is only told."""
    masters = point.other_masters
    held = (snapshot.fallback_power_w, snapshot.fallback_interval_s)
    if None in held:
        return
    if masters.fallback is None:
        masters.fallback = held
    if (held != masters.fallback) is masters.fallback_told:
        return
    masters.fallback_told = held != masters.fallback
    before_w, before_s = masters.fallback
    turn.alarm(
        "fallback_changed_by_another",
        cleared=not masters.fallback_told,
        power_w=held[0],
        interval_s=held[1],
        before_power_w=before_w,
        before_interval_s=before_s,
    )
