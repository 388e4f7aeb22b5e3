"""Area A without asking: the offline rules, the local list and the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.stories import (
    ALICE,
    BOB,
    EVE,
    FULL_W,
    a_station,
    ask,
    charging,
    clear_tag,
    configure,
    frames,
    limit_w,
    local_list,
    moment,
    offline,
    online,
    statuses,
    swipe,
    told,
)
from ocpp_gateway.central.policy import Policy, late
from scenario.world import World

pytestmark = pytest.mark.looptime

YES: dict[str, Any] = {"status": "Accepted"}
NO: dict[str, Any] = {"status": "Blocked"}
OVER: dict[str, Any] = {"status": "Accepted", "expiryDate": "2026-11-21T23:59:59Z"}
SOON: dict[str, Any] = {"status": "Accepted", "expiryDate": "2026-11-22T00:05:00Z"}


async def _comes_and_goes(world: World, id_tag: str) -> None:
    """A car charges a minute with that card, and leaves; or gets nothing and leaves."""
    world.plug_in(1, id_tag)
    await world.seconds(40)
    world.unplug(1)
    await world.seconds(20)


def _started(world: World) -> list[str]:
    return [start["idTag"] for start in told(world, "StartTransaction")]


# ---------------------------------------------------------------- list and cache while online


@pytest.mark.parametrize("place", ["list", "cache"])
async def test_a_06_with_local_pre_authorize_a_known_card_starts_unasked(tmp_path: Path, place: str) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, LocalPreAuthorize=True)
        if place == "list":
            await local_list(world, 1, {ALICE: YES})
        else:
            await _comes_and_goes(world, ALICE)
        asked = len(told(world, "Authorize"))
        world.plug_in(1, ALICE)
        await world.seconds(20)
        assert _started(world)[-1] == ALICE
        assert limit_w(world) == FULL_W
        assert len(told(world, "Authorize")) == asked == (0 if place == "list" else 1)


async def test_a_07_without_local_pre_authorize_a_known_card_waits_for_the_answer(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, LocalPreAuthorize=False)
        await local_list(world, 1, {ALICE: YES})
        policy.answer_next("Authorize", late(12))
        world.plug_in(1, ALICE)
        await world.seconds(10)
        assert (told(world, "Authorize"), _started(world), limit_w(world)) == ([{"idTag": ALICE}], [], 0)
        await world.seconds(15)
        assert _started(world) == [ALICE]


@pytest.mark.parametrize("info", [NO, OVER], ids=["not valid", "expired"])
async def test_a_18_a_card_that_the_cache_refuses_is_asked_for_again(tmp_path: Path, info: dict[str, Any]) -> None:
    policy = Policy(id_tags={ALICE: info})
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, LocalPreAuthorize=True)
        await _comes_and_goes(world, ALICE)
        policy.id_tags = {}
        await _comes_and_goes(world, ALICE)
        assert told(world, "Authorize") == [{"idTag": ALICE}] * 2
        assert _started(world) == [ALICE]


async def test_a_18_the_cache_learns_from_every_answer_and_outlasts_a_restart(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await configure(world, LocalPreAuthorize=True)
        transaction_id = await charging(world)
        policy.id_tags = {ALICE: NO}  # StopTransaction.conf says so
        await clear_tag(world)
        await swipe(world, ALICE)
        assert told(world, "StopTransaction")[0]["transactionId"] == transaction_id
        world.unplug(1)
        await world.seconds(20)
        await world.kill()
        world.start()
        await world.seconds(30)
        asked = len(told(world, "Authorize"))
        world.plug_in(1, ALICE)
        await world.seconds(30)
        assert len(told(world, "Authorize")) == asked + 1
        assert len(_started(world)) == 1


async def test_a_18_a_card_of_the_list_is_not_in_the_cache(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, LocalPreAuthorize=True)
        await local_list(world, 1, {ALICE: YES})
        await _comes_and_goes(world, ALICE)  # StartTransaction.conf speaks of it
        await local_list(world, 2, {BOB: YES})
        await _comes_and_goes(world, ALICE)
        assert told(world, "Authorize") == [{"idTag": ALICE}]


async def test_a_19_a_cache_that_is_off_is_neither_used_nor_filled(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, LocalPreAuthorize=True)
        await _comes_and_goes(world, ALICE)
        await configure(world, AuthorizationCacheEnabled=False)
        await _comes_and_goes(world, ALICE)
        await _comes_and_goes(world, BOB)
        await configure(world, AuthorizationCacheEnabled=True)
        await _comes_and_goes(world, BOB)
        assert told(world, "Authorize") == [{"idTag": ALICE}, {"idTag": ALICE}, {"idTag": BOB}, {"idTag": BOB}]


async def test_a_20_clear_cache_empties_it_for_good(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, LocalPreAuthorize=True)
        await _comes_and_goes(world, ALICE)
        assert await ask(world, "ClearCache") == {"status": "Accepted"}
        await world.kill()
        world.start()
        await world.seconds(30)
        await _comes_and_goes(world, ALICE)
        assert told(world, "Authorize") == [{"idTag": ALICE}] * 2


async def test_a_21_the_list_comes_before_the_cache(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await _comes_and_goes(world, ALICE)  # the cache says yes
        await local_list(world, 1, {ALICE: NO})
        await configure(world, AllowOfflineTxForUnknownId=True)
        await offline(world)
        world.plug_in(1, ALICE)
        await world.seconds(40)
        assert limit_w(world) == 0
        await online(world)
        assert _started(world) == [ALICE]


@pytest.mark.conformance("A-18")
async def test_a_22_no_answer_changes_the_list(tmp_path: Path) -> None:
    policy = Policy()
    async with a_station(tmp_path, policy=policy) as world:
        await local_list(world, 7, {ALICE: YES})
        policy.id_tags = {ALICE: NO}
        await _comes_and_goes(world, ALICE)
        assert await ask(world, "GetLocalListVersion") == {"listVersion": 7}
        policy.id_tags = {}
        await offline(world)
        world.plug_in(1, ALICE)  # the list still says yes
        await world.seconds(40)
        assert limit_w(world) == FULL_W


@pytest.mark.conformance("R-63")
async def test_a_23_a_list_that_is_off_authorises_nobody_and_is_kept(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, LocalPreAuthorize=True, AuthorizationCacheEnabled=False)
        await local_list(world, 3, {ALICE: YES})
        await configure(world, LocalAuthListEnabled=False)
        await _comes_and_goes(world, ALICE)
        assert told(world, "Authorize") == [{"idTag": ALICE}]
        await configure(world, LocalAuthListEnabled=True)
        assert await ask(world, "GetLocalListVersion") == {"listVersion": 3}
        await _comes_and_goes(world, ALICE)
        assert told(world, "Authorize") == [{"idTag": ALICE}]


# ---------------------------------------------------------------- offline


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("place", ["list", "cache"])
async def test_a_14_offline_a_known_card_starts_if_the_key_allows(tmp_path: Path, place: str, *, allowed: bool) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, LocalAuthorizeOffline=allowed)
        if place == "list":
            await local_list(world, 1, {ALICE: YES})
        else:
            await _comes_and_goes(world, ALICE)
        before, asked = len(_started(world)), len(told(world, "Authorize"))
        await offline(world)
        world.plug_in(1, ALICE)
        await world.seconds(40)
        assert limit_w(world) == (FULL_W if allowed else 0)
        back_at = world.now
        await online(world)
        start = told(world, "StartTransaction")[before]
        assert (moment(start["timestamp"]) < back_at) is allowed
        # A car that still waits is asked for when there is somebody to ask.
        assert len(told(world, "Authorize")) == (asked if allowed else asked + 1)


@pytest.mark.parametrize("info", [NO, OVER], ids=["blocked", "expired"])
async def test_a_15_offline_a_card_that_the_list_refuses_is_refused(tmp_path: Path, info: dict[str, Any]) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, AllowOfflineTxForUnknownId=True, LocalAuthorizeOffline=True)
        await local_list(world, 1, {EVE: info})
        await offline(world)
        world.plug_in(1, EVE)
        await world.seconds(40)
        assert limit_w(world) == 0
        assert world.charger.connector(1).session_energy_wh == 0
        await online(world)
        assert _started(world) == []


async def test_a_15_a_18_a_card_that_expires_in_the_cache_is_refused_from_then_on(tmp_path: Path) -> None:
    async with a_station(tmp_path, policy=Policy(id_tags={ALICE: SOON})) as world:
        await _comes_and_goes(world, ALICE)
        await configure(world, AllowOfflineTxForUnknownId=True)
        await offline(world)
        await _comes_and_goes(world, ALICE)
        await world.until("00:06")
        await _comes_and_goes(world, ALICE)
        await online(world)
        assert _started(world) == [ALICE, ALICE]


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_16_offline_an_unknown_card_starts_only_if_the_key_allows(tmp_path: Path, *, allowed: bool) -> None:
    async with a_station(tmp_path) as world:
        await configure(world, AllowOfflineTxForUnknownId=allowed)
        await offline(world)
        world.plug_in(1, ALICE)
        await world.seconds(40)
        assert limit_w(world) == (FULL_W if allowed else 0)
        back_at = world.now
        await online(world)
        (start,) = told(world, "StartTransaction")
        assert (moment(start["timestamp"]) < back_at) is allowed
        assert told(world, "Authorize") == ([] if allowed else [{"idTag": ALICE}])


@pytest.mark.conformance("A-27", "X-43", "W-03")
@pytest.mark.parametrize("ends", [True, False], ids=["stops", "energy only"])
async def test_a_25_an_offline_start_that_turns_out_unwelcome_is_ended(tmp_path: Path, *, ends: bool) -> None:
    async with a_station(tmp_path, policy=Policy(id_tags={EVE: {"status": "ConcurrentTx"}})) as world:
        await configure(world, AllowOfflineTxForUnknownId=True, StopTransactionOnInvalidId=ends)
        await offline(world)
        world.plug_in(1, EVE)
        await world.seconds(90)
        assert limit_w(world) == FULL_W
        await online(world)
        await world.seconds(10)
        assert limit_w(world) == 0
        assert [frame.action for frame in frames(world, "StartTransaction", "StopTransaction")] == (
            ["StartTransaction", "StopTransaction"] if ends else ["StartTransaction"]
        )
        assert statuses(world)[-1] == ("Finishing" if ends else "SuspendedEVSE")
        if ends:
            (transaction,) = world.central.transactions
            (stop,) = told(world, "StopTransaction")
            assert (stop["transactionId"], stop["reason"]) == (transaction.transaction_id, "DeAuthorized")


@pytest.mark.conformance("X-11")
async def test_a_17_offline_the_card_that_started_stops(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        await clear_tag(world)
        await offline(world)
        await swipe(world, ALICE)
        assert limit_w(world) == 0
        await online(world)
        (stop,) = told(world, "StopTransaction")
        assert (stop["transactionId"], stop["idTag"], stop.get("reason", "Local")) == (transaction_id, ALICE, "Local")


async def test_a_17_offline_a_card_of_the_known_group_stops_and_a_stranger_does_not(tmp_path: Path) -> None:
    family = {tag: YES | {"parentIdTag": "FAMILY"} for tag in (ALICE, BOB)}
    async with a_station(tmp_path, policy=Policy(id_tags=family)) as world:
        await configure(world, AllowOfflineTxForUnknownId=True)
        await local_list(world, 1, {BOB: family[BOB]})
        await charging(world)
        await offline(world)
        await swipe(world, EVE)
        assert limit_w(world) == FULL_W
        await swipe(world, BOB)
        assert limit_w(world) == 0
        await online(world)
        assert [stop["idTag"] for stop in told(world, "StopTransaction")] == [BOB]
