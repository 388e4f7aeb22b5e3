"""Area S: what is said when something is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.stories import ALICE, a_station, ask, charging, limit_w, register, statuses, swipe, told
from ocpp_gateway.central.policy import Policy
from ocpp_gateway.registers.snapshot import Derating
from ocpp_gateway.registers.vocabulary import ChargePointErrorCode
from scenario.world import World

pytestmark = pytest.mark.looptime

ERROR, OVER_CURRENT, EV_COMMUNICATION, OTHER, POWER_METER = 267, 9, 2, 8, 11


def _last(world: World, connector_id: int = 1) -> dict[str, Any]:
    payload = told(world, "StatusNotification", connectorId=connector_id)[-1]
    return {key: value for key, value in payload.items() if key not in {"timestamp", "connectorId", "info"}}


@pytest.mark.conformance("S-05", "S-06", "S-02")
async def test_s_09_a_fault_in_a_session_is_told_and_what_was_before_it_comes_back(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        world.charger.fault(1, OVER_CURRENT)
        await world.seconds(5)
        assert _last(world) == {
            "status": "Faulted",
            "errorCode": "OverCurrentFailure",
            "vendorErrorCode": "9",
            "vendorId": "ocpp-gateway",
        }
        assert statuses(world, 0) == statuses(world, 2) == ["Available"]  # of one connector alone
        world.charger.clear_fault(1)
        await world.seconds(10)
        assert _last(world) == {"status": "Charging", "errorCode": "NoError"}
        assert told(world, "StopTransaction") == []


@pytest.mark.conformance("S-06", "S-24")
async def test_s_10_a_warning_is_told_with_the_status_and_its_end_once(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        before = len(told(world, "StatusNotification"))
        world.charger.fault(1, POWER_METER, faulted=False)
        await world.seconds(20)
        assert _last(world)["status"] == "Charging"
        assert _last(world)["errorCode"] == "PowerMeterFailure"
        trigger = {"requestedMessage": "StatusNotification", "connectorId": 1}
        assert await ask(world, "TriggerMessage", **trigger) == {"status": "Accepted"}
        await world.seconds(1)
        assert _last(world)["errorCode"] == "PowerMeterFailure"
        world.charger.clear_fault(1)
        await world.seconds(20)
        errors = [p["errorCode"] for p in told(world, "StatusNotification")[before:]]
        assert errors == ["PowerMeterFailure", "PowerMeterFailure", "NoError"]


async def test_s_08_an_error_without_a_name_carries_its_number_and_whose_it_is(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for raw in (OTHER, 200):
            register(world, ERROR, raw)
            await world.seconds(90)
            assert _last(world) == {
                "status": "Available",
                "errorCode": "OtherError",
                "vendorErrorCode": str(raw),
                "vendorId": "ocpp-gateway",
            }


async def test_s_07_no_error_of_the_car_where_there_is_none(tmp_path: Path) -> None:
    """Whatever number the register shows: the judge would name an EVCommunicationError without a car."""
    async with a_station(tmp_path, poll_interval_s=2.0) as world:
        for raw in range(18):
            register(world, ERROR, raw)
            await world.seconds(90)
        await charging(world)
        for raw in range(18):
            register(world, ERROR, raw)
            await world.seconds(4)
        codes = {p["errorCode"] for p in told(world, "StatusNotification", connectorId=1)}
        assert codes <= {code.value for code in ChargePointErrorCode}
        assert len(codes) > 5


async def test_s_19_while_faulted_nothing_starts(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.charger.fault(1, OVER_CURRENT)
        await world.seconds(5)
        assert await ask(world, "RemoteStartTransaction", connectorId=1, idTag=ALICE) == {"status": "Rejected"}
        world.plug_in(1, ALICE)
        await world.seconds(30)
        await swipe(world, ALICE)
        assert statuses(world) == ["Available", "Faulted"]
        assert told(world, "StartTransaction") == []
        assert limit_w(world) == 0
        assert world.charger.connector(1).session_energy_wh == 0


async def test_s_18_a_list_that_the_central_system_contradicts_is_told_of_connector_0(tmp_path: Path) -> None:
    policy = Policy(id_tags={ALICE: {"status": "Blocked"}})
    async with a_station(tmp_path, policy=policy) as world:
        listed = [{"idTag": ALICE, "idTagInfo": {"status": "Accepted"}}]
        update = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": listed}
        assert await ask(world, "SendLocalList", **update) == {"status": "Accepted"}
        world.plug_in(1, ALICE)
        await world.seconds(30)
        assert _last(world, 0)["errorCode"] == "LocalListConflict"
        assert _last(world, 0)["status"] == "Available"
        assert [p["errorCode"] for p in told(world, "StatusNotification", connectorId=1)] == ["NoError"] * 2
        assert told(world, "StartTransaction") == []


@pytest.mark.parametrize(
    ("derating", "status", "error"),
    [
        (Derating.LEVEL_1, "Charging", "NoError"),
        (Derating.LEVEL_2, "Charging", "NoError"),
        (Derating.PAUSED, "SuspendedEVSE", "HighTemperature"),
        (Derating.SENSOR_ERROR, "Charging", "OtherError"),
    ],
)
async def test_s_22_derating_is_a_warning(tmp_path: Path, derating: Derating, status: str, error: str) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        world.charger.derate(1, derating)
        await world.seconds(70)
        found = told(world, "StatusNotification", connectorId=1)[-1]
        assert (found["status"], found["errorCode"]) == (status, error)
        assert found["info"]
        world.charger.derate(1, Derating.NONE)
        await world.seconds(70)
        assert _last(world) == {"status": "Charging", "errorCode": "NoError"}


@pytest.mark.conformance("S-03", "S-09", "W-31")
async def test_s_06_a_charger_that_is_away_is_faulted_whole_and_comes_back_as_it_was(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        world.link.cut = True
        await world.seconds(180)
        away = {
            "status": "Faulted",
            "errorCode": "OtherError",
            "vendorErrorCode": "ModbusUnreachable",
            "vendorId": "ocpp-gateway",
        }
        assert [_last(world, n) for n in (0, 1, 2)] == [away] * 3
        world.link.cut = False
        await world.seconds(120)
        assert [statuses(world, n)[-1] for n in (0, 1, 2)] == ["Available", "Charging", "Available"]
        assert told(world, "StopTransaction") == []


async def test_w_30_a_charger_that_restarts_gets_its_limits_before_anything_flows(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert limit_w(world) == 0
        world.link.cut = True
        await world.seconds(5)
        world.charger.reboot()  # its registers say 22 kW again
        world.plug_in(1)
        world.link.cut = False
        await world.seconds(60)
        assert limit_w(world) == 0
        assert world.charger.connector(1).session_energy_wh < 100
        assert told(world, "StartTransaction") == []
        assert statuses(world)[-1] in {"Preparing", "Finishing"}
