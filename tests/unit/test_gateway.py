"""What a charger's settings and mapping come to for its core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ocpp_gateway.front import SHORT_OF_ROOM
from ocpp_gateway.gateway import Gateway, limit_registers
from ocpp_gateway.mapping_files import load
from ocpp_gateway.settings import Settings

CONFIG: dict[str, Any] = {
    "version": 1,
    "central_system": {"url": "ws://localhost/", "security_profile": 0},
    "chargers": [
        {"identity": "A", "mapping": "compleo-duo-solo", "modbus": {"host": "localhost"}, "max_power_w": 11_000}
    ],
}


@dataclass
class StoreIn:
    """A store in some state."""

    failed: bool = False
    short_of_room: bool = False


@pytest.mark.parametrize(
    ("store", "state", "healthy"),
    [
        pytest.param(None, "not open", False, id="not open"),
        pytest.param(StoreIn(), "ok", True, id="well"),
        pytest.param(StoreIn(short_of_room=True), SHORT_OF_ROOM, True, id="a full disk, which no restart mends"),
        pytest.param(StoreIn(failed=True, short_of_room=True), "cannot write; see the log", False, id="failing"),
    ],
)
async def test_fault_d_01_a_full_disk_is_told_and_no_reason_to_restart(
    store: StoreIn | None, state: str, healthy: bool
) -> None:
    gateway = Gateway(Settings.model_validate(CONFIG))
    gateway._store = store  # type: ignore[assignment]
    assert gateway.store_state == state
    assert gateway.healthy()[0] is healthy
    figures = await gateway.figures()
    assert figures.store_short_of_room is (store is not None and store.short_of_room)


def test_the_limit_registers_are_where_the_mapping_says() -> None:
    mapping = load("compleo-duo-solo")
    assert limit_registers(mapping, 1) == {0: ("holding", 0), 1: ("holding", 256)}
    assert limit_registers(mapping, 2) == {0: ("holding", 0), 1: ("holding", 256), 2: ("holding", 272)}


def test_the_limit_registers_of_swapped_connectors_are_swapped() -> None:
    mapping = load("compleo-duo-solo").with_connectors_swapped()
    assert limit_registers(mapping, 1) == {0: ("holding", 0), 1: ("holding", 256)}
    assert limit_registers(mapping, 2) == {0: ("holding", 0), 1: ("holding", 272), 2: ("holding", 256)}
