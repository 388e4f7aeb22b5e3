"""Area R, 8h: reservations, which here are a closed gate."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED, REJECTED
from conformance.stories import (
    ALICE,
    BOB,
    EVE,
    FULL_W,
    STATUS,
    a_station,
    ask,
    charging,
    limit_w,
    local_list,
    offline,
    online,
    register,
    statuses,
    swipe,
    told,
)
from ocpp_gateway.central.policy import Policy
from ocpp_gateway.instant import format_utc
from scenario.world import World

pytestmark = pytest.mark.looptime

OCCUPIED = {"status": "Occupied"}
FAULTED = 8


async def reserve(
    world: World,
    reservation_id: int = 7,
    connector_id: int = 1,
    id_tag: str = ALICE,
    *,
    for_s: float = 600,
    **more: str,
) -> dict[str, Any]:
    return await ask(
        world,
        "ReserveNow",
        reservationId=reservation_id,
        connectorId=connector_id,
        idTag=id_tag,
        expiryDate=format_utc(world.now + timedelta(seconds=for_s)),
        **more,
    )


async def cancel(world: World, reservation_id: int = 7) -> dict[str, Any]:
    return await ask(world, "CancelReservation", reservationId=reservation_id)


@pytest.mark.conformance("R-55", "R-59", "X-04")
async def test_r_52_r_54_only_the_reserved_card_starts(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await reserve(world) == ACCEPTED
        await world.seconds(5)
        assert statuses(world) == ["Available", "Reserved"]
        world.plug_in(1)
        await world.seconds(30)
        assert statuses(world) == ["Available", "Reserved"]  # until a card decides
        await swipe(world, BOB)
        assert told(world, "StartTransaction") == []
        assert statuses(world) == ["Available", "Reserved"]
        assert limit_w(world) == 0
        await swipe(world, ALICE)
        (start,) = told(world, "StartTransaction")
        assert (start["idTag"], start["reservationId"]) == (ALICE, 7)
        assert statuses(world)[-1] == "Charging"
        assert limit_w(world) == FULL_W
        assert await cancel(world) == REJECTED  # the start ended it


@pytest.mark.conformance("R-54", "R-59")
async def test_r_52_where_the_charger_decides_a_reservation_holds_the_gate_too(tmp_path: Path) -> None:
    async with a_station(tmp_path, mode="charger") as world:
        assert await reserve(world) == ACCEPTED
        await world.seconds(5)
        assert limit_w(world) == 0
        world.plug_in(1, BOB)
        await world.seconds(40)
        assert world.charger.connector(1).session_energy_wh == 0
        assert told(world, "StartTransaction") == []
        assert statuses(world) == ["Available", "Reserved"]
        await swipe(world, ALICE)
        await world.seconds(20)
        (start,) = told(world, "StartTransaction")
        assert (start["idTag"], start["reservationId"]) == (ALICE, 7)


async def test_r_52_what_is_taken_faulted_or_unavailable_cannot_be_reserved(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await reserve(world, connector_id=0) == REJECTED  # ReserveConnectorZeroSupported is false
        assert await reserve(world, connector_id=3) == REJECTED
        assert await reserve(world, for_s=-1) == REJECTED
        world.plug_in(1)
        await world.seconds(20)
        assert statuses(world)[-1] == "Preparing"
        assert await reserve(world) == OCCUPIED
        await swipe(world, ALICE)
        assert statuses(world)[-1] == "Charging"
        assert await reserve(world) == OCCUPIED
        register(world, STATUS, FAULTED)
        await world.seconds(10)
        assert await reserve(world, for_s=-1) == {"status": "Faulted"}  # has precedence over the expiry
        register(world, STATUS, None)
        await world.seconds(10)
        assert await ask(world, "ChangeAvailability", connectorId=2, type="Inoperative") == ACCEPTED
        assert await reserve(world, connector_id=2) == {"status": "Unavailable"}
        assert told(world, "StatusNotification", status="Reserved") == []


async def test_r_52_where_everyone_may_charge_nothing_is_reserved(tmp_path: Path) -> None:
    async with a_station(tmp_path, mode="free") as world:
        assert await reserve(world) == REJECTED


async def test_r_53_the_same_id_replaces_and_another_is_too_late(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await reserve(world, 7) == ACCEPTED
        assert await reserve(world, 8, id_tag=BOB) == OCCUPIED
        assert await reserve(world, 7, id_tag=BOB, for_s=60) == ACCEPTED
        await world.seconds(5)
        assert statuses(world) == ["Available", "Reserved"]
        await world.seconds(60)  # the new expiry counts
        assert statuses(world) == ["Available", "Reserved", "Available"]
        assert await reserve(world, 7) == ACCEPTED
        assert await reserve(world, 7, connector_id=2) == ACCEPTED  # and it may move
        await world.seconds(5)
        assert (statuses(world, 1)[-1], statuses(world, 2)[-1]) == ("Available", "Reserved")


@pytest.mark.conformance("A-12")
async def test_r_54_a_card_of_the_group_starts_and_an_unknown_one_is_asked_for(tmp_path: Path) -> None:
    group = {"status": "Accepted", "parentIdTag": "FAMILY"}
    async with a_station(tmp_path, policy=Policy(id_tags={BOB: group})) as world:
        assert await reserve(world, parentIdTag="family") == ACCEPTED
        world.plug_in(1)
        await swipe(world, EVE)
        assert told(world, "StartTransaction") == []
        await swipe(world, BOB)
        assert told(world, "Authorize") == [{"idTag": EVE}, {"idTag": BOB}]
        (start,) = told(world, "StartTransaction")
        assert (start["idTag"], start["reservationId"]) == (BOB, 7)


async def test_r_54_offline_an_unknown_group_does_not_open(tmp_path: Path) -> None:
    group = {"status": "Accepted", "parentIdTag": "FAMILY"}
    async with a_station(tmp_path) as world:
        await local_list(world, 1, {BOB: group, EVE: {"status": "Accepted"}})
        assert await reserve(world, parentIdTag="FAMILY") == ACCEPTED
        await offline(world)
        world.plug_in(1)
        await swipe(world, EVE)
        assert limit_w(world) == 0
        await swipe(world, BOB)
        assert limit_w(world) == FULL_W
        await online(world)
        assert [(s["idTag"], s["reservationId"]) for s in told(world, "StartTransaction")] == [(BOB, 7)]


@pytest.mark.conformance("R-58")
async def test_r_55_it_expires_to_the_second(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        reserved_at = world.now
        assert await reserve(world, 0, for_s=90) == ACCEPTED
        await world.seconds(120)
        assert statuses(world) == ["Available", "Reserved", "Available"]
        last = world.central.calls("StatusNotification")[-1]
        assert 90 <= (last.at - reserved_at).total_seconds() < 91
        assert await cancel(world, 0) == REJECTED


async def test_r_55_r_56_it_is_cancelled_once(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await reserve(world)
        await world.seconds(5)
        assert await cancel(world, 8) == REJECTED
        assert await cancel(world) == ACCEPTED
        await world.seconds(5)
        assert statuses(world) == ["Available", "Reserved", "Available"]
        assert await cancel(world) == REJECTED


@pytest.mark.parametrize("why", ["Faulted", "Unavailable"])
async def test_r_55_a_connector_that_fails_or_is_taken_out_is_no_longer_reserved(tmp_path: Path, why: str) -> None:
    async with a_station(tmp_path) as world:
        await reserve(world)
        await world.seconds(5)
        if why == "Faulted":
            register(world, STATUS, FAULTED)
        else:
            assert await ask(world, "ChangeAvailability", connectorId=1, type="Inoperative") == ACCEPTED
        await world.seconds(20)
        assert statuses(world)[-1] == why
        register(world, STATUS, None)
        await ask(world, "ChangeAvailability", connectorId=1, type="Operative")
        await world.seconds(20)
        assert statuses(world)[-1] == "Available"
        assert await cancel(world) == REJECTED


@pytest.mark.parametrize("stays_s", [5, 200])
async def test_r_58_it_outlasts_a_kill_but_not_its_expiry(tmp_path: Path, stays_s: int) -> None:
    async with a_station(tmp_path) as world:
        await reserve(world, for_s=100)
        await world.kill()
        await world.seconds(stays_s)
        world.start()
        await world.seconds(20)
        assert statuses(world)[-1] == ("Reserved" if stays_s < 100 else "Available")
        assert await cancel(world) == (ACCEPTED if stays_s < 100 else REJECTED)


async def test_r_55_a_start_ends_it_for_good(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await reserve(world)
        await charging(world, ALICE)
        world.unplug(1)
        await world.seconds(20)
        assert statuses(world)[-1] == "Available"
        await charging(world, BOB)
        assert [start.get("reservationId") for start in told(world, "StartTransaction")] == [7, None]
