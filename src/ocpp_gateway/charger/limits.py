"""The power limit in force for the station and each connector, and the commands that bring the charger there.

The limit is the minimum over every source that exists. Source: decisions.md, Power; conformance P-27, P-28, P-50.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ocpp_gateway.charger.reservations import holds
from ocpp_gateway.charger.state import AuthorizationMode, ChargePoint, Connector, InstalledProfile
from ocpp_gateway.charger.turn import Turn
from ocpp_gateway.instant import Instant
from ocpp_gateway.registers.snapshot import ChargerSnapshot
from ocpp_gateway.smart_charging.composite_schedule import UNCONSTRAINED, InForce, Limit, earliest, limit_at
from ocpp_gateway.smart_charging.power import PHASES, limit_power_w, phases_in_use, share, written_power_w
from ocpp_gateway.smart_charging.profiles import Purpose, RateUnit

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


def gate_is_open(point: ChargePoint, connector: Connector) -> bool:
    """Whether energy may flow: operative, not held closed after our stop, authorised where the mode asks for it."""
    if connector.transaction is not None:
        return not connector.transaction.deauthorized
    if connector.closed or not connector.operative or holds(point, connector):
        return False
    return point.settings.mode is not AuthorizationMode.CENTRAL_SYSTEM


def apply_limits(point: ChargePoint, turn: Turn) -> None:
    """Command every limit that is not what was commanded last, in the order that never exceeds a limit on the way."""
    if point.settings.read_only or point.link_up_s is None:
        point.limits_until_s = None  # there is nothing to command before the link is up, and then everything is
        return
    now, register = turn.now, point.settings.power_register
    station_limit = station_limit_at(point, now.utc)
    changes = [station_limit.until]
    station_w = point.settings.max_power_w // register.step_w * register.step_w
    if station_limit.limit is not None:
        limit_w = limit_power_w(station_limit.limit, register, PHASES)
        station_w = min(station_w, written_power_w(limit_w, point.settings.max_power_w, register))
    wanted: dict[int, int] = {}
    for connector in point.connectors.values():
        wanted[connector.connector_id], until = _connector_w(point, connector, now)
        changes.append(until)
    until = earliest(changes)
    point.limits_until_s = (
        None if until is None or now.utc is None else now.monotonic_s + max((until - now.utc).total_seconds(), 0.0)
    )
    _command(point, turn, station_w, share(station_w, wanted, register.step_w))


def station_limit_at(point: ChargePoint, at: datetime | None) -> InForce:
    """What ChargePointMaxProfile sets at a moment."""
    return _in_force(_stack(point, Purpose.CHARGE_POINT_MAX, 0), at, None) if point.profiles else UNCONSTRAINED


def connector_limit(point: ChargePoint, connector: Connector, now: Instant) -> InForce:
    """What TxProfile, else TxDefaultProfile, sets now (P-27)."""
    return connector_limit_at(point, connector, now.utc, began=now.utc) if point.profiles else UNCONSTRAINED


def connector_limit_at(
    point: ChargePoint, connector: Connector, at: datetime | None, *, began: datetime | None
) -> InForce:
    """The same at a moment; `began` is when a transaction would have begun, if none runs (P-66)."""
    started = began if connector.transaction is None else connector.transaction.started_at.utc
    tx = _in_force(_stack(point, Purpose.TX, connector.connector_id), at, started)
    default = _in_force(_stack(point, Purpose.TX_DEFAULT, connector.connector_id, 0), at, started)
    limit = default.limit if tx.limit is None else tx.limit
    return InForce(limit, earliest((tx.until, default.until)))


def _connector_w(point: ChargePoint, connector: Connector, now: Instant) -> tuple[int, datetime | None]:
    cap_w, register = point.settings.connector_cap_w, point.settings.power_register
    if not gate_is_open(point, connector):
        return 0, None
    in_force = connector_limit(point, connector, now)
    if in_force.limit is None:
        return cap_w // register.step_w * register.step_w, in_force.until
    used = None if connector.registers is None else phases_in_use(connector.registers.current_a)
    return written_power_w(limit_power_w(in_force.limit, register, used), cap_w, register), in_force.until


def _stack(point: ChargePoint, purpose: Purpose, *connector_ids: int) -> list[InstalledProfile]:
    """The installed profiles of a purpose; those of the first connector named come first and win a draw (P-02)."""
    return [
        installed
        for connector_id in connector_ids
        for installed in point.profiles
        if installed.profile.purpose is purpose and installed.record.connector_id == connector_id
    ]


def _in_force(stack: Sequence[InstalledProfile], at: datetime | None, transaction_start: datetime | None) -> InForce:
    if not stack:
        return UNCONSTRAINED
    started = [(installed.profile, _relative_start(installed, transaction_start)) for installed in stack]
    if at is None or any(start is None and profile.is_relative for profile, start in started):
        return InForce(_lowest(stack), None)  # P-36: what cannot be evaluated counts with the lowest limit it names
    return limit_at(started, at)


def _relative_start(installed: InstalledProfile, transaction_start: datetime | None) -> datetime | None:
    """What a Relative schedule counts from: for the station its acceptance, else the transaction (P-21)."""
    of_station = installed.profile.purpose is Purpose.CHARGE_POINT_MAX
    return installed.record.installed_at.utc if of_station else transaction_start


def _lowest(stack: Sequence[InstalledProfile]) -> Limit:
    return min(
        (
            Limit(period.limit, installed.profile.unit, period.number_phases)
            for installed in stack
            for period in installed.profile.periods
        ),
        key=lambda limit: limit.value if limit.unit is RateUnit.WATT else limit.value * 230 * limit.number_phases,
    )


def _command(point: ChargePoint, turn: Turn, station_w: int, granted_w: dict[int, int]) -> None:
    """Connector decreases, the station, increases last."""
    changed = [
        c
        for connector_id, c in point.connectors.items()
        if c.commanded_w != (power_w := granted_w[connector_id]) and not _rests(c, power_w, turn)
    ]
    if not changed and station_w == point.station_commanded_w:
        return
    lower = [c for c in changed if c.commanded_w is None or granted_w[c.connector_id] < c.commanded_w]
    for connector in sorted(lower, key=lambda c: granted_w[c.connector_id]):
        _write(turn, connector, granted_w[connector.connector_id])
    rests = station_w == point.station_refused_w and turn.now_s < point.station_refused_until_s
    if station_w != point.station_commanded_w and not rests:
        point.station_commanded_w = station_w
        turn.command(0, station_w)
    for connector in changed:
        if connector not in lower:
            _write(turn, connector, granted_w[connector.connector_id])


def _rests(connector: Connector, power_w: int, turn: Turn) -> bool:
    """Whether the charger refused this very value a moment ago; another one may be tried at once."""
    return power_w == connector.refused_w and turn.now_s < connector.refused_until_s


def _write(turn: Turn, connector: Connector, power_w: int) -> None:
    connector.commanded_w = power_w
    turn.command(connector.connector_id, power_w)
