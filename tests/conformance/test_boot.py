"""Area B: the first words, what they set, and what comes after them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from conformance.stories import ALICE, a_station, ask, charging, configure, frames, limit_w, moment, statuses, told
from conformance.wire import actions
from ocpp_gateway.central.policy import Policy, payload
from ocpp_gateway.clock import Clock
from ocpp_gateway.simulator.options import ChargerOptions
from scenario.world import MIDNIGHT, World, a_world

pytestmark = pytest.mark.looptime


async def _value(world: World, key: str) -> str:
    (found,) = (await ask(world, "GetConfiguration", key=[key]))["configurationKey"]
    return str(found["value"])


@pytest.mark.conformance("B-01", "S-04", "S-16")
async def test_b_02_b_04_boot_says_who_we_are_and_then_how_every_connector_is(tmp_path: Path) -> None:
    async with a_station(tmp_path, boot={"vendor": "Vendor", "serial": "S-1"}) as world:
        assert told(world, "BootNotification") == [
            {
                "chargePointVendor": "Vendor",
                "chargePointModel": "DUO",
                "chargePointSerialNumber": "S-1",
                "firmwareVersion": "6.4.1",
            }
        ]
        assert actions(world) == ["BootNotification", *["StatusNotification"] * 3]
        assert told(world, "StatusNotification") == [
            {"connectorId": n, "status": "Available", "errorCode": "NoError", "timestamp": "2026-11-22T00:00:00.000Z"}
            for n in (0, 1, 2)
        ]
        assert await _value(world, "NumberOfConnectors") == "2"


async def test_b_02_what_the_charger_does_not_say_is_left_out(tmp_path: Path) -> None:
    async with a_station(tmp_path, options=ChargerOptions(serial_number="", firmware_version="0.0.0")) as world:
        (boot,) = told(world, "BootNotification")
        assert "chargePointSerialNumber" not in boot
        assert None not in boot.values()
        assert "" not in boot.values()


async def test_b_01_b_04_what_is_stored_waits_for_the_boot_and_the_statuses(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await world.central.go_offline()
        world.unplug(1)
        await world.seconds(30)
        await world.kill()
        world.central.go_online()
        before = len(actions(world))
        world.start()
        await world.seconds(30)
        assert actions(world)[before:] == ["BootNotification", *["StatusNotification"] * 3, "StopTransaction"]
        assert len(told(world, "StartTransaction")) == 1


@pytest.mark.conformance("B-19")
async def test_b_03_b_15_the_interval_of_the_answer_is_the_heartbeats_until_it_is_changed(tmp_path: Path) -> None:
    async with a_station(tmp_path, policy=Policy(interval_s=100)) as world:
        assert await _value(world, "HeartbeatInterval") == "100"
        await world.until("00:05:30")
        await configure(world, HeartbeatInterval=40)  # the next one counts from here
        await world.until("00:07:00")
        beats = [round((f.at - MIDNIGHT).total_seconds()) for f in frames(world, "Heartbeat")]
        assert beats == [100, 200, 300, 370, 410]
        world.central.policy.interval_s = 0  # says nothing of heartbeats
        await world.kill()
        world.start()
        await world.seconds(20)
        assert await _value(world, "HeartbeatInterval") == "40"


def _a_clock_to_be_told(world: World, *, shows: datetime | None = None) -> Callable[[], datetime]:
    """The machine's clock is kept right by nobody; it `shows` a wrong time at midnight. Gives the right one."""
    loop = asyncio.get_running_loop()
    zero_s = loop.time()
    wrong_s = 0.0 if shows is None else shows.timestamp()
    world.clock = Clock(
        boot_id="virtual",
        monotonic=loop.time,
        wall=lambda: wrong_s + loop.time() - zero_s,
        synchronised=lambda: False,
    )
    world.central.policy.current_time = lambda: MIDNIGHT + timedelta(seconds=loop.time() - zero_s)
    return world.central.policy.current_time


