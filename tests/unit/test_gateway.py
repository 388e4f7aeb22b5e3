"""What a charger's settings and mapping come to for its core."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ocpp_gateway.charger.records import TransactionRecord
from ocpp_gateway.clock import Clock
from ocpp_gateway.front import SHORT_OF_ROOM
from ocpp_gateway.gateway import Gateway, limit_registers
from ocpp_gateway.instant import Instant
from ocpp_gateway.mapping_files import load
from ocpp_gateway.settings import Settings
from ocpp_gateway.store import Store, ledger
from ocpp_gateway.store.reader import read_store

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
    lost: bool = False


@pytest.mark.parametrize(
    ("store", "state", "healthy"),
    [
        pytest.param(None, "not open", False, id="not open"),
        pytest.param(StoreIn(), "ok", True, id="well"),
        pytest.param(StoreIn(short_of_room=True), SHORT_OF_ROOM, True, id="a full disk, which no restart mends"),
        pytest.param(StoreIn(failed=True, short_of_room=True), "cannot write; see the log", False, id="failing"),
        pytest.param(
            StoreIn(failed=True, lost=True), "the database's file is lost; see the log", False, id="taken away"
        ),
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


@pytest.mark.parametrize(("keep_days", "kept"), [(1, False), (3, True)])
async def test_the_ledger_forgets_after_as_many_days_as_the_settings_say(
    tmp_path: Path, keep_days: int, kept: bool
) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    over = Instant(now - timedelta(days=2), "b", 0.0)
    store = await Store.open(url)
    await store.commit("A", [TransactionRecord("tx-1", 1, "04A1", 0, over, 0, over, stopped_at=over)])
    await store.close()

    clock = Clock(boot_id="b", monotonic=time.monotonic, wall=now.timestamp, synchronised=lambda: True)
    there = {"port": 1, "host": "127.0.0.1"}  # nobody is
    config = CONFIG | {
        "central_system": {"url": "ws://127.0.0.1:1/", "security_profile": 0},
        "chargers": [CONFIG["chargers"][0] | {"modbus": there}],
        "store": {"url": url, "keep_transactions_days": keep_days},
        "web": {"enabled": False},
    }
    started = asyncio.Event()
    gateway = Gateway(Settings.model_validate(config), clock=clock)
    running = asyncio.create_task(gateway.run(on_started=started.set))
    await started.wait()
    assert gateway._store is not None
    await gateway._store.load("A")  # behind what it began with
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert bool(read_store(url, ledger.transactions)) is kept


def test_the_limit_registers_are_where_the_mapping_says() -> None:
    mapping = load("compleo-duo-solo")
    assert limit_registers(mapping, 1) == {0: ("holding", 0), 1: ("holding", 256)}
    assert limit_registers(mapping, 2) == {0: ("holding", 0), 1: ("holding", 256), 2: ("holding", 272)}


def test_the_limit_registers_of_swapped_connectors_are_swapped() -> None:
    mapping = load("compleo-duo-solo").with_connectors_swapped()
    assert limit_registers(mapping, 1) == {0: ("holding", 0), 1: ("holding", 256)}
    assert limit_registers(mapping, 2) == {0: ("holding", 0), 1: ("holding", 272), 2: ("holding", 256)}
