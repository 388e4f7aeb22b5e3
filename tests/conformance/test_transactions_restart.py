"""Area X: what a gateway that died knows of its transactions, and what it makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.stories import (
    ALICE,
    BOB,
    a_station,
    ask,
    charging,
    configure,
    frames,
    moment,
    offline,
    online,
    statuses,
    told,
)
from ocpp_gateway.central.policy import Policy, no_answer
from scenario.world import World

pytestmark = pytest.mark.looptime


async def _restart(world: World, *, after_s: float = 60.0) -> None:
    await world.seconds(after_s)
    world.start()
    await world.seconds(30)


@pytest.mark.conformance("B-04", "W-07")
async def test_x_50_x_51_a_car_that_left_meanwhile_ends_with_power_loss_after_boot_and_status(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await world.seconds(300)
        await world.kill()
        world.unplug(1)
        left_at, meter_wh = world.now, int(world.charger.connector(1).session_energy_wh) // 100 * 100
        restarted_from = len(world.central.frames)
        await _restart(world, after_s=600)
        again = [f.action for f in list(world.central.frames)[restarted_from:] if f.kind.name == "CALL"]
        assert again[:4] == ["BootNotification", *["StatusNotification"] * 3]
        assert "StopTransaction" in again[4:]
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop["reason"], stop["meterStop"]) == (transaction_id, "PowerLoss", meter_wh)
        last_s = (left_at - moment(stop["timestamp"])).total_seconds()
        assert -1 <= last_s < 60  # the last evidence, not the boot


async def test_x_50_a_car_that_charged_on_goes_on_with_its_transaction(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await world.kill()
        await _restart(world, after_s=300)
        assert told(world, "StopTransaction") == []
        assert len(told(world, "StartTransaction")) == 1
        assert statuses(world)[-1] == "Charging"
        await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
        await world.seconds(10)
        (stop,) = told(world, "StopTransaction")
        register_wh = int(world.charger.connector(1).session_energy_wh) // 100 * 100
        assert stop["transactionId"] == transaction_id
        assert abs(stop["meterStop"] - register_wh) <= 100


@pytest.mark.conformance("M-33", "M-31")
async def test_x_51_another_car_meanwhile_is_not_billed_to_the_first(tmp_path: Path) -> None:
    async with a_station(tmp_path, mode="charger") as world:
        await charging(world)
        await world.seconds(600)
        meter_wh = world.connector(1).meter.total_wh
        await world.kill()
        world.unplug(1)
        await world.seconds(30)
        world.plug_in(1, BOB, wants_wh=60_000)
        await _restart(world, after_s=120)
        first, second = world.central.transactions
        assert (first.id_tag, first.reason, first.meter_stop_wh) == (ALICE, "PowerLoss", meter_wh)
        register_wh = int(world.charger.connector(1).session_energy_wh) // 100 * 100
        assert second.meter_start_wh >= meter_wh
        assert abs(world.connector(1).meter.total_wh - meter_wh - register_wh) <= 100


@pytest.mark.conformance("X-39", "W-05")
async def test_x_52_a_start_whose_answer_was_not_kept_is_repeated(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", no_answer())
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, ALICE)
        await world.central.wait_for(lambda: told(world, "StartTransaction"), 60)
        await world.kill()
        await _restart(world)
        first, second = frames(world, "StartTransaction")
        assert first.text == second.text
        (transaction,) = world.central.transactions
        assert transaction.start_repeats == 1
        assert statuses(world)[-1] == "Charging"


async def test_x_54_x_19_what_was_queued_before_a_restart_goes_first_as_it_was(tmp_path: Path) -> None:
    async with a_station(tmp_path, mode="charger") as world:
        await configure(world, MeterValueSampleInterval=60)
        await offline(world)
        world.plug_in(1, ALICE)
        await world.seconds(90)
        world.unplug(1)
        await world.seconds(20)
        meter_wh, stopped_by = world.connector(1).meter.total_wh, world.now
        await world.kill()
        await _restart(world)
        world.plug_in(1, BOB)
        await world.seconds(20)
        await online(world)
        told_on = [frame.action for frame in frames(world, "StartTransaction", "MeterValues", "StopTransaction")]
        assert told_on[:4] == ["StartTransaction", "MeterValues", "StopTransaction", "StartTransaction"]
        first, second = world.central.transactions
        assert (first.id_tag, first.meter_stop_wh, first.reason) == (ALICE, meter_wh, "EVDisconnected")
        assert first.stopped_at is not None
        assert moment(first.stopped_at) < stopped_by
        assert second.id_tag == BOB


@pytest.mark.conformance("W-06")
async def test_x_55_a_transaction_left_open_does_not_block_the_next(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await world.kill()
        world.unplug(1)
        await _restart(world)
        assert [stop["reason"] for stop in told(world, "StopTransaction")] == ["PowerLoss"]
        assert await ask(world, "RemoteStartTransaction", connectorId=1, idTag=BOB) == {"status": "Accepted"}
        world.plug_in(1)
        await world.seconds(30)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE, BOB]