async def test_b_14_a_clock_nobody_keeps_right_follows_the_central_system(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world:
        right = _a_clock_to_be_told(world, shows=MIDNIGHT + timedelta(hours=3))
        world.start()
        await world.seconds(5)
        assert {p["timestamp"] for p in told(world, "StatusNotification")} == {"2026-11-22T00:00:00.000Z"}
        world.central.policy.current_time = lambda: right() + timedelta(minutes=10)  # it steps
        await ask(world, "TriggerMessage", requestedMessage="Heartbeat")
        await world.seconds(1)
        await ask(world, "TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
        await world.seconds(1)
        assert told(world, "StatusNotification")[-1]["timestamp"] == "2026-11-22T00:10:06.000Z"
        assert world.central.violations == []


@pytest.mark.conformance("B-11", "W-18")
@pytest.mark.parametrize("outage_s", [20, 90])
async def test_b_13_before_the_time_is_known_a_transaction_waits_for_its_stamp(tmp_path: Path, outage_s: int) -> None:
    async with a_world(
        tmp_path, websocket=True, started=False, configuration={"StopTxnSampledData": "Power.Active.Import"}
    ) as world:
        _a_clock_to_be_told(world)  # it shows 1970: the battery is empty
        world.central.offline = True
        world.start()
        await world.seconds(10)
        world.plug_in(1, ALICE, wants_wh=60_000)
        await world.seconds(outage_s)
        world.central.go_online()
        await world.seconds(90)
        world.unplug(1)
        await world.seconds(30)
        (start,), (stop,) = told(world, "StartTransaction"), told(world, "StopTransaction")
        assert (moment(start["timestamp"]) - MIDNIGHT).total_seconds() == pytest.approx(12, abs=2)
        values = [value for payload in told(world, "MeterValues") for value in payload["meterValue"]]
        times = [moment(value["timestamp"]) for value in stop["transactionData"]]
        assert times[0] == moment(start["timestamp"])
        assert times[-1] == moment(stop["timestamp"])
        assert [moment(value["timestamp"]) for value in values] == times[1:-1]
        assert world.central.violations == []


async def test_b_13_a_clock_that_is_set_by_itself_completes_the_stamps_too(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world:
        right = _a_clock_to_be_told(world)
        policy, loop = world.central.policy, asyncio.get_running_loop()
        set_at_s = loop.time() + 60
        world.clock = Clock(
            boot_id="virtual",
            monotonic=loop.time,
            wall=lambda: right().timestamp() if loop.time() >= set_at_s else 0.0,
            synchronised=lambda: loop.time() >= set_at_s,
        )
        policy.current_time = right
        world.central.offline = True
        world.start()
        await world.seconds(10)
        world.plug_in(1, ALICE, wants_wh=60_000)
        await world.seconds(80)  # NTP came meanwhile
        world.central.go_online()
        await world.seconds(60)
        (start,) = told(world, "StartTransaction")
        assert (moment(start["timestamp"]) - MIDNIGHT).total_seconds() == pytest.approx(12, abs=2)
        assert world.central.violations == []


@pytest.mark.conformance("S-16")
async def test_b_13_without_any_time_a_status_goes_without_a_timestamp(tmp_path: Path) -> None:
    async with a_world(tmp_path, websocket=True, started=False) as world:
        _a_clock_to_be_told(world)
        unreadable = payload({"status": "Accepted", "currentTime": "noon", "interval": 300})
        world.central.policy.answer_next("BootNotification", unreadable)
        world.start()
        await world.seconds(20)
        assert [sorted(p) for p in told(world, "StatusNotification")] == [["connectorId", "errorCode", "status"]] * 3
        (unregistered,) = world.central.violations  # it did not mean to accept with such an answer
        assert unregistered.startswith("B-01 ")


async def test_b_12_after_acceptance_a_boot_is_not_triggered(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await ask(world, "TriggerMessage", requestedMessage="BootNotification") == {"status": "Rejected"}
        await world.seconds(60)
        assert len(told(world, "BootNotification")) == 1


PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11_000}],
    },
}


@pytest.mark.conformance("B-19", "S-14")
async def test_b_17_what_was_agreed_outlasts_a_kill(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValueSampleInterval=30, LocalPreAuthorize=True)
        accepted = {"status": "Accepted"}
        assert await ask(world, "SetChargingProfile", connectorId=1, csChargingProfiles=PROFILE) == accepted
        listed = [{"idTag": ALICE, "idTagInfo": {"status": "Accepted"}}]
        update = {"listVersion": 7, "updateType": "Full", "localAuthorizationList": listed}
        assert await ask(world, "SendLocalList", **update) == accepted
        assert await ask(world, "ChangeAvailability", connectorId=2, type="Inoperative") == accepted
        number = await charging(world)
        await world.central.go_offline()
        await world.seconds(45)  # a sample waits in the queue
        await world.kill()
        world.central.go_online()
        again = world.now
        world.start()
        await world.seconds(40)
        assert [f.payload["status"] for f in frames(world, "StatusNotification") if f.at >= again] == [
            "Available",
            "Charging",
            "Unavailable",
        ]
        assert told(world, "Authorize") == []  # the list knew her
        samples = [f for f in frames(world, "MeterValues") if f.at >= again]
        assert moment(samples[0].payload["meterValue"][0]["timestamp"]) < again
        assert {f.payload["transactionId"] for f in samples} == {number}
        assert limit_w(world) == 11_000
        assert await _value(world, "MeterValueSampleInterval") == "30"
        assert await ask(world, "GetLocalListVersion") == {"listVersion": 7}
        assert len(told(world, "StartTransaction")) == 1


@pytest.mark.conformance("S-17", "S-23", "W-07")
async def test_b_18_after_an_outage_comes_the_present_and_then_the_queue(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await world.central.go_offline()
        world.unplug(1)
        await world.seconds(60)
        world.plug_in(2)
        await world.seconds(60)
        world.central.go_online()
        again = world.now
        await world.seconds(60)
        since = [f for f in frames(world, "StatusNotification", "StopTransaction", "BootNotification") if f.at >= again]
        assert [(f.action, f.payload.get("connectorId"), f.payload.get("status")) for f in since] == [
            ("StatusNotification", 0, "Available"),
            ("StatusNotification", 1, "Available"),  # not how it came to that
            ("StatusNotification", 2, "Finishing"),
            ("StopTransaction", None, None),
        ]
        assert moment(since[-1].payload["timestamp"]) < again
        assert statuses(world, 1)[:3] == ["Available", "Preparing", "Charging"]
