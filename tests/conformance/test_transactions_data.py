"""Area X: the transactionData of StopTransaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.stories import ALICE, BOB, a_station, ask, charging, configure, frames, told
from scenario.world import World

pytestmark = pytest.mark.looptime

ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


async def _data_of_a_session(world: World, seconds: float) -> list[dict[str, Any]] | None:
    """The transactionData of a transaction of that length, None without any."""
    transaction_id = await charging(world)
    await world.seconds(seconds - 30)
    await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
    await world.seconds(5)
    (stop,) = told(world, "StopTransaction")
    return stop.get("transactionData")


def _contexts(data: list[dict[str, Any]]) -> list[str]:
    """The one context of each meter value."""
    contexts = [{sample["context"] for sample in value["sampledValue"]} for value in data]
    assert {len(one) for one in contexts} == {1}
    return [one.pop() for one in contexts]


async def test_x_25_without_a_list_there_is_no_transaction_data(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, StopTxnSampledData="", StopTxnAlignedData="", MeterValueSampleInterval=20)
        assert await _data_of_a_session(world, 120) is None
        assert len(told(world, "MeterValues", connectorId=1)) >= 5


@pytest.mark.conformance("X-28", "M-05")
async def test_x_26_it_has_begin_and_end_of_every_measurand_and_the_samples_between(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, StopTxnSampledData=f"{ENERGY},{POWER}", MeterValueSampleInterval=60)
        data = await _data_of_a_session(world, 300)
        assert data is not None
        assert _contexts(data) == ["Transaction.Begin", *["Sample.Periodic"] * 4, "Transaction.End"]
        assert {tuple(sample["measurand"] for sample in value["sampledValue"]) for value in data} == {(ENERGY, POWER)}
        (start,), (stop,) = told(world, "StartTransaction"), told(world, "StopTransaction")
        begin, end = data[0], data[-1]
        assert (begin["timestamp"], end["timestamp"]) == (start["timestamp"], stop["timestamp"])
        assert [int(value["sampledValue"][0]["value"]) for value in (begin, end)] == [
            start["meterStart"],
            stop["meterStop"],
        ]
        stamps = [value["timestamp"] for value in data]
        assert stamps == sorted(stamps)


async def test_x_26_clock_aligned_values_are_kept_if_their_list_asks(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, StopTxnAlignedData=ENERGY, ClockAlignedDataInterval=60, MeterValueSampleInterval=0)
        data = await _data_of_a_session(world, 200)
        assert data is not None
        assert _contexts(data) == ["Transaction.Begin", *["Sample.Clock"] * 3, "Transaction.End"]
        assert [value["timestamp"][11:] for value in data[1:-1]] == ["00:01:00.000Z", "00:02:00.000Z", "00:03:00.000Z"]


@pytest.mark.conformance("T-22")
async def test_x_27_what_is_too_much_is_left_out_between_begin_and_end(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        (key,) = (await ask(world, "GetConfiguration", key=["StopTransactionMaxMeterValues"]))["configurationKey"]
        assert key["readonly"] is True
        await configure(world, StopTxnSampledData=f"{ENERGY},{POWER},Voltage", MeterValueSampleInterval=1)
        data = await _data_of_a_session(world, 120)
        assert data is not None
        contexts = _contexts(data)
        assert 50 < len(data) <= int(key["value"])
        assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
        assert set(contexts[1:-1]) == {"Sample.Periodic"}
        (frame,) = frames(world, "StopTransaction")
        assert len(frame.text) < 64 * 1024
        stamps = [value["timestamp"] for value in data]
        assert stamps == sorted(stamps)


async def test_x_26_what_was_sampled_outlasts_a_restart(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, StopTxnSampledData=ENERGY, MeterValueSampleInterval=60)
        transaction_id = await charging(world, ALICE)
        await world.seconds(150)
        await world.kill()
        world.start()
        await world.seconds(30)
        await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
        await world.seconds(5)
        (stop,) = told(world, "StopTransaction")
        assert _contexts(stop["transactionData"]) == ["Transaction.Begin", *["Sample.Periodic"] * 3, "Transaction.End"]


async def test_x_26_the_next_transaction_has_data_of_its_own_alone(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, StopTxnSampledData=ENERGY, MeterValueSampleInterval=30)
        for card in (ALICE, BOB):
            await charging(world, card)
            await world.seconds(60)
            world.unplug(1)
            await world.seconds(20)
        starts, stops = told(world, "StartTransaction"), told(world, "StopTransaction")
        for start, stop in zip(starts, stops, strict=True):
            data = stop["transactionData"]
            assert _contexts(data).count("Transaction.Begin") == 1
            assert data[0]["timestamp"] == start["timestamp"]
