"""Area M: when meter values are sent, for which connector and transaction."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from conformance.stories import (
    ALICE,
    a_station,
    ask,
    charging,
    configure,
    frames,
    moment,
    offline,
    online,
    pause,
    statuses,
    told,
)
from ocpp_gateway.clock import Clock
from ocpp_gateway.simulator.options import ChargerOptions
from scenario.world import World, a_world

pytestmark = pytest.mark.looptime

ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


def _at(world: World, connector_id: int, context: str) -> list[str]:
    """The times of day of a connector's meter values of that context, in the order of the wire."""
    values = [
        value for sample in told(world, "MeterValues", connectorId=connector_id) for value in sample["meterValue"]
    ]
    return [
        value["timestamp"][11:]
        for value in values
        if {sample["context"] for sample in value["sampledValue"]} == {context}
    ]


def _after_start(world: World) -> list[float]:
    """Seconds from the start of the transaction to each periodic sample."""
    started = moment(told(world, "StartTransaction")[0]["timestamp"])
    samples = [value["timestamp"] for sample in told(world, "MeterValues") for value in sample["meterValue"]]
    return [(moment(at) - started).total_seconds() for at in samples]


@pytest.mark.conformance("M-27", "M-05")
async def test_m_01_a_sample_is_sent_at_every_interval_from_the_start(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=45)
        await charging(world)
        await world.seconds(250)
        world.unplug(1)
        await world.seconds(120)
        waited = _after_start(world)
        assert len(waited) == 6
        assert all(45 * n <= s <= 45 * n + 1 for n, s in enumerate(waited, 1))
        assert {len(sample["meterValue"]) for sample in told(world, "MeterValues")} == {1}
        assert len(_at(world, 1, "Sample.Periodic")) == 6


async def test_m_01_an_interval_of_nothing_is_no_sample(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=0)
        await charging(world)
        await world.seconds(300)
        assert told(world, "MeterValues") == []


async def test_m_22_another_interval_holds_at_once(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=0)
        await charging(world)
        await configure(world, MeterValueSampleInterval=30)
        await world.seconds(100)
        many = len(told(world, "MeterValues"))
        assert many in (3, 4)
        await configure(world, MeterValueSampleInterval=0)
        await world.seconds(100)
        assert len(told(world, "MeterValues")) == many


@pytest.mark.conformance("W-14")
async def test_m_21_samples_go_on_while_suspended(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=60)
        transaction_id = await charging(world)
        pause(world, paused=True)
        await world.seconds(300)
        assert statuses(world)[-1] == "SuspendedEV"
        samples = told(world, "MeterValues", connectorId=1, transactionId=transaction_id)
        assert len(samples) == 5
        last = {sample["measurand"]: sample["value"] for sample in samples[-1]["meterValue"][0]["sampledValue"]}
        assert last[POWER] == "0"


# ---------------------------------------------------------------- on the clock


@pytest.mark.conformance("M-05")
async def test_m_02_m_07_aligned_values_are_of_every_connector_and_stamped_with_the_boundary(tmp_path: Path) -> None:
    async with a_station(tmp_path, poll_interval_s=17.0, idle_poll_interval_s=17.0) as world:
        await configure(world, MeterValuesAlignedData=f"{ENERGY},{POWER}", ClockAlignedDataInterval=900)
        await world.until("01:10")
        for connector_id in (0, 1, 2):
            quarters = [f"00:{minute}:00.000Z" for minute in (15, 30, 45)] + ["01:00:00.000Z"]
            assert _at(world, connector_id, "Sample.Clock") == quarters
        for frame in frames(world, "MeterValues"):  # and they are sent then
            late_s = (frame.at - moment(frame.payload["meterValue"][0]["timestamp"])).total_seconds()
            assert 0 <= late_s < 1
        await configure(world, ClockAlignedDataInterval=0)
        await world.until("02:10")
        assert len(_at(world, 1, "Sample.Clock")) == 4


