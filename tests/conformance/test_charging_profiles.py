"""Area P, 9a: which charging profiles are accepted, and what an Accepted means."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED, REJECTED, profile, remote_start, remote_stop
from conformance.stories import FULL_W, a_station, ask, charging, limit_w, told
from conformance.wire import refusal
from ocpp_gateway.central.policy import Policy, late
from ocpp_gateway.instant import format_utc
from scenario.world import World

pytestmark = pytest.mark.looptime

DEFAULT, MAXIMUM, TX = "TxDefaultProfile", "ChargePointMaxProfile", "TxProfile"


async def install(world: World, connector_id: int, wanted: dict[str, Any]) -> dict[str, Any]:
    return await ask(world, "SetChargingProfile", connectorId=connector_id, csChargingProfiles=wanted)


def with_schedule(wanted: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The profile with these fields of its schedule changed."""
    return wanted | {"chargingSchedule": wanted["chargingSchedule"] | changes}


def periods(*pairs: tuple[int, float]) -> list[dict[str, Any]]:
    return [{"startPeriod": start, "limit": limit} for start, limit in pairs]


async def limit_a(world: World, connector_id: int = 1) -> float:
    """The composite schedule's limit now, in A."""
    answer = await ask(world, "GetCompositeSchedule", connectorId=connector_id, duration=60, chargingRateUnit="A")
    limit: float = answer["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
    return limit


async def key(world: World, name: str) -> str:
    answer = await ask(world, "GetConfiguration", key=[name])
    (entry,) = answer["configurationKey"]
    assert entry["readonly"]
    value: str = entry["value"]
    return value


async def test_p_01_p_02_p_09_each_purpose_has_its_place(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await install(world, 0, profile(20, MAXIMUM)) == ACCEPTED
        assert await install(world, 1, profile(16, MAXIMUM)) == REJECTED
        assert await install(world, 0, profile(10, DEFAULT, chargingProfileId=1)) == ACCEPTED
        assert await install(world, 1, profile(12, DEFAULT, chargingProfileId=2)) == ACCEPTED
        assert (await limit_a(world, 1), await limit_a(world, 2)) == (12, 10)
        payload = {"csChargingProfiles": profile(10, DEFAULT)}
        for connector_id in (-1, 3):
            wrong = payload | {"connectorId": connector_id}
            assert await refusal(world, "SetChargingProfile", wrong) == "PropertyConstraintViolation"


async def test_p_03_p_04_a_tx_profile_is_for_the_transaction_that_runs_there(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await install(world, 1, profile(10)) == REJECTED
        transaction_id = await charging(world)
        assert await install(world, 0, profile(10)) == REJECTED
        assert await install(world, 2, profile(10, transactionId=transaction_id)) == REJECTED
        assert await install(world, 1, profile(10, transactionId=transaction_id + 1)) == REJECTED
        assert await limit_a(world) > 30
        assert await install(world, 1, profile(10, transactionId=transaction_id)) == ACCEPTED
        assert await install(world, 1, profile(8)) == ACCEPTED
        await world.seconds(5)
        assert limit_w(world) == 5_500  # 8 A x 3 x 230 V = 5,520 W
        assert await remote_stop(world, transaction_id) == ACCEPTED
        assert await install(world, 1, profile(10, transactionId=transaction_id)) == REJECTED


async def test_p_05_while_the_transaction_has_no_id_a_profile_for_an_id_is_rejected(tmp_path: Path) -> None:
    policy = Policy()
    policy.answer_next("StartTransaction", late(20))
    async with a_station(tmp_path, policy=policy) as world:
        world.plug_in(1, "A11CE0")
        await world.central.wait_for(lambda: bool(told(world, "StartTransaction")), 60)
        assert await install(world, 1, profile(10, transactionId=1)) == REJECTED
        assert await install(world, 1, profile(10)) == ACCEPTED
        await world.seconds(25)


async def test_p_06_p_07_what_is_too_much_is_rejected_as_the_keys_say(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        highest = int(await key(world, "ChargeProfileMaxStackLevel"))
        assert await install(world, 1, profile(10, DEFAULT, stackLevel=highest + 1)) == REJECTED
        most_periods = int(await key(world, "ChargingScheduleMaxPeriods"))
        many = [(start, 10.0) for start in range(most_periods + 1)]
        whole = with_schedule(profile(10, DEFAULT), chargingSchedulePeriod=periods(*many[:-1]))
        assert await install(world, 1, whole) == ACCEPTED
        over = with_schedule(profile(10, DEFAULT), chargingSchedulePeriod=periods(*many))
        assert await install(world, 1, over) == REJECTED
        assert await ask(world, "ClearChargingProfile") == ACCEPTED


@pytest.mark.parametrize("extra", ["another", "replacing"])
async def test_p_07_no_more_profiles_than_there_is_room_for(tmp_path: Path, extra: str) -> None:
    async with a_station(tmp_path) as world:
        most, levels = int(await key(world, "MaxChargingProfilesInstalled")), 11
        await charging(world)
        places = [
            (connector_id, purpose, level)
            for connector_id, purpose in ((0, DEFAULT), (1, DEFAULT), (2, DEFAULT), (0, MAXIMUM), (1, TX))
            for level in range(levels)
        ]
        for id_, (connector_id, purpose, level) in enumerate(places[:most]):
            one = profile(10, purpose, chargingProfileId=id_, stackLevel=level)
            assert await install(world, connector_id, one) == ACCEPTED
        connector_id, purpose, level = places[most if extra == "another" else 0]
        one_more = profile(10, purpose, chargingProfileId=most, stackLevel=level)
        assert await install(world, connector_id, one_more) == (REJECTED if extra == "another" else ACCEPTED)


async def test_p_08_amperes_and_watts_are_taken_and_nothing_else(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await key(world, "ChargingScheduleAllowedChargingRateUnit") == "Current,Power"
        for unit, limit, told_a in (("A", 10.0, 10.0), ("W", 6900.0, 10.0)):
            wanted = with_schedule(
                profile(10, DEFAULT), chargingRateUnit=unit, chargingSchedulePeriod=periods((0, limit))
            )
            assert await install(world, 1, wanted) == ACCEPTED
            assert await limit_a(world) == told_a
        wrong = with_schedule(profile(10, DEFAULT), chargingRateUnit="kW")
        payload = {"connectorId": 1, "csChargingProfiles": wrong}
        assert await refusal(world, "SetChargingProfile", payload) == "PropertyConstraintViolation"


SENSELESS = [
    pytest.param({"chargingSchedulePeriod": periods((1, 10))}, {}, id="P-10 it does not begin at 0"),
    pytest.param({"chargingSchedulePeriod": periods((0, 10), (0, 8))}, {}, id="P-10 two periods at once"),
    pytest.param({"chargingSchedulePeriod": periods((0, 10), (60, 8), (30, 6))}, {}, id="P-10 not ascending"),
    pytest.param({"chargingSchedulePeriod": []}, {}, id="P-10 no period"),
    pytest.param({"chargingSchedulePeriod": periods((0, -1))}, {}, id="P-10 a negative limit"),
    pytest.param({"duration": 0}, {}, id="P-10 no duration"),
    pytest.param({}, {"validFrom": "2026-11-23T00:00:00Z", "validTo": "2026-11-23T00:00:00Z"}, id="P-10 never valid"),
    pytest.param({}, {"recurrencyKind": "Daily"}, id="P-13 recurrency without recurring"),
    pytest.param({}, {"chargingProfileKind": "Recurring"}, id="P-13 recurring without recurrency"),
    pytest.param(
        {}, {"chargingProfileKind": "Recurring", "recurrencyKind": "Weekly"}, id="P-14 recurring without a start"
    ),
]


@pytest.mark.parametrize(("schedule", "changes"), SENSELESS)
async def test_p_10_p_13_p_14_what_makes_no_sense_is_rejected(
    tmp_path: Path, schedule: dict[str, Any], changes: dict[str, Any]
) -> None:
    async with a_station(tmp_path) as world:
        assert await install(world, 1, with_schedule(profile(10, DEFAULT, **changes), **schedule)) == REJECTED
        assert await ask(world, "ClearChargingProfile") == {"status": "Unknown"}  # and nothing of it was kept


async def test_p_11_the_same_id_or_the_same_place_replaces(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await install(world, 1, profile(10, DEFAULT, chargingProfileId=1))
        await install(world, 1, profile(12, DEFAULT, chargingProfileId=2))  # same level, purpose and connector
        assert await ask(world, "ClearChargingProfile", id=1) == {"status": "Unknown"}
        assert await limit_a(world) == 12
        await install(world, 2, profile(14, DEFAULT, chargingProfileId=2, stackLevel=3))  # same id
        assert (await limit_a(world, 1) > 30, await limit_a(world, 2)) == (True, 14)
        await install(world, 2, profile(16, DEFAULT, chargingProfileId=3, stackLevel=4))  # stacks
        assert await limit_a(world, 2) == 16
        assert await ask(world, "ClearChargingProfile", id=3) == ACCEPTED
        assert await limit_a(world, 2) == 14


async def test_p_12_remote_start_s_profile_belongs_to_the_new_transaction(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1, wants_wh=60_000)
        await world.seconds(20)
        assert await remote_start(world, chargingProfile=profile(10, chargingProfileId=1)) == ACCEPTED
        await world.seconds(20)
        (transaction,) = world.central.transactions
        assert limit_w(world) == 6_900
        other = profile(8, chargingProfileId=2, transactionId=transaction.transaction_id)
        assert await install(world, 1, other) == ACCEPTED  # the same level: it replaces
        assert await ask(world, "ClearChargingProfile", id=1) == {"status": "Unknown"}
        above = profile(12, chargingProfileId=3, stackLevel=1, transactionId=transaction.transaction_id)
        assert await install(world, 1, above) == ACCEPTED  # another: it stacks
        assert await limit_a(world) == 12
        await ask(world, "ClearChargingProfile", id=3)
        assert await limit_a(world) == 8


async def test_p_14_without_a_start_it_counts_from_the_transaction(tmp_path: Path) -> None:
    """Decided: Absolute without startSchedule is Relative (S§7.13); a Relative maximum counts from its acceptance."""
    steps = {"chargingSchedulePeriod": periods((0, 10), (600, 8))}
    async with a_station(tmp_path) as world:
        absolute = with_schedule(profile(0, DEFAULT, chargingProfileKind="Absolute"), **steps)
        assert await install(world, 1, absolute) == ACCEPTED
        await world.seconds(900)
        await charging(world)
        assert await limit_a(world) == 10
        await world.seconds(600)
        assert await limit_a(world) == 8
        ignored = with_schedule(profile(0, TX), **steps, startSchedule=format_utc(world.now + timedelta(days=1)))
        assert await install(world, 1, ignored) == ACCEPTED
        assert await limit_a(world) == 8
        assert await install(world, 0, with_schedule(profile(0, MAXIMUM, chargingProfileId=1), **steps)) == ACCEPTED
        assert await limit_a(world, 0) == 10
        await world.seconds(600)
        assert await limit_a(world, 0) == 8


async def test_p_15_p_29_validity_counts_for_every_purpose(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await charging(world)
        for connector_id, purpose in ((0, MAXIMUM), (1, DEFAULT), (1, TX)):
            await install(world, connector_id, profile(9, purpose))
            assert await limit_a(world, connector_id) == 9
            valid = {
                "validFrom": format_utc(world.now + timedelta(minutes=5)),
                "validTo": format_utc(world.now + timedelta(minutes=10)),
            }
            assert await install(world, connector_id, profile(10, purpose, **valid)) == ACCEPTED
            told_a = []
            for _ in range(3):  # what it replaced is gone, and it does not count yet
                told_a.append(await limit_a(world, connector_id))
                await world.seconds(300)
            assert (told_a[0] > 30, told_a[1], told_a[2] > 30) == (True, 10, True)


async def test_p_16_limits_have_one_decimal_at_the_most(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        for limit in (0, 6, 0.1, 16.1, 21.4, 31.7):
            assert await install(world, 1, profile(limit, DEFAULT)) == ACCEPTED
            assert await limit_a(world) == limit
        for wanted in (profile(16.05, DEFAULT), with_schedule(profile(16, DEFAULT), minChargingRate=6.25)):
            payload = {"connectorId": 1, "csChargingProfiles": wanted}
            assert await refusal(world, "SetChargingProfile", payload) == "PropertyConstraintViolation"
        assert await install(world, 1, with_schedule(profile(16, DEFAULT), minChargingRate=6.2)) == ACCEPTED


async def test_p_17_p_32_what_was_accepted_is_there_after_a_kill_in_that_very_moment(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await install(world, 1, profile(10, DEFAULT)) == ACCEPTED
        await world.kill()
        world.start()
        await world.seconds(30)
        assert await limit_a(world) == 10


async def test_p_18_smart_charging_is_offered_and_so_never_not_supported(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert "SmartCharging" in (await key(world, "SupportedFeatureProfiles")).split(",")
        for action, payload in (
            ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile(10, DEFAULT)}),
            ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}),
            ("ClearChargingProfile", {}),
        ):
            assert await refusal(world, action, payload) == ""


async def test_p_19_p_48_accepted_promises_no_more_than_the_charger_may(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        huge = with_schedule(
            profile(0, DEFAULT), chargingRateUnit="W", chargingSchedulePeriod=periods((0, 6_553_500.0))
        )
        assert await install(world, 1, huge) == ACCEPTED
        await charging(world)
        assert limit_w(world) == FULL_W
