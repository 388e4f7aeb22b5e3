"""A charge point as data: what the API shows and people read. Nothing in it was guessed; null is unknown."""

from __future__ import annotations

from typing import Any

from ocpp_gateway.charger import reporting
from ocpp_gateway.charger.external_limits import Standing, limits_of, standing
from ocpp_gateway.charger.limit_sources import connector_limit, gate_is_open
from ocpp_gateway.charger.limits import decide
from ocpp_gateway.charger.records import LimitRecord
from ocpp_gateway.charger.state import ChargePoint, Connector
from ocpp_gateway.instant import Instant


def view(point: ChargePoint, now: Instant) -> dict[str, Any]:
    """The whole charge point, ready for JSON."""
    identity, seen_at = point.identity, point.last_snapshot_at
    decision = decide(point, now)
    return {
        "charger": None
        if identity is None
        else {
            "vendor": identity.vendor,
            "model": identity.model,
            "serial_number": identity.serial_number,
            "firmware_version": identity.firmware_version,
            "number_of_connectors": identity.number_of_connectors,
        },
        "modbus": {
            "connected": point.link_up_s is not None,
            "unreachable": point.unreachable,
            "last_poll_at": None if seen_at is None else seen_at.stamp(),
            "last_poll_age_s": None if seen_at is None else round(now.monotonic_s - seen_at.monotonic_s, 1),
        },
        "central_system": {"registration": None if point.registration is None else point.registration.value},
        "authorization_mode": point.settings.mode.value,
        "read_only": point.settings.read_only,
        "operative": point.operative,
        "status": reporting.station_status(point).status.value,
        "power_w": point.station_power_w,
        "max_power_w": point.settings.max_power_w,
        "power_limit_commanded_w": point.station_commanded_w,
        "limited_by": decision.decided_by(0),
        "external_limits": external_limits_view(point, now),
        "connectors": [
            _connector(point, connector, now) | {"limited_by": decision.decided_by(connector.connector_id)}
            for connector in point.connectors.values()
        ],
    }


def external_limits_view(point: ChargePoint, now: Instant) -> list[dict[str, Any]]:
    """The limits from outside OCPP, the station's first: what was said, and what counts of it now."""
    limits = [limit for connector_id in (0, *point.connectors) for limit in limits_of(point, connector_id)]
    return [_external_limit(limit, standing(limit, now)) for limit in limits]


def _external_limit(limit: LimitRecord, stands: Standing) -> dict[str, Any]:
    return {
        "source": limit.source,
        "connector_id": limit.connector_id,
        "power_w": limit.power_w,
        "lifetime_s": limit.lifetime_s,
        "failsafe_w": limit.failsafe_w,
        "set_at": limit.set_at.stamp(),
        "counts_w": stands.power_w,
        "until": None if stands.until is None else stands.until.stamp(),
        "silent": stands.silent,
    }


def _connector(point: ChargePoint, connector: Connector, now: Instant) -> dict[str, Any]:
    registers, reported = connector.registers, reporting.current_status(point, connector, now.monotonic_s)
    in_force = connector_limit(point, connector, now).limit
    return {
        "connector_id": connector.connector_id,
        "status": reported.status.value,
        "error_code": reported.error_code.value,
        "vendor_error_code": reported.vendor_error_code,
        "info": reported.info,
        "operative": connector.operative,
        "gate_open": gate_is_open(point, connector),
        "meter_wh": connector.meter.total_wh,
        "registers": None
        if registers is None
        else {
            "status": None if registers.status is None else registers.status.value,
            "status_raw": registers.status_raw,
            "error_code_raw": registers.error_code_raw,
            "power_w": registers.power_w,
            "current_a": registers.current_a,
            "voltage_v": registers.voltage_v,
            "session_energy_wh": registers.session_energy_wh,
            "charging_s": registers.charging_s,
            "power_limit_w": registers.power_limit_w,
            "derating": None if registers.derating is None else registers.derating.name.lower(),
        },
        "power_limit_commanded_w": connector.commanded_w,
        "profile_limit": None
        if in_force is None
        else {"value": in_force.value, "unit": in_force.unit.value, "number_phases": in_force.number_phases},
        "transaction": _transaction(connector),
    }


def _transaction(connector: Connector) -> dict[str, Any] | None:
    transaction = connector.transaction
    if transaction is None:
        return None
    return {
        "local_id": transaction.local_id,
        "transaction_ids": transaction.transaction_ids,
        "id_tag": _masked(transaction.id_tag),
        "started_at": transaction.started_at.stamp(),
        "meter_start_wh": transaction.meter_start_wh,
        "energy_wh": connector.meter.total_wh - transaction.meter_start_wh,
    }


def _masked(id_tag: str) -> str:
    """An id tag's ends: enough to recognise a card one holds, too little to copy one that one does not."""
    return id_tag if len(id_tag) <= 4 else f"{id_tag[:2]}…{id_tag[-2:]}"
