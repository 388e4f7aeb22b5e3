"""Area X: what begins a transaction, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.stories import (
    ALICE,
    BOB,
    FULL_W,
    a_station,
    ask,
    charging,
    configure,
    frames,
    limit_w,
    moment,
    offline,
    online,
    pause,
    statuses,
    swipe,
    told,
)
from ocpp_gateway.central.policy import Policy, late

pytestmark = pytest.mark.looptime


@pytest.mark.conformance("X-02")
async def test_x_01_plug_then_card_is_one_transaction(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1)
        await world.seconds(20)
        assert told(world, "StartTransaction") == []
        await swipe(world, ALICE)
        await world.until("00:10")
        (start,) = told(world, "StartTransaction")
        assert {name: value for name, value in start.items() if name != "timestamp"} == {
            "connectorId": 1,
            "idTag": ALICE,
            "meterStart": 0,
        }
        assert "00:00:40" <= start["timestamp"][11:19] <= "00:00:57"


@pytest.mark.conformance("W-23", "X-05")
async def test_x_01_card_then_plug_is_one_transaction(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await swipe(world, ALICE)
        assert statuses(world) == ["Available", "Preparing"]
        assert told(world, "StartTransaction") == []
        world.plug_in(1)
        await world.until("00:10")
        (start,) = told(world, "StartTransaction")
        assert (start["connectorId"], start["idTag"]) == (1, ALICE)
        assert statuses(world) == ["Available", "Preparing", "Charging"]
        assert len(told(world, "Authorize")) == 1
        told_on = [
            frame.payload.get("status", "Start") for frame in frames(world, "StatusNotification", "StartTransaction")
        ]
        assert set(told_on[-2:]) == {"Start", "Charging"}  # in either order, and nothing between


async def test_x_02_an_offline_start_tells_when_it_began_not_when_it_was_sent(tmp_path: Path) -> None:
    async with a_station(tmp_path, mode="charger") as world:
        await offline(world)
        await world.until("00:02")
        world.plug_in(1, ALICE)
        await world.until("00:12")
        await online(world)
        (frame,) = frames(world, "StartTransaction")
        assert frame.payload["timestamp"][11:16] == "00:02"
        assert frame.at.minute >= 12
        assert type(frame.payload["meterStart"]) is int


@pytest.mark.conformance("M-31", "M-35")
async def test_x_03_the_meter_goes_on_from_one_transaction_to_the_next(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for card in (ALICE, BOB):
            await charging(world, card, wants_wh=1_500)
            await world.seconds(300)
            world.unplug(1)
            await world.seconds(20)
        first, second = world.central.transactions
        assert (first.meter_start_wh, first.meter_stop_wh) == (0, 1_500)
        assert (second.meter_start_wh, second.meter_stop_wh) == (1_500, 3_000)


async def test_x_04_a_start_that_uses_a_reservation_names_it(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        reservation = {"connectorId": 1, "expiryDate": "2026-11-22T02:00:00Z", "idTag": ALICE, "reservationId": 0}
        assert await ask(world, "ReserveNow", **reservation) == {"status": "Accepted"}
        world.plug_in(2, BOB)
        await charging(world, ALICE)
        starts = {start["connectorId"]: start for start in told(world, "StartTransaction")}
        assert starts[1]["reservationId"] == 0
        assert "reservationId" not in starts[2]


@pytest.mark.conformance("W-20")
@pytest.mark.parametrize("transaction_id", [0, -7, 2**31 - 1])
async def test_x_06_any_integer_is_a_transaction_id(tmp_path: Path, transaction_id: int) -> None:
    policy = Policy(next_transaction_id=lambda: transaction_id)
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, MeterValueSampleInterval=30)
        await charging(world)
        await world.seconds(40)
        sample = told(world, "MeterValues", connectorId=1)[0]
        assert sample["transactionId"] == transaction_id
        answer = await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
        assert answer == {"status": "Accepted"}
        await world.seconds(5)
        assert [stop["transactionId"] for stop in told(world, "StopTransaction")] == [transaction_id]


@pytest.mark.conformance("A-01")
async def test_x_07_power_waits_for_the_authorisation_but_not_for_the_answer_to_the_start(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", late(25))
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1)
        await world.seconds(30)
        assert limit_w(world) == 0
        world.charger.present_tag(1, ALICE)
        await world.central.wait_for(lambda: told(world, "StartTransaction"), 60)
        await world.seconds(10)
        assert limit_w(world) == FULL_W
        assert world.charger.connector(1).session_energy_wh > 0
        assert world.central.transactions[0].id_told is False


async def test_x_08_an_authorisation_that_nobody_plugs_in_for_expires(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, ConnectionTimeOut=90)
        await swipe(world, ALICE)
        await world.seconds(100)
        assert [payload["status"] for payload in told(world, "StatusNotification", connectorId=1)] == [
            "Available",
            "Preparing",
            "Available",
        ]
        _, preparing, available = told(world, "StatusNotification", connectorId=1)
        waited_s = (moment(available["timestamp"]) - moment(preparing["timestamp"])).total_seconds()
        assert 90 <= waited_s <= 91
        world.plug_in(1)
        await world.seconds(30)
        assert told(world, "StartTransaction") == []
        assert limit_w(world) == 0


@pytest.mark.conformance("R-15")
async def test_x_08_a_remote_start_that_nobody_plugs_in_for_expires(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, ConnectionTimeOut=30)
        assert await ask(world, "RemoteStartTransaction", connectorId=1, idTag=ALICE) == {"status": "Accepted"}
        await world.seconds(40)
        assert statuses(world) == ["Available", "Preparing", "Available"]
        world.plug_in(1)
        await world.seconds(20)
        assert told(world, "StartTransaction") == []


async def test_x_08_without_a_timeout_the_plug_is_awaited_for_ever(tmp_path: Path) -> None:
    async with a_station(tmp_path, idle_poll_interval_s=10.0) as world:
        await configure(world, ConnectionTimeOut=0)
        await swipe(world, ALICE)
        await world.until("00:30")
        world.plug_in(1)
        await world.seconds(30)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE]


async def test_x_09_a_car_that_takes_nothing_has_a_transaction_and_is_suspended(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1, ALICE)
        pause(world, paused=True)
        await world.seconds(90)
        assert len(told(world, "StartTransaction")) == 1
        assert statuses(world)[-1] == "SuspendedEV"
        assert told(world, "StopTransaction") == []
