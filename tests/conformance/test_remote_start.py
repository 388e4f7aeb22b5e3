"""Area R, 8a transactions that the central system starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED, REJECTED, after_the_answer, profile, remote_start, remote_stop
from conformance.stories import (
    ALICE,
    BOB,
    EVE,
    FULL_W,
    LIMITS,
    STATUS,
    a_station,
    ask,
    charging,
    configure,
    limit_w,
    register,
    statuses,
    told,
)
from ocpp_gateway.central.policy import Policy, late

pytestmark = pytest.mark.looptime


# ---------------------------------------------------------------- start


@pytest.mark.conformance("R-14", "R-19", "X-01")
async def test_r_10_cable_first_the_answer_comes_before_the_start(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1)
        await world.seconds(20)
        assert limit_w(world) == 0
        asked_at = world.now
        assert await remote_start(world) == ACCEPTED
        assert (world.now - asked_at).total_seconds() < 0.1
        await world.seconds(5)
        (start,) = told(world, "StartTransaction")
        assert (start["connectorId"], start["idTag"]) == (1, ALICE)
        assert limit_w(world) == FULL_W
        await world.seconds(10)
        assert after_the_answer(world, "RemoteStartTransaction")[:2] == [
            "StartTransaction",
            "StatusNotification Charging",
        ]
        assert told(world, "Authorize") == []


@pytest.mark.conformance("R-19")
async def test_r_14_remote_first_waits_for_the_plug_and_then_starts(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await remote_start(world) == ACCEPTED
        await world.seconds(50)
        assert statuses(world) == ["Available", "Preparing"]
        assert told(world, "StartTransaction") == []
        assert limit_w(world) == 0
        world.plug_in(1)
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE]
        assert statuses(world) == ["Available", "Preparing", "Charging"]


async def test_r_14_nobody_plugs_in_until_connection_time_out(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, ConnectionTimeOut=30)
        await remote_start(world)
        await world.seconds(29)
        assert statuses(world) == ["Available", "Preparing"]
        await world.seconds(2)
        assert statuses(world) == ["Available", "Preparing", "Available"]
        world.plug_in(1)
        await world.seconds(20)
        assert told(world, "StartTransaction") == []
        assert limit_w(world) == 0


async def test_r_11_no_connector_0_and_none_that_does_not_exist(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for connector_id in (0, 3, -1, 2**31 - 1):
            assert await remote_start(world, connector_id) == REJECTED
        await world.seconds(10)
        assert statuses(world) == ["Available"]


async def test_r_12_a_connector_with_a_transaction_or_somebody_expected_is_taken(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await charging(world)
        assert await remote_start(world, 1, BOB) == REJECTED
        assert await remote_start(world, 2, BOB) == ACCEPTED
        assert await remote_start(world, 2, EVE) == REJECTED  # the plug is awaited
        await world.seconds(61)
        await configure(world, AuthorizeRemoteTxRequests=True)
        policy.answer_next("Authorize", late(10))
        assert await remote_start(world, 2, BOB) == ACCEPTED
        await world.seconds(2)
        assert await remote_start(world, 2, EVE) == REJECTED  # Authorize is under way
        await world.seconds(20)
        world.plug_in(2)
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction", connectorId=2)] == [BOB]


@pytest.mark.conformance("R-30", "R-54")
async def test_r_13_not_where_it_is_faulted_unavailable_or_reserved_for_another(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        register(world, STATUS, 8)
        assert await ask(world, "ChangeAvailability", connectorId=2, type="Inoperative") == ACCEPTED
        await world.seconds(30)
        assert (statuses(world, 1)[-1], statuses(world, 2)[-1]) == ("Faulted", "Unavailable")
        assert await remote_start(world, 1) == REJECTED
        assert await remote_start(world, 2) == REJECTED
        assert await remote_start(world, None) == REJECTED
        register(world, STATUS, None)
        await world.seconds(30)
        reservation = {"connectorId": 1, "expiryDate": "2026-11-22T01:00:00Z", "idTag": BOB, "reservationId": 7}
        assert await ask(world, "ReserveNow", **reservation) == ACCEPTED
        assert await remote_start(world, 1, ALICE) == REJECTED
        assert await remote_start(world, 1, BOB) == ACCEPTED
        world.plug_in(1)
        await world.seconds(20)
        (start,) = told(world, "StartTransaction")
        assert (start["idTag"], start["reservationId"]) == (BOB, 7)


@pytest.mark.conformance("W-12")
async def test_r_15_after_a_remote_stop_the_same_cable_starts_again(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        first = await charging(world)
        assert await remote_stop(world, first) == ACCEPTED
        await world.seconds(20)
        assert statuses(world)[-1] == "Finishing"
        assert await remote_start(world, 1, BOB) == ACCEPTED
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE, BOB]
        assert statuses(world)[-3:] == ["Finishing", "Preparing", "Charging"]
        one, two = world.central.transactions
        assert two.meter_start_wh >= one.stop["meterStop"]  # type: ignore[index]


async def test_r_16_without_a_connector_the_plugged_one_is_taken_before_a_free_one(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(2)
        await world.seconds(20)
        assert await remote_start(world, None, ALICE) == ACCEPTED
        await world.seconds(20)
        assert await remote_start(world, None, BOB) == ACCEPTED
        assert await remote_start(world, None, EVE) == REJECTED
        world.plug_in(1)
        await world.seconds(20)
        assert [(s["connectorId"], s["idTag"]) for s in told(world, "StartTransaction")] == [(2, ALICE), (1, BOB)]


async def test_r_18_a_tag_that_is_refused_after_all_starts_nothing(tmp_path: Path) -> None:
    policy = Policy(id_tags={EVE: {"status": "Invalid"}})
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, AuthorizeRemoteTxRequests=True)
        assert await remote_start(world, 1, EVE) == ACCEPTED
        await world.seconds(5)
        assert told(world, "Authorize") == [{"idTag": EVE}]
        assert after_the_answer(world, "RemoteStartTransaction")[0] == "Authorize"
        world.plug_in(1)
        await world.seconds(30)
        assert told(world, "StartTransaction") == []
        assert limit_w(world) == 0
        assert statuses(world) == ["Available", "Preparing"]
        assert await remote_start(world, 1, ALICE) == ACCEPTED  # and blocks nobody


async def test_r_20_an_open_gate_without_a_charging_car_is_not_charging(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1, wants_wh=0)
        await world.seconds(20)
        await remote_start(world)
        await world.seconds(60)
        assert limit_w(world) == FULL_W
        assert "Charging" not in statuses(world)
        assert statuses(world)[-1] == "SuspendedEV"
        assert told(world, "StopTransaction") == []


async def test_w_06_a_session_that_ended_at_the_charger_blocks_no_remote_start(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        world.unplug(1)
        await world.seconds(20)
        assert [stop["reason"] for stop in told(world, "StopTransaction")] == ["EVDisconnected"]
        assert statuses(world)[-1] == "Available"
        assert await remote_start(world, 1, BOB) == ACCEPTED
        world.plug_in(1)
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE, BOB]


# ---------------------------------------------------------------- a profile that comes along


async def test_r_17_a_profile_governs_its_transaction_from_the_start_and_ends_with_it(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1, wants_wh=60_000)
        await world.seconds(20)
        before = len(world.charger.writes)
        assert await remote_start(world, 1, BOB, chargingProfile=profile(10)) == ACCEPTED
        await world.seconds(20)
        written = {write.value * 100 for write in list(world.charger.writes)[before:] if write.address == LIMITS[1]}
        assert written == {6_900}  # 10 A x 3 x 230 V, and never more on the way
        bobs = world.central.transactions[-1]
        assert bobs.transaction_id is not None
        assert await remote_stop(world, bobs.transaction_id) == ACCEPTED
        await world.seconds(20)
        assert await remote_start(world, 1, ALICE) == ACCEPTED
        await world.seconds(20)
        assert limit_w(world) == FULL_W


async def test_r_17_where_the_charger_decides_a_start_with_a_profile_is_refused(tmp_path: Path) -> None:
    """A profile that is taken governs from the start on, and the start is not ours to time there."""
    async with a_station(tmp_path, mode="charger") as world:
        await remote_stop(world, await charging(world))
        await world.seconds(20)
        assert await remote_start(world, 1, BOB, chargingProfile=profile(10)) == REJECTED
        await world.seconds(20)
        assert limit_w(world) == 0
        assert await remote_start(world, 1, BOB) == ACCEPTED  # only our own limit holds the car
        await world.seconds(20)
        assert [start["idTag"] for start in told(world, "StartTransaction")] == [ALICE, BOB]


@pytest.mark.parametrize(
    "wrong",
    [
        profile(10, "TxDefaultProfile"),
        profile(10, "ChargePointMaxProfile"),
        profile(10, transactionId=1),
        profile(10) | {"chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": []}},
        profile(10, stackLevel=11),
    ],
    ids=["default", "station", "with an id", "without a period", "level"],
)
async def test_r_17_any_other_profile_is_refused_and_nothing_starts(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1)
        await world.seconds(20)
        assert await remote_start(world, 1, ALICE, chargingProfile=wrong) == REJECTED
        await world.seconds(20)
        assert told(world, "StartTransaction") == []
        assert limit_w(world) == 0
