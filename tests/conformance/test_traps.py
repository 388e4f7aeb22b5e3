"""Area W: what other charge points got wrong, where no line of another area says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.stories import (
    ALICE,
    STATUS,
    a_station,
    ask,
    charging,
    configure,
    limit_w,
    offline,
    online,
    register,
    statuses,
    swipe,
    told,
)

pytestmark = pytest.mark.looptime


@pytest.mark.conformance("R-24", "S-05")
async def test_a_02_energy_without_an_authorisation_is_reported_and_billed_to_nobody(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1)
        await world.seconds(10)
        register(world, STATUS, 2)  # it charges, whatever our limit says
        await world.seconds(40)
        (faulted,) = told(world, "StatusNotification", connectorId=1, status="Faulted")
        assert (faulted["errorCode"], faulted["vendorErrorCode"]) == ("OtherError", "UnauthorizedCharging")
        assert limit_w(world) == 0
        assert told(world, "StartTransaction") == []
        register(world, STATUS, None)
        await world.seconds(10)
        assert statuses(world)[-1] != "Faulted"


async def test_a_03_a_card_that_stays_in_the_register_is_one_event(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, ConnectionTimeOut=30)
        for _ in range(3):
            await swipe(world, ALICE)
        assert told(world, "Authorize") == [{"idTag": ALICE}]


@pytest.mark.conformance("C-10", "R-61", "M-06")
async def test_w_09_small_mistakes_of_others(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for key, value in (
            ("MeterValueSampleInterval", "-1"),
            ("ConnectionTimeOut", "-60"),
            ("LocalPreAuthorize", "1"),
            ("AuthorizationCacheEnabled", "0"),
        ):
            assert await ask(world, "ChangeConfiguration", key=key, value=value) == {"status": "Rejected"}
        empty = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []}
        assert await ask(world, "SendLocalList", **empty) == {"status": "Accepted"}
        world.charger.fault(1, 9)
        await world.seconds(10)
        await ask(world, "TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
        await world.seconds(1)
        assert told(world, "StatusNotification", connectorId=1)[-1]["errorCode"] == "OverCurrentFailure"
        world.charger.clear_fault(1)
        await configure(world, MeterValueSampleInterval=10)
        await charging(world)
        values = [s["value"] for m in told(world, "MeterValues") for v in m["meterValue"] for s in v["sampledValue"]]
        assert values
        assert [value for value in values if re.fullmatch(r"-?\d+(\.\d+)?", value) is None] == []


async def test_w_11_a_limit_outlasts_a_lost_connection_and_a_restart(tmp_path: Path) -> None:
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7_000.0}],
        },
    }
    async with a_station(tmp_path) as world:
        answer = await ask(world, "SetChargingProfile", connectorId=1, csChargingProfiles=profile)
        assert answer == {"status": "Accepted"}
        await charging(world)
        assert limit_w(world) == 7_000
        await offline(world)
        await world.seconds(100)
        await online(world)
        assert limit_w(world) == 7_000
        await world.kill()
        world.start()
        await world.seconds(30)
        assert [write.value for write in world.charger.writes if write.address == 256 and write.value > 70] == []
        assert limit_w(world) == 7_000


@pytest.mark.conformance("A-01")
async def test_w_30_a_charger_that_restarts_gets_its_limit_back_at_once(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1)
        await world.seconds(10)
        assert limit_w(world) == 0
        world.link.cut = True
        await world.seconds(5)
        world.charger.reboot()  # its limits are those of the factory
        await world.seconds(15)
        written = len(world.charger.writes)
        world.link.cut = False
        await world.seconds(6)
        assert [w.value for w in list(world.charger.writes)[written:] if w.address == 256][:1] == [0]
        taken_wh = world.charger.connector(1).session_energy_wh
        await world.seconds(60)
        assert world.charger.connector(1).session_energy_wh == taken_wh
        assert told(world, "StartTransaction") == []


@pytest.mark.conformance("A-01", "M-30")
async def test_w_30_a_charger_that_restarts_in_a_transaction_ends_it_and_gives_nothing_more(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await world.seconds(60)
        meter_wh = world.connector(1).meter.total_wh
        world.link.cut = True
        world.charger.reboot()  # its counters begin at 0: another session, for all it knows
        await world.seconds(20)
        world.link.cut = False
        await world.seconds(60)
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop["reason"], stop["meterStop"]) == (transaction_id, "Other", meter_wh)
        assert limit_w(world) == 0
        assert len(told(world, "StartTransaction")) == 1
