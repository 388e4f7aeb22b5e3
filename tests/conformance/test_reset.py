"""Area R, 8d to 8f: Reset, UnlockConnector, ClearCache, DataTransfer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.commands import ACCEPTED, REJECTED, remote_start
from conformance.stories import (
    ALICE,
    FULL_W,
    a_station,
    ask,
    charging,
    configure,
    frames,
    limit_w,
    offline,
    online,
    statuses,
    told,
)
from ocpp_gateway.central.policy import Policy, call_error, late, no_answer
from scenario.world import World

pytestmark = pytest.mark.looptime


def wire(world: World) -> list[str]:
    """All that was said since the answer to Reset, in order."""
    said = [f for f in world.central.frames if f.direction.name == "RECEIVED"]
    last = max(i for i, frame in enumerate(said) if frame.kind.name == "RESULT" and frame.action == "Reset")
    return [frame.action or "" for frame in said[last:] if frame.kind.name == "CALL"]


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_r_32_r_34_a_reset_when_idle_answers_and_boots_again(tmp_path: Path, kind: str) -> None:
    async with a_station(tmp_path) as world:
        assert await ask(world, "Reset", type=kind) == ACCEPTED
        await world.seconds(30)
        assert wire(world) == ["BootNotification", *["StatusNotification"] * 3]
        assert [statuses(world, connector_id) for connector_id in (0, 1, 2)] == [["Available"] * 2] * 3
        assert len(world.central.connected) == 1


@pytest.mark.conformance("X-11", "X-12")
@pytest.mark.parametrize("kind", ["Soft", "Hard"])
async def test_r_32_a_reset_stops_every_transaction_before_the_boot(tmp_path: Path, kind: str) -> None:
    async with a_station(tmp_path) as world:
        one, two = await charging(world, ALICE, 1), await charging(world, "B0B", 2)
        assert await ask(world, "Reset", type=kind) == ACCEPTED
        await world.seconds(60)
        stops = told(world, "StopTransaction")
        assert [(stop["transactionId"], stop["reason"]) for stop in stops] == [
            (one, f"{kind}Reset"),
            (two, f"{kind}Reset"),
        ]
        said = wire(world)
        assert said.index("BootNotification") > max(i for i, action in enumerate(said) if action == "StopTransaction")
        assert said.count("BootNotification") == 1


async def test_r_32_a_stop_that_is_not_taken_does_not_hold_the_reset(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, TransactionMessageRetryInterval=200)
        transaction_id = await charging(world)
        policy.answer_next("StopTransaction", call_error("InternalError"))
        assert await ask(world, "Reset", type="Hard") == ACCEPTED
        answered_at = world.now
        await world.seconds(5)
        assert await remote_start(world, 2) == REJECTED  # not before the boot
        await world.seconds(40)
        _, boot = frames(world, "BootNotification")
        assert 30 <= (boot.at - answered_at).total_seconds() < 32
        await world.seconds(200)
        first, second = told(world, "StopTransaction")
        assert first == second
        assert (first["transactionId"], first["reason"]) == (transaction_id, "HardReset")


async def test_r_32_a_connection_lost_meanwhile_is_the_restart(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await charging(world)
        policy.answer_next("StopTransaction", no_answer())
        assert await ask(world, "Reset", type="Hard") == ACCEPTED
        await world.seconds(2)
        await offline(world)
        await online(world)
        await world.seconds(60)
        said = wire(world)
        assert [action for action in said if action != "StatusNotification"] == [
            "StopTransaction",
            "BootNotification",
            "StopTransaction",  # the same frame again
        ]


@pytest.mark.conformance("R-28")
async def test_r_33_availability_queue_and_configuration_outlast_a_reset(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await ask(world, "ChangeAvailability", connectorId=2, type="Inoperative")
        await configure(world, ConnectionTimeOut=33, TransactionMessageRetryInterval=30)
        await charging(world)
        policy.answer_next("MeterValues", call_error("InternalError"))
        await world.seconds(61)
        assert await ask(world, "Reset", type="Soft") == ACCEPTED
        await world.seconds(90)
        assert statuses(world, 2)[-1] == "Unavailable"
        answer = await ask(world, "GetConfiguration", key=["ConnectionTimeOut"])
        assert answer["configurationKey"][0]["value"] == "33"
        first, second = told(world, "MeterValues")[:2]
        assert first == second
        assert [frame.action for frame in frames(world, "MeterValues", "StopTransaction")][-1] == "StopTransaction"


@pytest.mark.conformance("X-50")
async def test_r_35_after_a_reset_a_plugged_car_waits_for_somebody(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await ask(world, "Reset", type="Hard")
        await world.seconds(300)
        assert len(told(world, "StartTransaction")) == 1
        assert limit_w(world) == 0
        assert statuses(world)[-1] == "Finishing"
        assert await remote_start(world, 1, "B0B") == ACCEPTED
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE, "B0B"]


async def test_r_35_where_the_charger_decides_a_car_that_goes_on_gets_a_new_transaction(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StopTransaction", late(10))
    async with a_station(tmp_path, mode="charger", policy=policy) as world:
        await charging(world)
        await ask(world, "Reset", type="Soft")
        await world.seconds(120)
        one, two = world.central.transactions
        assert (one.id_tag, two.id_tag) == (ALICE, ALICE)
        assert one.stop is not None
        assert two.meter_start_wh == one.stop["meterStop"]
        assert limit_w(world) == FULL_W
        said = wire(world)
        assert said.index("StopTransaction") < said.index("BootNotification") < said.index("StartTransaction")


@pytest.mark.conformance("R-02")
async def test_r_38_r_39_there_is_no_lock_and_a_transaction_goes_on(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        for connector_id in (1, 2, 3, 0):
            answer = await ask(world, "UnlockConnector", connectorId=connector_id)
            assert answer == {"status": "NotSupported"}
        await world.seconds(60)
        assert told(world, "StopTransaction") == []
        assert statuses(world)[-1] == "Charging"
        assert limit_w(world) == FULL_W


@pytest.mark.conformance("R-02")
async def test_r_42_r_43_data_of_any_length_to_whom_it_may_concern(tmp_path: Path) -> None:
    long = json.dumps({"text": "x" * 60_000})
    async with a_station(tmp_path) as world:

        async def transfer(**payload: str) -> dict[str, str]:
            return await ask(world, "DataTransfer", **payload)

        assert await transfer(vendorId="org.example", data=long) == {"status": "UnknownVendorId"}
        assert await transfer(vendorId="v" * 255) == {"status": "UnknownVendorId"}
        assert await transfer(vendorId="ocpp-gateway", messageId="nonsense") == {"status": "UnknownMessageId"}
        assert await transfer(vendorId="ocpp-gateway", data=long) == {"status": "UnknownMessageId"}
        snapshot = await transfer(vendorId="ocpp-gateway", messageId="snapshot")
        assert snapshot["status"] == "Accepted"
        assert isinstance(json.loads(snapshot["data"]), dict)
        register = await transfer(vendorId="ocpp-gateway", messageId="register", data="station.firmware_version")
        assert json.loads(register["data"])["value"] == "6.4.1"
        unknown = await transfer(vendorId="ocpp-gateway", messageId="register", data=long)
        assert unknown == REJECTED


async def test_r_02_a_cleared_cache_knows_nobody(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)  # so the card is known
        assert await ask(world, "ClearCache") == ACCEPTED
        assert await ask(world, "Reset", type="Soft") == ACCEPTED
        await world.seconds(40)
        world.unplug(1)
        await world.seconds(20)
        await offline(world)
        world.plug_in(1, ALICE)
        await world.seconds(60)
        assert limit_w(world) == 0
        await online(world)
