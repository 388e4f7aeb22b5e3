"""Area S: what is said of a connector while it works."""

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
    limit_w,
    moment,
    pause,
    statuses,
    swipe,
    told,
)
from ocpp_gateway.central.policy import Policy, hang_up
from scenario.world import MIDNIGHT, World

pytestmark = pytest.mark.looptime


def _profile(limit_a: float, purpose: str = "TxDefaultProfile") -> dict[str, object]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}]}
    return {
        "chargingProfileId": 9,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }


async def _limit(world: World, limit_a: float) -> None:
    answer = await ask(world, "SetChargingProfile", connectorId=1, csChargingProfiles=_profile(limit_a))
    assert answer == {"status": "Accepted"}


def _moments(world: World, connector_id: int = 1) -> list[tuple[str, float]]:
    """What a connector was said to be, and since when, in seconds since midnight."""
    return [
        (p["status"], round((moment(p["timestamp"]) - MIDNIGHT).total_seconds(), 1))
        for p in told(world, "StatusNotification", connectorId=connector_id)
    ]


@pytest.mark.conformance("S-02", "S-05", "S-16", "W-23", "W-16")
async def test_s_01_s_03_s_20_a_session_step_by_step_with_its_times(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await world.until("00:01:00")
        world.plug_in(1)
        await world.until("00:01:20")
        await swipe(world, ALICE)
        await world.until("00:02:00")
        pause(world, paused=True)
        await world.until("00:02:30")
        pause(world, paused=False)
        await world.until("00:03:00")
        (transaction,) = world.central.transactions
        await ask(world, "RemoteStopTransaction", transactionId=transaction.transaction_id)
        await world.until("00:03:30")
        world.unplug(1)
        await world.until("00:04:00")
        expected = {
            "Available": 0,
            "Preparing": 60,
            "Charging": 82,
            "SuspendedEV": 120,
            "Charging ": 150,
            "Finishing": 180,
            "Available ": 210,
        }
        found = _moments(world)
        assert [status for status, _ in found] == [name.strip() for name in expected]
        late = {status: at - due for (status, at), due in zip(found, expected.values(), strict=True)}
        assert all(-1 <= seconds <= 4 for seconds in late.values()), late  # a poll, and what has to stand
        for frame in frames(world, "StatusNotification"):  # told when it happened, not later
            assert abs((frame.at - moment(frame.payload["timestamp"])).total_seconds()) < 0.5
        assert statuses(world, 0) == statuses(world, 2) == ["Available"]
        assert {p["errorCode"] for p in told(world, "StatusNotification")} == {"NoError"}


@pytest.mark.conformance("W-23")
async def test_s_20_preparing_begins_with_a_card_or_a_remote_start_too(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await swipe(world, ALICE)
        assert statuses(world) == ["Available", "Preparing"]
        assert await ask(world, "RemoteStartTransaction", connectorId=2, idTag=BOB) == {"status": "Accepted"}
        await world.seconds(1)
        assert statuses(world, 2) == ["Available", "Preparing"]
        world.plug_in(1)
        world.plug_in(2)
        await world.seconds(30)
        assert statuses(world) == statuses(world, 2) == ["Available", "Preparing", "Charging"]


async def test_s_21_nobody_comes_and_preparing_ends(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, ConnectionTimeOut=40)
        assert await ask(world, "RemoteStartTransaction", connectorId=1, idTag=ALICE) == {"status": "Accepted"}
        world.plug_in(2)  # a cable, and no card
        await world.seconds(60)
        (_, (_, begun_s), (_, ended_s)) = _moments(world, 1)
        assert statuses(world, 1) == ["Available", "Preparing", "Available"]
        assert ended_s - begun_s == pytest.approx(40, abs=1)
        (_, (_, begun_s), (_, ended_s)) = _moments(world, 2)
        assert statuses(world, 2) == ["Available", "Preparing", "Finishing"]
        assert ended_s - begun_s == pytest.approx(40, abs=1)
        assert limit_w(world, 1) == limit_w(world, 2) == 0
        world.unplug(2)
        await world.seconds(20)
        assert statuses(world, 2)[-1] == "Available"
        assert told(world, "StartTransaction") == []


@pytest.mark.conformance("S-13", "W-10", "W-29")
async def test_s_12_an_offer_of_nothing_is_the_stations_doing_whatever_the_car_wants(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        pause(world, paused=True)
        await world.seconds(10)
        assert statuses(world)[-1] == "SuspendedEV"  # energy is offered, and the car does not ask
        await _limit(world, 0)
        await world.seconds(20)
        assert statuses(world)[-1] == "SuspendedEVSE"
        pause(world, paused=False)
        await world.seconds(20)
        assert statuses(world)[-1] == "SuspendedEVSE"
        await _limit(world, 5)  # less than a car may take
        await world.seconds(20)
        assert statuses(world)[-1] == "SuspendedEVSE"
        await _limit(world, 16)
        await world.seconds(20)
        assert statuses(world)[-3:] == ["SuspendedEV", "SuspendedEVSE", "Charging"]
        assert len(told(world, "StartTransaction")) == 1
        assert told(world, "StopTransaction") == []


async def test_s_11_what_lasts_too_short_is_not_told_and_the_last_state_is(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await configure(world, MinimumStatusDuration=15)
        for _ in range(3):
            pause(world, paused=True)
            await world.seconds(8)
            pause(world, paused=False)
            await world.seconds(8)
        assert statuses(world)[-1] == "Charging"
        told_before = len(statuses(world))
        pause(world, paused=True)
        at_s = (world.now - MIDNIGHT).total_seconds()
        await world.seconds(30)
        assert statuses(world)[told_before:] == ["SuspendedEV"]
        assert _moments(world)[-1][1] - at_s == pytest.approx(0, abs=2)  # told 15 s later, true since then
        (late,) = (f for f in frames(world, "StatusNotification")[-1:])
        assert (late.at - moment(late.payload["timestamp"])).total_seconds() == pytest.approx(15, abs=1)
        world.charger.fault(1, 9)  # a fault does not wait
        await world.seconds(3)
        assert statuses(world)[-1] == "Faulted"


async def test_s_11_a_status_that_waits_when_the_line_breaks_is_told_on_the_next_one(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MinimumStatusDuration=10)
        world.plug_in(1)
        await world.seconds(4)
        await world.central.go_offline()
        await world.seconds(60)
        world.central.go_online()
        await world.seconds(60)
        assert statuses(world) == ["Available", "Finishing"]


@pytest.mark.conformance("R-30")
async def test_s_14_unavailable_outlasts_a_restart_and_is_told_at_boot(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await ask(world, "ChangeAvailability", connectorId=1, type="Inoperative") == {"status": "Accepted"}
        await world.seconds(2)
        assert statuses(world) == ["Available", "Unavailable"]
        await world.kill()
        world.start()
        await world.seconds(20)
        assert statuses(world) == ["Available", "Unavailable", "Unavailable"]
        world.plug_in(1, ALICE)
        await world.seconds(30)
        assert statuses(world)[-1] == "Unavailable"
        assert told(world, "Authorize") == told(world, "StartTransaction") == []
        assert await ask(world, "ChangeAvailability", connectorId=0, type="Inoperative") == {"status": "Accepted"}
        await world.seconds(2)
        assert [statuses(world, n)[-1] for n in (0, 1, 2)] == ["Unavailable"] * 3
        await world.kill()
        world.start()
        await world.seconds(20)
        assert [p["status"] for p in told(world, "StatusNotification")[-3:]] == ["Unavailable"] * 3


@pytest.mark.conformance("X-15")
async def test_s_15_a_pulled_cable_is_told_with_the_words_of_the_specification(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        world.unplug(1)
        await world.seconds(20)
        finishing, available = told(world, "StatusNotification", connectorId=1)[-2:]
        (stop,) = told(world, "StopTransaction")
        assert finishing == {
            "connectorId": 1,
            "status": "Finishing",
            "errorCode": "NoError",
            "info": "EV side disconnected",
            "timestamp": stop["timestamp"],
        }
        assert available["status"] == "Available"
        assert "info" not in available
        assert stop["reason"] == "EVDisconnected"


async def test_s_17_after_an_outage_the_present_is_told_and_no_history(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await world.central.go_offline()
        await swipe(world, ALICE)
        world.plug_in(2, BOB)
        await world.seconds(100)
        world.unplug(2)
        world.charger.fault(1, 9)
        await world.seconds(60)
        world.central.go_online()
        await world.seconds(60)
        assert statuses(world, 0) == ["Available"] * 2
        assert statuses(world, 1) == ["Available", "Faulted"]
        assert statuses(world, 2) == ["Available"] * 2


async def test_s_23_a_status_overtakes_the_queue_and_keeps_its_order(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await charging(world)
        policy.answer_always("MeterValues", hang_up())  # the queue does not get on
        await world.central.go_offline()
        await world.seconds(200)
        pause(world, paused=True)
        world.central.go_online()
        await world.seconds(60)
        pause(world, paused=False)
        await world.seconds(90)
        times = [at for _, at in _moments(world)]
        assert times == sorted(times)
        assert statuses(world)[-1] == "Charging"
        waiting = told(world, "MeterValues")[-1]["meterValue"][0]["timestamp"]
        assert (moment(waiting) - MIDNIGHT).total_seconds() < times[-1]  # it is still the first of the queue
