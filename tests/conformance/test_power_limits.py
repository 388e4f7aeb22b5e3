"""Area P, 9b to 9e: what comes of accepted profiles at the charger's registers, and what is told of them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED, REJECTED, profile, remote_stop
from conformance.stories import (
    FULL_W,
    LIMITS,
    a_station,
    ask,
    charging,
    configure,
    limit_w,
    moment,
    offline,
    online,
    statuses,
    told,
)
from conformance.wire import raw, refusal
from ocpp_gateway.instant import format_utc
from scenario.world import World

pytestmark = pytest.mark.looptime

DEFAULT, MAXIMUM, TX = "TxDefaultProfile", "ChargePointMaxProfile", "TxProfile"


async def install(world: World, connector_id: int, wanted: dict[str, Any]) -> None:
    answer = await ask(world, "SetChargingProfile", connectorId=connector_id, csChargingProfiles=wanted)
    assert answer == ACCEPTED


def steps(*pairs: tuple[int, float], purpose: str = DEFAULT, **schedule: Any) -> dict[str, Any]:
    """A profile of (startPeriod, limit in A) pairs."""
    whole = profile(0, purpose)
    periods = [{"startPeriod": start, "limit": limit} for start, limit in pairs]
    return whole | {"chargingSchedule": whole["chargingSchedule"] | {"chargingSchedulePeriod": periods} | schedule}


async def schedule_of(world: World, connector_id: int = 1, duration: int = 600, **more: Any) -> list[tuple[int, float]]:
    answer = await ask(world, "GetCompositeSchedule", connectorId=connector_id, duration=duration, **more)
    assert answer["status"] == "Accepted"
    return [(p["startPeriod"], p["limit"]) for p in answer["chargingSchedule"]["chargingSchedulePeriod"]]


# ---------------------------------------------------------------- 9b: which limit is in force


async def test_p_22_p_28_each_period_is_at_the_register_in_its_time(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        began = world.now
        await install(world, 1, steps((0, 20), (60, 10), (120, 15), startSchedule=format_utc(began)) | absolute())
        await install(
            world, 0, steps((0, 40), (90, 12), purpose=MAXIMUM, startSchedule=format_utc(began)) | absolute(2)
        )
        seen = []
        for second in (0, 59, 61, 89, 91, 119, 121):
            await world.seconds(second - (world.now - began).total_seconds())
            await world.seconds(0.9)
            seen.append(limit_w(world))
        # 20 A, 10 A; then 12 A for the station of which the idle connector 2 holds nothing; then 12 A below 15 A
        assert seen == [13_800, 13_800, 6_900, 6_900, 6_900, 6_900, 8_200]


def absolute(profile_id: int = 1) -> dict[str, Any]:
    return {"chargingProfileKind": "Absolute", "chargingProfileId": profile_id}


async def test_p_30_a_default_works_in_a_running_transaction_at_once_until_it_is_removed(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        assert limit_w(world) == FULL_W
        for limit_a, power_w in ((10, 6_900), (12, 8_200)):
            await install(world, 1, profile(limit_a, DEFAULT))
            await world.seconds(3)
            assert limit_w(world) == power_w
        assert await ask(world, "ClearChargingProfile", chargingProfilePurpose=DEFAULT) == ACCEPTED
        await world.seconds(3)
        assert limit_w(world) == FULL_W
        assert told(world, "StopTransaction") == []


@pytest.mark.parametrize("killed", [False, True], ids=["told at once", "ended while the gateway was dead"])
async def test_p_31_p_32_tx_profiles_end_with_their_transaction_and_others_stay(tmp_path: Path, killed: bool) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await install(world, 1, profile(10, TX, chargingProfileId=1))
        await install(world, 2, profile(12, DEFAULT, chargingProfileId=2))
        if killed:
            await world.kill()
            world.unplug(1)
            await world.seconds(10)
            world.start()
        else:
            await remote_stop(world, transaction_id)
        await world.seconds(60)
        assert await ask(world, "ClearChargingProfile", id=1) == {"status": "Unknown"}
        assert await schedule_of(world, 2) == [(0, 12)]


async def test_p_33_p_34_offline_the_profiles_go_on_and_where_there_is_none_nothing_changes(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await charging(world, "B0B0B0", 2)
        await install(world, 1, steps((0, 20), (600, 10)))
        await offline(world)
        await world.seconds(700)
        assert (limit_w(world, 1), limit_w(world, 2)) == (6_900, FULL_W)
        await online(world)
        assert (limit_w(world, 1), limit_w(world, 2)) == (6_900, FULL_W)


async def test_fault_s_08_what_expires_offline_is_followed_by_the_next_source_within_a_second(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        expires = world.now + timedelta(seconds=100)
        await install(world, 1, profile(8, TX, validTo=format_utc(expires), chargingProfileId=1))
        await install(
            world, 1, profile(10, DEFAULT, validTo=format_utc(expires + timedelta(seconds=100)), stackLevel=1)
        )
        await offline(world)
        limits: list[int] = []
        for at in (expires, expires + timedelta(seconds=100)):
            for second in (-1, 1):
                await world.seconds((at + timedelta(seconds=second) - world.now).total_seconds())
                limits.append(limit_w(world))
        assert limits == [5_500, 6_900, 6_900, FULL_W]
        await online(world)


@pytest.mark.conformance("P-72")
async def test_p_35_a_limit_of_0_pauses_and_when_it_is_lifted_what_holds_then_is_written(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await install(world, 1, steps((0, 20), (600, 10)))
        await install(world, 1, profile(0, TX, chargingProfileId=1))
        await world.seconds(60)
        assert (limit_w(world), statuses(world)[-1]) == (0, "SuspendedEVSE")
        await world.seconds(600)
        assert await ask(world, "ClearChargingProfile", id=1) == ACCEPTED
        await world.seconds(30)
        assert (limit_w(world), statuses(world)[-1]) == (6_900, "Charging")
        assert told(world, "StopTransaction") == []


# ---------------------------------------------------------------- 9c: the register


async def test_p_43_p_44_below_the_minimum_only_the_tolerance_is_added(tmp_path: Path) -> None:
    """Decided: a minimum within `power.tolerance_w` above the limit is written, else the limit rounded down."""
    async with a_station(tmp_path) as world:
        await charging(world)
        for limit_a, power_w in ((16, 11_000), (6, 4_200), (5.9, 4_000), (0.4, 200)):
            await install(world, 1, profile(limit_a, DEFAULT))
            await world.seconds(5)
            assert limit_w(world) == power_w


async def test_p_49_what_is_offered_is_what_is_written(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, MeterValuesSampledData="Power.Offered", MeterValueSampleInterval=10)
        await charging(world)
        await install(world, 1, profile(16.1, DEFAULT))  # 11,109 W
        await world.seconds(30)
        sampled = told(world, "MeterValues")[-1]["meterValue"][-1]["sampledValue"]
        assert [float(value["value"]) for value in sampled if value["measurand"] == "Power.Offered"] == [11_100]


# ---------------------------------------------------------------- 9d: the station


async def test_p_50_p_52_the_station_is_written_too_and_the_relative_registers_never(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        await charging(world, "B0B0B0", 2)
        for limit_a in (32, 20, 40, 12):
            await install(world, 0, profile(limit_a, MAXIMUM))
            await world.seconds(30)
        held = dict.fromkeys((0, *LIMITS.values()), 0)
        highest = None
        for write in world.charger.writes:
            held[write.address] = write.value
            if write.address in (0, *LIMITS.values()) and highest is not None:
                assert held[256] + held[272] <= highest or write.value == 0
            if write.address == 0:
                highest = max(write.value, held[256] + held[272])
        assert held[0] == 82  # 12 A x 3 x 230 V = 8,280 W
        assert held[256] + held[272] <= 82
        assert {write.address for write in world.charger.writes} <= {0, 3, 5, *LIMITS.values()}  # never 1 and 4


async def test_p_53_the_fallback_is_the_operator_s_and_comes_back_with_the_charger(tmp_path: Path) -> None:
    """Decided: registers 3 and 5 follow the `fallback` setting alone, written where they read differently."""
    async with a_station(tmp_path, fallback={"power_w": 4_200, "after_s": 60}) as world:
        assert fallback(world) == [(3, 42), (5, 30)]
        await install(world, 0, profile(6, MAXIMUM))
        await world.seconds(60)
        assert fallback(world) == [(3, 42), (5, 30)]  # no profile writes it
        world.link.cut = True
        await world.seconds(5)
        world.charger.reboot()  # its fallback is the factory's
        world.link.cut = False
        await world.seconds(30)
        assert fallback(world) == [(3, 42), (5, 30)] * 2


def fallback(world: World) -> list[tuple[int, int]]:
    return [(write.address, write.value) for write in world.charger.writes if write.address in (3, 5)]


# ---------------------------------------------------------------- 9e: GetCompositeSchedule, ClearChargingProfile


async def test_p_60_no_such_connector_is_rejected_without_more_and_no_such_unit_a_callerror(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for connector_id in (-1, 3):
            answer = await ask(world, "GetCompositeSchedule", connectorId=connector_id, duration=60)
            assert answer == REJECTED
        wrong = {"connectorId": 1, "duration": 60, "chargingRateUnit": "VA"}
        assert await refusal(world, "GetCompositeSchedule", wrong) == "PropertyConstraintViolation"


@pytest.mark.parametrize("unit", ["A", "W", None])
async def test_p_61_an_answer_is_whole(tmp_path: Path, unit: str | None) -> None:
    """Without a unit in the question it is A (P-64)."""
    async with a_station(tmp_path) as world:
        await charging(world)
        await install(world, 1, steps((0, 20), (600, 10)))
        await world.seconds(100)
        more = {} if unit is None else {"chargingRateUnit": unit}
        answer = await ask(world, "GetCompositeSchedule", connectorId=1, duration=3600, **more)
        assert set(answer) == {"status", "connectorId", "scheduleStart", "chargingSchedule"}
        assert (answer["status"], answer["connectorId"]) == ("Accepted", 1)
        assert abs((moment(answer["scheduleStart"]) - world.now).total_seconds()) < 0.1
        whole = answer["chargingSchedule"]
        assert set(whole) == {"duration", "chargingRateUnit", "chargingSchedulePeriod"}  # no startSchedule inside
        assert (whole["duration"], whole["chargingRateUnit"]) == (3600, unit or "A")
        first, second = whole["chargingSchedulePeriod"]
        assert (first["startPeriod"], first["numberPhases"], second["numberPhases"]) == (0, 3, 3)
        assert 400 < second["startPeriod"] < 500


async def test_p_62_p_63_p_65_the_station_tells_its_bound_and_a_connector_is_within_it(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await schedule_of(world, 0, chargingRateUnit="W") == [(0, 44_000)]  # nobody charges, and yet
        assert await schedule_of(world, 1, chargingRateUnit="W") == [(0, FULL_W)]
        await install(world, 1, profile(20, DEFAULT))
        await install(world, 0, profile(16, MAXIMUM, chargingProfileId=1))
        assert await schedule_of(world, 0) == await schedule_of(world, 1) == [(0, 16)]
        assert await schedule_of(world, 0, chargingRateUnit="W") == [(0, 11_040)]


async def cleared(world: World, **criteria: Any) -> list[int]:
    """Which of the ids 1 to 4 a ClearChargingProfile with these criteria takes away."""
    for connector_id, purpose, level, id_ in PLACED:
        await install(world, connector_id, profile(10, purpose, chargingProfileId=id_, stackLevel=level))
    answer = await ask(world, "ClearChargingProfile", **criteria)
    left = [await ask(world, "ClearChargingProfile", id=id_) for *_, id_ in PLACED]
    gone = [id_ for (*_, id_), one in zip(PLACED, left, strict=True) if one != ACCEPTED]
    assert answer == (ACCEPTED if gone else {"status": "Unknown"})
    return gone


PLACED = [(0, MAXIMUM, 0, 1), (0, DEFAULT, 0, 2), (1, DEFAULT, 0, 3), (2, DEFAULT, 5, 4)]


async def test_p_70_p_71_what_is_cleared_is_what_all_criteria_name_or_the_id_alone(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await cleared(world) == [1, 2, 3, 4]
        assert await cleared(world, id=3) == [3]
        assert await cleared(world, id=3, connectorId=2, chargingProfilePurpose=MAXIMUM, stackLevel=9) == [3]
        assert await cleared(world, id=9, connectorId=1) == []
        assert await cleared(world, connectorId=0) == [1, 2]  # those of the station, not all
        assert await cleared(world, connectorId=1) == [3]
        assert await cleared(world, chargingProfilePurpose=DEFAULT) == [2, 3, 4]
        assert await cleared(world, stackLevel=0) == [1, 2, 3]
        assert await cleared(world, connectorId=1, stackLevel=5) == []
        assert await cleared(world, connectorId=2, chargingProfilePurpose=DEFAULT, stackLevel=5) == [4]


async def test_fault_s_05_a_limit_that_is_no_number_never_gets_in(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        wanted = {"connectorId": 1, "csChargingProfiles": profile(12, DEFAULT)}
        text = json.dumps([2, "the-call", "SetChargingProfile", wanted])
        assert text.count('"limit": 12') == 1
        for limit in ("1e30", "-1e30", "true", '"12"', "null"):
            (answer,) = await raw(world, text.replace('"limit": 12', f'"limit": {limit}'))
            assert answer[:2] == [4, "the-call"], limit
        assert limit_w(world) == FULL_W
        assert await ask(world, "ClearChargingProfile") == {"status": "Unknown"}


async def test_fault_t_06_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for moment_ in ("2026-12-31T23:59:60Z", "2026-02-29T00:00:00Z", "tomorrow", "2026-11-22"):
            wanted = profile(12, DEFAULT, validTo=moment_)
            payload = {"connectorId": 1, "csChargingProfiles": wanted}
            assert await refusal(world, "SetChargingProfile", payload) == "PropertyConstraintViolation"
