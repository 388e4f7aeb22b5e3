"""What a simulated charger shows in each register, by the register's name in the mapping. Pure.

A register of another name shows 0: a charger has things that nobody here knows the meaning of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ocpp_gateway.registers.fields import Field
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode, ChargePointStatus
from ocpp_gateway.simulator.connector import Connector
from ocpp_gateway.simulator.options import ChargerOptions
from ocpp_gateway.simulator.words import Value, version_number


@dataclass(frozen=True, slots=True)
class Station:
    """A station at one moment. `power_limit_w` is the limit in force for all connectors together."""

    options: ChargerOptions
    connectors: Sequence[Connector]
    voltage_v: tuple[float, float, float]
    power_limit_w: float

    @property
    def rating_w(self) -> int:
        """What the station was built for."""
        return self.options.connector_rating_w * len(self.connectors)

    @property
    def power_w(self) -> float:
        """What all cars draw."""
        return sum(connector.power_w(self.voltage_v) for connector in self.connectors)

    def current_a(self, phase: int) -> float:
        """What all cars draw on that phase, counted from 0."""
        return sum(connector.current_a[phase] for connector in self.connectors)


def reading(field: Field, station: Station) -> Value:
    """What an input register shows, in its unit."""
    name = field.key.rpartition(".")[2]
    if field.connector_id is None:
        return STATION[name](station) if name in STATION else None
    connector = station.connectors[field.connector_id - 1]
    return CONNECTOR[name](connector, station) if name in CONNECTOR else None


def factory_setting(field: Field, station: Station) -> Value:
    """What a holding register holds in a new charger, in its unit."""
    name = field.key.rpartition(".")[2]
    return FACTORY_SETTINGS[name](station) if name in FACTORY_SETTINGS else None


def _flags(connector: Connector, station: Station) -> frozenset[str]:
    """The names of the set bits of the status word."""
    status = connector.status
    flags = {
        "active": connector.vehicle is not None,
        "charging": status is ChargePointStatus.CHARGING,
        "limited": connector.may_draw and connector.granted_w < station.options.connector_rating_w,
        "error": status is ChargePointStatus.FAULTED,
    }
    return frozenset(name for name, is_set in flags.items() if is_set)


STATION: dict[str, Callable[[Station], Value]] = {
    "firmware_version": lambda station: version_number(station.options.firmware_version),
    "number_of_connectors": lambda station: len(station.connectors),
    "station_power_w": lambda station: station.power_w,
    "station_current_l1_a": lambda station: station.current_a(0),
    "station_current_l2_a": lambda station: station.current_a(1),
    "station_current_l3_a": lambda station: station.current_a(2),
    "unused_power": lambda station: max(0.0, station.power_limit_w - station.power_w),
    "hardware_type": lambda _: 3,
    "hardware_revision": lambda _: (13, 2),
    "serial_number": lambda station: station.options.serial_number,
    "article_number": lambda _: "SIM-ARTICLE",
}

CONNECTOR: dict[str, Callable[[Connector, Station], Value]] = {
    "status": lambda connector, _: connector.status,
    "error_code": lambda connector, _: connector.error_code or ChargePointErrorCode.NO_ERROR,
    "status_word": _flags,
    "power_w": lambda connector, station: connector.power_w(station.voltage_v),
    "current_l1_a": lambda connector, _: connector.current_a[0],
    "current_l2_a": lambda connector, _: connector.current_a[1],
    "current_l3_a": lambda connector, _: connector.current_a[2],
    "voltage_l1_v": lambda _, station: station.voltage_v[0],
    "voltage_l2_v": lambda _, station: station.voltage_v[1],
    "voltage_l3_v": lambda _, station: station.voltage_v[2],
    "charging_s": lambda connector, _: connector.charging_s,
    "session_energy_wh": lambda connector, _: connector.session_energy_wh,
    "id_tag": lambda connector, _: connector.tag,
    "derating": lambda connector, _: connector.derating.name.lower(),
}

FACTORY_SETTINGS: dict[str, Callable[[Station], Value]] = {
    "station_power_limit_w": lambda station: station.rating_w,
    "relative_power_limit": lambda _: 100,
    "max_unbalanced_current": lambda _: 20,
    "fallback_power_w": lambda station: station.rating_w,
    "relative_fallback_power": lambda _: 100,
    "power_limit_w": lambda station: station.options.connector_rating_w,
}
