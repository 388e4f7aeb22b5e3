"""Why is it 6 A? Every source with its value, who won, the sum, what was written and read back, what the charger does.

One answer for the command line, the API and the dashboard, ready for JSON: units in the names, times in ISO 8601,
null for what nobody said or read.
"""

from __future__ import annotations

from math import floor, isinf
from typing import Any

from ocpp_gateway.charger import reporting
from ocpp_gateway.charger.limit_border import CURRENT_GUARD, STATION_SHARE
from ocpp_gateway.charger.limit_sources import Source
from ocpp_gateway.charger.limits import Decision, decide
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.charger.status import ReportedStatus
from ocpp_gateway.instant import Instant
from ocpp_gateway.smart_charging.power import PHASES, PowerRegister
from ocpp_gateway.smart_charging.profiles import RateUnit


def why(point: ChargePoint, connector_id: int, now: Instant) -> dict[str, Any]:
    """How the limit of a connector (0: of the station) comes about. Raises KeyError when there is no such connector."""
    connector = None if connector_id == 0 else point.connectors[connector_id]
    decision, register = decide(point, now), point.settings.power_register
    winner = _winner(decision, connector_id)
    landed_w = decision.station.written_w if connector_id == 0 else decision.written_w[connector_id]
    return {
        "connector_id": connector_id,
        "at": now.stamp(),
        "summary": f"{landed_w} W: {winner.name}, {_stated(winner)}; {_conversion(winner, landed_w, register)}",
        "limit_w": _number(winner.power_w),
        "decided_by": winner.name,
        "may_change_at": None if decision.until_s is None else now.plus(decision.until_s - now.monotonic_s).stamp(),
        "sources": [_source(source, winner) for source in _all_sources(decision, connector_id)],
        "conversion": _conversion(winner, landed_w, register),
        "register": {
            "step_w": register.step_w,
            "minimum_w": register.minimum_w,
            "tolerance_w": register.tolerance_w,
            "nominal_voltage_v": register.nominal_voltage_v,
        },
        "station": _station(decision, connector_id),
        "command": _command(point, connector, now),
        "read_back": _read_back(point, connector, now),
        "charger": _station_now(point, now) if connector is None else _connector_now(point, connector, now),
    }


# ---------------------------------------------------------------- who won


def _winner(decision: Decision, connector_id: int) -> Source:
    name = decision.decided_by(connector_id)
    return next(source for source in _all_sources(decision, connector_id) if source.name == name)


def _share(decision: Decision, connector_id: int) -> Source:
    station_w = decision.station.written_w
    others_w = sum(power_w for other, power_w in decision.granted_w.items() if other != connector_id)
    detail = f"of the station's {station_w} W the other connectors have {others_w} W"
    part = decision.sharing.parts[connector_id]
    if part.waiting_since_s is not None:
        detail += "; waits for its turn"
    elif part.enough_w is not None:
        detail += "; what it did not draw was passed on"
    return Source(STATION_SHARE, decision.granted_w[connector_id], detail=detail)


def _guard(decision: Decision, connector_id: int) -> Source:
    written_w = decision.written_w[connector_id]
    if written_w == decision.granted_w[connector_id]:
        return Source(CURRENT_GUARD, None)
    return Source(CURRENT_GUARD, written_w, detail=f"a phase carried more than it may: {written_w} W for now")


def _all_sources(decision: Decision, connector_id: int) -> list[Source]:
    if connector_id == 0:
        return list(decision.station.sources)
    late = (_share(decision, connector_id), _guard(decision, connector_id))
    return [*decision.connectors[connector_id].sources, *late]


def _source(source: Source, winner: Source) -> dict[str, Any]:
    limit, until = source.limit, source.until
    return {
        "name": source.name,
        "power_w": _number(source.power_w),
        "charging_profile_id": source.charging_profile_id,
        "limit": None if limit is None else _number(limit.value),
        "limit_unit": None if limit is None else limit.unit.value,
        "number_phases": None if limit is None else limit.number_phases,
        "until": None if until is None else until.stamp(),
        "detail": source.detail,
        "decides": source.name == winner.name,
    }


def _station(decision: Decision, connector_id: int) -> dict[str, Any] | None:
    """The station's limit and who has what of it; None when it is the station that is asked about."""
    if connector_id == 0:
        return None
    station, winner = decision.station, decision.station.winner
    return {
        "limit_w": _number(winner.power_w),
        "decided_by": winner.name,
        "written_w": station.written_w,
        "share_w": decision.granted_w[connector_id],
        "others_w": {str(other): w for other, w in decision.granted_w.items() if other != connector_id},
        "sources": [_source(source, winner) for source in station.sources],
    }


# ---------------------------------------------------------------- the sum


def _stated(source: Source) -> str:
    """What a source says, in its own unit."""
    if source.limit is None:
        return source.detail or f"{_number(source.power_w)} W"
    unit, phases = source.limit.unit, source.limit.number_phases
    per_phase = f" on {phases} phase{'s' if phases > 1 else ''}" if unit is RateUnit.AMPERE else ""
    profile = "" if source.charging_profile_id is None else f"profile {source.charging_profile_id}: "
    return f"{profile}{_number(source.limit.value)} {unit.value}{per_phase}"


