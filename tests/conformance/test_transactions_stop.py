"""Area X: what ends a transaction, what does not, and with which reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.stories import (
    ALICE,
    BOB,
    FULL_W,
    STATUS,
    a_station,
    ask,
    charging,
    clear_tag,
    configure,
    frames,
    limit_w,
    moment,
    pause,
    register,
    statuses,
    swipe,
    told,
)
from ocpp_gateway.central.policy import Policy
from ocpp_gateway.simulator.options import ChargerOptions
from scenario.world import World

pytestmark = pytest.mark.looptime


def _stop(world: World) -> dict[str, Any]:
    """The one StopTransaction."""
    (stop,) = told(world, "StopTransaction")
    return stop


@pytest.mark.conformance("X-11", "M-35")
async def test_x_10_a_stop_tells_id_meter_time_and_reason(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await world.seconds(300)
        await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
        stopped_at = world.now
        await world.seconds(60)
        stop = _stop(world)
        assert set(stop) == {"transactionId", "meterStop", "timestamp", "reason"}
        assert (stop["transactionId"], stop["reason"]) == (transaction_id, "Remote")
        assert type(stop["meterStop"]) is int
        assert stop["meterStop"] == world.connector(1).meter.total_wh
        assert 1_900 <= stop["meterStop"] <= 2_200  # 22 kW for 5 to 6 minutes, in steps of 100 Wh
        assert stop["meterStop"] % 100 == 0
        assert abs((moment(stop["timestamp"]) - stopped_at).total_seconds()) < 1


@pytest.mark.conformance("X-15")
async def test_x_11_a_car_that_leaves_is_ev_disconnected(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        world.unplug(1)
        left_at = world.now
        await world.seconds(20)
        stop = _stop(world)
        assert stop["reason"] == "EVDisconnected"
        assert "idTag" not in stop
        assert 0 <= (moment(stop["timestamp"]) - left_at).total_seconds() <= 2  # seen first, not confirmed
        assert statuses(world)[-3:] == ["Charging", "Finishing", "Available"]
        world.plug_in(1)  # energy only after a new authorisation
        await world.seconds(60)
        assert len(told(world, "StartTransaction")) == 1
        assert limit_w(world) == 0


@pytest.mark.conformance("R-32")
@pytest.mark.parametrize("kind", ["Hard", "Soft"])
async def test_x_11_a_reset_stops_with_its_own_reason_before_it_boots(tmp_path: Path, kind: str) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        assert await ask(world, "Reset", type=kind) == {"status": "Accepted"}
        await world.seconds(60)
        stop = _stop(world)
        assert (stop["transactionId"], stop["reason"]) == (transaction_id, f"{kind}Reset")
        assert len(told(world, "BootNotification")) == 2
        assert len(told(world, "StartTransaction")) == 1


@pytest.mark.conformance("S-15")
async def test_x_12_after_a_stop_nothing_flows_and_the_connector_is_finishing_until_unplugged(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
        await world.seconds(5)
        taken_wh = world.charger.connector(1).session_energy_wh
        await world.seconds(300)
        assert limit_w(world) == 0
        assert world.charger.connector(1).session_energy_wh == taken_wh
        assert statuses(world)[-1] == "Finishing"
        world.unplug(1)
        await world.seconds(20)
        assert statuses(world)[-3:] == ["Charging", "Finishing", "Available"]


@pytest.mark.conformance("S-14", "R-27")
async def test_x_12_a_scheduled_unavailability_comes_after_the_transaction(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        answer = await ask(world, "ChangeAvailability", connectorId=1, type="Inoperative")
        assert answer == {"status": "Scheduled"}
        await world.seconds(30)
        assert statuses(world)[-1] == "Charging"
        await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
        await world.seconds(30)
        world.unplug(1)
        await world.seconds(30)
        assert statuses(world)[-1] == "Unavailable"
        assert limit_w(world) == 0


async def test_x_13_a_suspended_car_keeps_its_transaction(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        pause(world, paused=True)
        await world.until("00:20")
        assert statuses(world)[-1] == "SuspendedEV"
        pause(world, paused=False)
        await world.seconds(20)
        assert statuses(world)[-2:] == ["SuspendedEV", "Charging"]
        assert told(world, "StopTransaction") == []
        assert len(told(world, "StartTransaction")) == 1


def _profile(transaction_id: int, limit_a: float) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "transactionId": transaction_id,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
        },
    }


@pytest.mark.conformance("W-10", "S-12", "S-13")
async def test_x_13_a_limit_of_nothing_suspends_and_stays(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        profile = _profile(transaction_id, 0.0)
        assert await ask(world, "SetChargingProfile", connectorId=1, csChargingProfiles=profile) == {
            "status": "Accepted"
        }
        await world.until("00:15")
        assert limit_w(world) == 0
        assert statuses(world)[-1] == "SuspendedEVSE"
        profile = _profile(transaction_id, 16.0)
        assert await ask(world, "SetChargingProfile", connectorId=1, csChargingProfiles=profile) == {
            "status": "Accepted"
        }
        await world.seconds(20)
        assert limit_w(world) == 11_000  # 3 x 16 A x 230 V = 11,040 W
        assert statuses(world)[-2:] == ["SuspendedEVSE", "Charging"]
        assert told(world, "StopTransaction") == []


async def test_x_14_a_strangers_card_does_not_stop_and_the_owners_does(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await swipe(world, BOB)
        assert told(world, "StopTransaction") == []
        await swipe(world, ALICE)
        assert _stop(world)["idTag"] == ALICE


@pytest.mark.conformance("X-11")
async def test_x_16_the_card_held_to_the_charger_again_ends_its_session_as_local(tmp_path: Path) -> None:
    options = ChargerOptions(requires_tag=True)
    async with a_station(tmp_path, options=options, mode="charger") as world:
        transaction_id = await charging(world)
        world.charger.present_tag(1, ALICE)  # the register shows no change; the charger ends its session
        await world.seconds(20)
        stop = _stop(world)
        assert (stop["transactionId"], stop.get("reason", "Local"), stop["idTag"]) == (transaction_id, "Local", ALICE)
        assert statuses(world)[-2:] == ["Charging", "Finishing"]


@pytest.mark.conformance("X-11")
async def test_x_16_an_end_that_nobody_explains_is_other(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await clear_tag(world)
        register(world, STATUS, 5)
        await world.seconds(20)
        assert _stop(world)["reason"] == "Other"
        assert statuses(world)[-1] == "Finishing"


@pytest.mark.parametrize("glitch", [0, 1, 5, 7])
async def test_x_16_a_glitch_of_the_status_ends_nothing(tmp_path: Path, glitch: int) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        said = len(statuses(world))
        register(world, STATUS, glitch)
        await world.seconds(1.5)
        register(world, STATUS, None)
        await world.seconds(30)
        assert told(world, "StopTransaction") == []
        assert len(statuses(world)) == said
        assert limit_w(world) == FULL_W


async def test_x_17_a_charger_that_becomes_unavailable_stops_first(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        register(world, STATUS, 7)
        await world.seconds(20)
        assert _stop(world)["reason"] == "Other"
        assert statuses(world)[-1] == "Unavailable"


@pytest.mark.conformance("S-06")
async def test_x_18_a_fault_is_given_five_minutes(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        world.charger.fault(1, 9)
        await world.seconds(280)
        world.charger.clear_fault(1)
        await world.seconds(20)
        assert told(world, "StopTransaction") == []
        assert statuses(world)[-3:] == ["Charging", "Faulted", "Charging"]
        world.charger.fault(1, 9)
        await world.seconds(310)
        assert _stop(world)["reason"] == "Other"
        (first, second) = told(world, "StatusNotification", connectorId=1, status="Faulted")
        assert first["errorCode"] == second["errorCode"] == "OverCurrentFailure"


@pytest.mark.conformance("W-17", "R-23")
async def test_x_20_what_is_not_running_is_not_stopped(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await ask(world, "RemoteStopTransaction", transactionId=1) == {"status": "Rejected"}
        transaction_id = await charging(world)
        assert await ask(world, "RemoteStopTransaction", transactionId=transaction_id + 1) == {"status": "Rejected"}
        assert told(world, "StopTransaction") == []
        assert await ask(world, "RemoteStopTransaction", transactionId=transaction_id) == {"status": "Accepted"}
        await world.seconds(5)
        assert await ask(world, "RemoteStopTransaction", transactionId=transaction_id) == {"status": "Rejected"}
        world.unplug(1)
        await world.seconds(60)
        assert len(told(world, "StopTransaction")) == 1


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
async def test_x_21_x_43_what_a_stop_is_answered_ends_and_repeats_nothing(tmp_path: Path, status: str) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await charging(world)
        await charging(world, BOB, 2)
        policy.id_tags = {ALICE: {"status": status}}
        await clear_tag(world)
        await swipe(world, ALICE)
        await world.seconds(200)
        assert len(told(world, "StopTransaction")) == 1
        assert statuses(world, 2)[-1] == "Charging"


@pytest.mark.conformance("R-19", "W-12")
async def test_x_12_after_a_remote_stop_a_remote_start_needs_no_new_plug(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MinimumStatusDuration=0)
        transaction_id = await charging(world)
        await ask(world, "RemoteStopTransaction", transactionId=transaction_id)
        await world.seconds(20)
        assert await ask(world, "RemoteStartTransaction", connectorId=1, idTag=BOB) == {"status": "Accepted"}
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE, BOB]
        assert statuses(world)[-3:] == ["Finishing", "Preparing", "Charging"]
        first_stop, second_start = frames(world, "StartTransaction", "StopTransaction")[1:]
        assert first_stop.payload["meterStop"] <= second_start.payload["meterStart"]
