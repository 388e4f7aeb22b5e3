"""Chargers to try: from the real mapping, with defaults that let a plugged car charge at once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ocpp_gateway.registers.mapping import Mapping, parse_mapping
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.options import ChargerOptions

MAPPING_FILE = Path(__file__).parents[3] / "mappings" / "compleo-duo-solo.yaml"

AVAILABLE, PREPARING, CHARGING, SUSPENDED_EVSE, SUSPENDED_EV, FINISHING, FAULTED = 0, 1, 2, 3, 4, 5, 8
"""Numbers of the status register, as the vendor's document lists them."""


@cache
def compleo() -> Mapping:
    return parse_mapping(MAPPING_FILE.read_text(encoding="utf-8"), MAPPING_FILE.name)


def new_charger(number_of_connectors: int = 2, **options: Any) -> SimulatedCharger:
    return SimulatedCharger(compleo(), number_of_connectors, ChargerOptions(**{"start_delay_s": 0.0} | options))


def holding(charger: SimulatedCharger, address: int) -> int:
    """The word of one holding register."""
    return charger.read(Table.HOLDING, address, 1)[0]


def word(charger: SimulatedCharger, address: int) -> int:
    """The word of one input register."""
    return charger.read(Table.INPUT, address, 1)[0]


def status(charger: SimulatedCharger, connector_id: int = 1) -> int:
    return word(charger, 268 + 16 * (connector_id - 1))


def pass_time(charger: SimulatedCharger, seconds: float) -> None:
    """Let time pass without a word to the charger."""
    charger.advance(charger.now_s + seconds)
