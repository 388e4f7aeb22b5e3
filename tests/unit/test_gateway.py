"""What a charger's settings and mapping come to for its core."""

from __future__ import annotations

from ocpp_gateway.gateway import limit_registers
from ocpp_gateway.mapping_files import load


def test_the_limit_registers_are_where_the_mapping_says() -> None:
    mapping = load("compleo-duo-solo")
    assert limit_registers(mapping, 1) == {0: ("holding", 0), 1: ("holding", 256)}
    assert limit_registers(mapping, 2) == {0: ("holding", 0), 1: ("holding", 256), 2: ("holding", 272)}


def test_the_limit_registers_of_swapped_connectors_are_swapped() -> None:
    mapping = load("compleo-duo-solo").with_connectors_swapped()
    assert limit_registers(mapping, 1) == {0: ("holding", 0), 1: ("holding", 256)}
    assert limit_registers(mapping, 2) == {0: ("holding", 0), 1: ("holding", 272), 2: ("holding", 256)}