def _conversion(source: Source, written_w: int, register: PowerRegister) -> str:
    """From what a source says to the steps of the register, as a sum."""
    limit, power_w, step_w = source.limit, source.power_w or 0.0, register.step_w
    text = f"{_number(power_w)} W"
    if limit is not None and limit.unit is RateUnit.AMPERE:
        n, used = limit.number_phases, source.phases_used or limit.number_phases
        factors = f"{PHASES} x {_number(limit.value)} A x {_number(register.nominal_voltage_v)} V x min(1, {n}/{used})"
        text = f"{factors} = {text}"
    text += f" -> register {floor(power_w / step_w)}"
    if written_w > power_w:
        text += (
            f"; the charger's minimum {register.minimum_w} W lies within {register.tolerance_w} W: "
            f"{written_w // step_w}"
        )
    elif 0 < written_w < register.minimum_w:
        text += f"; less than the charger's minimum {register.minimum_w} W, so it pauses"
    return text


# ---------------------------------------------------------------- what became of it


def _command(point: ChargePoint, connector: Connector | None, now: Instant) -> dict[str, Any]:
    """What was commanded last. Null after a refusal, before a connection, and with --read-only."""
    commanded_w = point.station_commanded_w if connector is None else connector.commanded_w
    confirmed_w = point.station_confirmed_w if connector is None else connector.confirmed_w
    refused_w = point.station_refused_w if connector is None else connector.refused_w
    safe_state = None if connector is None else connector.safe_state
    step_w = point.settings.power_register.step_w
    return {
        "power_w": commanded_w,
        "register_value": None if commanded_w is None else commanded_w // step_w,
        "confirmed": commanded_w is not None and commanded_w == confirmed_w,
        "refused_w": refused_w,
        "read_only": point.settings.read_only,
        "safe_state": None
        if safe_state is None
        else {
            "since": safe_state.since.stamp(),
            "written_w": safe_state.written_w,
            "read_w": safe_state.reads_w,
            "reason": safe_state.reason,
            "tried_again_in_s": round(max(safe_state.try_at_s - now.monotonic_s, 0.0), 1)
            if safe_state.lowered
            else None,
        },
    }


def _read_back(point: ChargePoint, connector: Connector | None, now: Instant) -> dict[str, Any]:
    """What the limit register held when it was last read, and when that was."""
    connector_id = 0 if connector is None else connector.connector_id
    registers = None if connector is None else connector.registers
    held_w = point.station_limit_w if connector is None else None if registers is None else registers.power_limit_w
    read_s = None if held_w is None else point.limits_read_s.get(connector_id)
    place = _place(point, connector_id)
    return {
        "register_table": None if place is None else place[0],
        "register_address": None if place is None else place[1],
        "register_value": None if held_w is None else held_w // point.settings.power_register.step_w,
        "power_w": held_w,
        "read_at": None if read_s is None else now.plus(read_s - now.monotonic_s).stamp(),
        "age_s": None if read_s is None else round(now.monotonic_s - read_s, 1),
    }


def _place(point: ChargePoint, connector_id: int) -> tuple[str, int] | None:
    """Where the limit register of this charger is; None before it said how many connectors it has."""
    if point.identity is None:
        return None
    return point.settings.limit_registers.get(point.identity.number_of_connectors, {}).get(connector_id)


def _connector_now(point: ChargePoint, connector: Connector, now: Instant) -> dict[str, Any]:
    registers = connector.registers
    reported = reporting.current_status(point, connector, now.monotonic_s)
    return (
        _seen(connector.seen_at, now)
        | _told(reported)
        | {
            "register_status": None if registers is None or registers.status is None else registers.status.value,
            "transaction": connector.transaction is not None,
            "power_w": None if registers is None else registers.power_w,
            "current_a": None if registers is None else list(registers.current_a),
            "voltage_v": None if registers is None else list(registers.voltage_v),
            "derating": None if registers is None or registers.derating is None else registers.derating.name.lower(),
        }
    )


def _station_now(point: ChargePoint, now: Instant) -> dict[str, Any]:
    return (
        _seen(point.last_snapshot_at, now)
        | _told(reporting.station_status(point))
        | {
            "power_w": point.station_power_w,
            "current_a": list(point.station_current_a),
        }
    )


def _seen(seen_at: Instant | None, now: Instant) -> dict[str, Any]:
    return {
        "seen_at": None if seen_at is None else seen_at.stamp(),
        "age_s": None if seen_at is None else round(now.monotonic_s - seen_at.monotonic_s, 1),
    }


def _told(reported: ReportedStatus) -> dict[str, Any]:
    return {
        "status": reported.status.value,
        "error_code": reported.error_code.value,
        "vendor_error_code": reported.vendor_error_code,
        "info": reported.info,
    }


def _number(value: float | None) -> float | int | None:
    """A number as people write it: whole where it is whole."""
    if value is None or isinf(value):
        return None
    return int(value) if value == int(value) else round(value, 2)