@pytest.mark.conformance("W-19", "M-18", "M-16")
async def test_m_03_aligned_values_name_the_transaction_that_runs_and_no_other(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(
            world,
            MeterValuesAlignedData=f"{ENERGY},{POWER},Current.Import",
            ClockAlignedDataInterval=60,
            MeterValueSampleInterval=0,
        )
        transaction_id = await charging(world)
        await world.until("00:02:30")
        world.unplug(1)
        await world.until("00:04:30")
        ids = {
            connector_id: [s.get("transactionId", "none") for s in told(world, "MeterValues", connectorId=connector_id)]
            for connector_id in (0, 1, 2)
        }
        running = [transaction_id, transaction_id, "none", "none"]
        assert ids == {0: ["none"] * 4, 1: running, 2: ["none"] * 4}
        station = told(world, "MeterValues", connectorId=0)[0]["meterValue"][0]["sampledValue"]
        assert [(s["measurand"], s.get("phase"), s["location"]) for s in station] == [
            (POWER, None, "Inlet"),
            *[("Current.Import", phase, "Inlet") for phase in ("L1", "L2", "L3")],
        ]
        connector = told(world, "MeterValues", connectorId=1)[0]["meterValue"][0]["sampledValue"]
        assert {sample["location"] for sample in connector} == {"Outlet"}


@pytest.mark.conformance("W-09", "W-18")
async def test_m_08_nothing_is_aligned_before_the_clock_is_set(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    keys = {"ClockAlignedDataInterval": "60"}
    async with a_world(tmp_path, websocket=True, started=False, configuration=keys) as world:
        true_time = world.clock
        lost = loop.time()
        world.clock = Clock(
            boot_id="virtual", monotonic=loop.time, wall=lambda: loop.time() - lost, synchronised=lambda: False
        )
        world.central.offline = True
        world.start()
        await world.seconds(300)
        world.central.go_online()
        await world.central.wait_for(lambda: told(world, "BootNotification"), 300)
        booted_at = true_time.now().stamp()
        await world.seconds(200)
        stamps = [value["timestamp"] for sample in told(world, "MeterValues") for value in sample["meterValue"]]
        assert len(stamps) >= 6
        assert all(stamp > booted_at and stamp.endswith(":00.000Z") for stamp in stamps)
        assert world.central.violations == []


@pytest.mark.conformance("M-24")
async def test_m_02_a_gateway_that_starts_offline_samples_on_the_clock(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, ClockAlignedDataInterval=60)
        await world.kill()
        await world.central.go_offline()
        world.start()
        await world.until("00:05:30")
        await online(world)
        assert _at(world, 1, "Sample.Clock")[:5] == [f"00:0{minute}:00.000Z" for minute in range(1, 6)]


# ---------------------------------------------------------------- what is not there


async def test_m_23_without_fresh_registers_there_is_no_sample(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=10, ClockAlignedDataInterval=60)
        await charging(world)
        await world.seconds(30)
        world.link.cut = True
        cut_at = world.now.isoformat()[11:19]
        await world.seconds(300)
        world.link.cut = False
        back_at = world.now.isoformat()[11:19]
        await world.seconds(120)
        samples = _at(world, 1, "Sample.Periodic")
        assert [at for at in samples if cut_at < at < back_at] == []
        assert [at for at in samples if at > back_at]
        aligned = [at for at in _at(world, 1, "Sample.Clock") if cut_at < at < back_at]
        assert len(aligned) <= 1  # the registers of up to a minute ago still count as fresh
        assert told(world, "StopTransaction") == []


async def test_m_24_samples_taken_offline_keep_their_times(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=30)
        await charging(world)
        await offline(world)
        await world.seconds(200)
        await online(world)
        waited = _after_start(world)
        assert len(waited) >= 7
        assert all(30 * n <= s <= 30 * n + 1 for n, s in enumerate(waited, 1))


async def test_m_25_what_has_no_value_is_not_sent(tmp_path: Path) -> None:
    options = ChargerOptions(old_firmware=True)  # without voltages
    async with a_station(tmp_path, options=options, mode="charger") as world:
        await configure(world, MeterValuesAlignedData="Voltage", ClockAlignedDataInterval=60)
        await world.until("00:05")
        assert told(world, "MeterValues") == []


# ---------------------------------------------------------------- on demand


def _samples(payload: dict[str, Any]) -> list[dict[str, str]]:
    (value,) = payload["meterValue"]
    samples: list[dict[str, str]] = value["sampledValue"]
    return samples


@pytest.mark.conformance("R-71")
async def test_m_20_a_trigger_gives_the_newest_values_of_all_connectors(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=0, MeterValuesSampledData=f"{ENERGY},{POWER}")
        transaction_id = await charging(world, ALICE)
        await world.seconds(100)
        assert await ask(world, "TriggerMessage", requestedMessage="MeterValues") == {"status": "Accepted"}
        await world.seconds(1)
        payloads = {payload["connectorId"]: payload for payload in told(world, "MeterValues")}
        assert sorted(payloads) == [0, 1, 2]
        assert payloads[1]["transactionId"] == transaction_id
        assert all("transactionId" not in payloads[connector_id] for connector_id in (0, 2))
        assert {s["context"] for p in payloads.values() for s in _samples(p)} == {"Trigger"}
        energy, power = _samples(payloads[1])
        assert (energy["measurand"], int(energy["value"])) == (ENERGY, world.connector(1).meter.total_wh)
        assert (power["measurand"], 20_000 < float(power["value"]) <= 22_000) == (POWER, True)
        assert 0 <= (world.now - moment(payloads[1]["meterValue"][0]["timestamp"])).total_seconds() <= 2


async def test_m_20_a_trigger_for_one_connector_gives_that_one(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        answer = await ask(world, "TriggerMessage", requestedMessage="MeterValues", connectorId=2)
        assert answer == {"status": "Accepted"}
        await world.seconds(1)
        assert [payload["connectorId"] for payload in told(world, "MeterValues")] == [2]
