"""The poller and a simulated charger over real Modbus TCP."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from integration.modbus.raw_charger import Ending, Start, good, until
from ocpp_gateway.charger.events import CommandConfirmed, CommandKind, Event, LinkLost, LinkUp, SnapshotTaken
from ocpp_gateway.instant import Instant
from ocpp_gateway.mapping_files import load
from ocpp_gateway.modbus.fallback import Fallback
from ocpp_gateway.modbus.link import ModbusLink
from ocpp_gateway.modbus.poller import Poller
from ocpp_gateway.registers.snapshot import ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.options import ChargerOptions
from ocpp_gateway.simulator.server import SimulatorServer

MAPPING = load("compleo-duo-solo")
E = TypeVar("E", bound=Event)


def real_now() -> Instant:
    return Instant(datetime.now(UTC), "boot", time.monotonic())


@dataclass
class Running:
    """A poller at work and what it posted."""

    poller: Poller
    events: list[Event] = field(default_factory=list)

    async def post(self, event: Event) -> None:
        self.events.append(event)

    def posted(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def connector(self, connector_id: int) -> ConnectorSnapshot:
        return self.posted(SnapshotTaken)[-1].snapshot.connectors[connector_id - 1]

    async def until(self, condition: Callable[[], object]) -> None:
        await until(lambda: self.posted(SnapshotTaken) and condition())


@asynccontextmanager
async def polling(port: int, **settings: Any) -> AsyncIterator[Running]:
    async def post(event: Event) -> None:
        await running.post(event)

    link = ModbusLink("127.0.0.1", port, timeout_s=0.3)
    settings = {"poll_interval_s": 0.05, "chance": lambda: 0.0, **settings}
    running = Running(Poller(link, MAPPING, post, real_now, **settings))
    task = asyncio.create_task(running.poller.run(), name="poller")
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled(), task.exception()


async def test_a_session_at_a_simulated_duo_is_seen_and_limited() -> None:
    charger = SimulatedCharger(MAPPING, 2, ChargerOptions(start_delay_s=0.2))
    async with SimulatorServer(charger, speed=600) as server, polling(server.port) as running:
        await running.until(lambda: running.connector(1).status is ChargePointStatus.AVAILABLE)
        assert running.posted(LinkUp)[0].identity.serial_number == "SIM0000001"
        charger.plug(1, "04A1B2C3")
        await running.until(lambda: running.connector(1).status is ChargePointStatus.CHARGING)
        tag = running.connector(1).tag
        assert tag is not None
        assert tag.id_tag == "04A1B2C3"
        await running.until(lambda: (running.connector(1).session_energy_wh or 0) > 0)
        running.poller.command(CommandKind.LIMIT, 1, 0)
        await running.until(lambda: running.connector(1).status is ChargePointStatus.SUSPENDED_EVSE)
        assert running.posted(CommandConfirmed) == [CommandConfirmed(CommandKind.LIMIT, 1, 0)]
        charger.unplug(1)
        await running.until(lambda: running.connector(1).status is ChargePointStatus.AVAILABLE)
        assert [(w.address, w.value) for w in charger.writes] == [(256, 0)]
        assert not [request for request in charger.requests if request.exception_code is not None]


async def test_a_dropped_connection_is_told_at_once_and_mended() -> None:
    charger = SimulatedCharger(MAPPING, 1)
    async with SimulatorServer(charger) as server, polling(server.port) as running:
        await running.until(lambda: len(running.posted(SnapshotTaken)) > 3)
        await server.drop_connections()
        await running.until(lambda: running.posted(LinkLost))
        assert "the charger closed the connection" in running.posted(LinkLost)[0].reason
        await running.until(lambda: len(running.posted(LinkUp)) == 2)


async def test_all_that_was_read_on_a_connection_goes_with_it_and_waits_for_no_collection() -> None:
    charger = SimulatedCharger(MAPPING, 2)
    async with SimulatorServer(charger) as server, polling(server.port) as running:
        await running.until(lambda: True)
        assert running.poller.image is not None
        image = weakref.ref(running.poller.image)
        gc.disable()
        try:
            server.cut_next_answer()  # so that somebody waits for one
            await running.until(lambda: len(running.posted(LinkUp)) == 2)
            await running.until(lambda: image() is None)
        finally:
            gc.enable()


async def test_an_old_duo_without_left_derating_is_narrowed_down_once() -> None:
    charger = SimulatedCharger(MAPPING, 2, ChargerOptions(old_firmware=True, left_derating_absent=True))
    async with SimulatorServer(charger) as server, polling(server.port) as running:
        await running.until(lambda: any(request.address == 4122 for request in charger.requests))
        refused = len([request for request in charger.requests if request.exception_code == 2])
        assert refused > 0
        await running.until(lambda: len(running.posted(SnapshotTaken)) > 15)
        assert len([request for request in charger.requests if request.exception_code == 2]) == refused
        assert running.connector(1).status is ChargePointStatus.AVAILABLE  # by the bits of its status word


async def test_a_busy_charger_is_waited_for() -> None:
    charger = SimulatedCharger(MAPPING, 2)
    async with SimulatorServer(charger) as server, polling(server.port) as running:
        await running.until(lambda: len(running.posted(SnapshotTaken)) > 3)
        charger.refuse(3)
        taken = len(running.posted(SnapshotTaken))
        await running.until(lambda: len(running.posted(SnapshotTaken)) > taken + 2)
        assert running.posted(LinkLost) == []


async def test_a_gateway_that_dies_leaves_the_charger_its_fallback() -> None:
    charger = SimulatedCharger(MAPPING, 2)
    async with SimulatorServer(charger) as server:
        async with polling(server.port, fallback=Fallback(power_w=4200, after_s=2)) as running:
            await running.until(lambda: len(running.posted(SnapshotTaken)) > 3)
            assert not charger.fallback_active
        async with asyncio.timeout(4):
            while not charger.fallback_active:  # noqa: ASYNC110  # the simulated charger's time passes by itself
                await asyncio.sleep(0.02)


async def test_fault_m_04_a_charger_that_resets_after_each_answer_is_called_once_a_second_at_most(
    raw_charger: Start,
) -> None:
    charger = await raw_charger(lambda request: [request.good(), Ending.RST])
    async with polling(charger.port) as running:
        await until(lambda: charger.connections == 2)
        started_s = time.monotonic()
        await asyncio.sleep(0.3)
        assert charger.connections == 2
        assert time.monotonic() - started_s < 1
        assert len(running.posted(LinkLost)) == 1


async def test_a_port_that_is_no_charger_is_told_in_one_line(raw_charger: Start) -> None:
    charger = await raw_charger(good)  # register 8 reads 8
    async with polling(charger.port) as running:
        await until(lambda: running.posted(LinkLost))
        assert running.posted(LinkLost)[0].reason == "input 8 does not give a number of connectors from 1 to 2"
