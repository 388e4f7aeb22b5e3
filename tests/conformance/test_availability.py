"""Area R, 8c: ChangeAvailability."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.commands import ACCEPTED, REJECTED, remote_start, remote_stop
from conformance.stories import ALICE, FULL_W, a_station, ask, charging, limit_w, statuses, swipe, told
from scenario.world import World

pytestmark = pytest.mark.looptime

SCHEDULED = {"status": "Scheduled"}


async def make(world: World, connector_id: int, kind: str) -> dict[str, Any]:
    return await ask(world, "ChangeAvailability", connectorId=connector_id, type=kind)


@pytest.mark.conformance("S-14")
async def test_r_26_a_free_connector_changes_at_once_and_says_so_once(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        assert await make(world, 1, "Operative") == ACCEPTED  # already there: nothing to say
        await world.seconds(5)
        assert statuses(world) == ["Available"]
        for kind in ("Inoperative", "Inoperative", "Operative", "Operative"):
            assert await make(world, 1, kind) == ACCEPTED
            await world.seconds(5)
        assert statuses(world) == ["Available", "Unavailable", "Available"]
        assert statuses(world, 0) == statuses(world, 2) == ["Available"]


@pytest.mark.parametrize("mode", ["central_system", "charger"])
async def test_r_26_during_a_transaction_it_is_scheduled_and_done_after_it(tmp_path: Path, mode: str) -> None:
    async with a_station(tmp_path, mode=mode) as world:
        transaction_id = await charging(world)
        assert await make(world, 1, "Inoperative") == SCHEDULED
        await world.seconds(120)
        assert statuses(world)[-1] == "Charging"
        assert limit_w(world) == FULL_W
        assert await remote_stop(world, transaction_id) == ACCEPTED
        await world.seconds(20)
        assert statuses(world)[-1] == "Unavailable"
        world.unplug(1)
        await world.seconds(20)
        assert statuses(world)[-1] == "Unavailable"
        assert statuses(world).count("Unavailable") == 1
        assert limit_w(world) == 0
        assert await make(world, 1, "Operative") == ACCEPTED
        await world.seconds(20)
        assert statuses(world)[-1] == "Available"


async def test_r_26_preparing_without_a_transaction_it_is_done_at_once(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        world.plug_in(1)
        await world.seconds(20)
        assert await make(world, 1, "Inoperative") == ACCEPTED
        await world.seconds(5)
        assert limit_w(world) == 0
        assert statuses(world) == ["Available", "Preparing", "Available", "Unavailable"]


async def test_r_27_connector_0_is_the_charge_point_and_all_its_connectors(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        assert await make(world, 0, "Inoperative") == SCHEDULED
        await world.seconds(5)
        assert (statuses(world, 0)[-1], statuses(world, 1)[-1], statuses(world, 2)[-1]) == (
            "Unavailable",
            "Charging",
            "Unavailable",
        )
        await remote_stop(world, transaction_id)
        await world.seconds(20)
        assert statuses(world, 1)[-1] == "Unavailable"
        world.unplug(1)
        await world.seconds(20)
        assert await make(world, 0, "Operative") == ACCEPTED
        await world.seconds(5)
        assert [statuses(world, connector_id)[-1] for connector_id in (0, 1, 2)] == ["Available"] * 3


@pytest.mark.conformance("S-14")
async def test_r_28_availability_outlasts_a_kill(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        await make(world, 2, "Inoperative")
        await world.kill()
        world.start()
        await world.seconds(30)
        assert [statuses(world, connector_id)[-1] for connector_id in (0, 1, 2)] == [
            "Available",
            "Available",
            "Unavailable",
        ]
        assert limit_w(world, 2) == 0
        await make(world, 0, "Inoperative")
        await world.kill()
        world.start()
        await world.seconds(30)
        assert [statuses(world, connector_id)[-1] for connector_id in (0, 1, 2)] == ["Unavailable"] * 3
        assert await remote_start(world, 1) == REJECTED


async def test_r_29_operative_cancels_what_was_scheduled(tmp_path: Path) -> None:
    async with a_station(tmp_path) as world:
        transaction_id = await charging(world)
        assert await make(world, 1, "Inoperative") == SCHEDULED
        assert await make(world, 1, "Operative") == ACCEPTED
        await remote_stop(world, transaction_id)
        await world.seconds(20)
        world.unplug(1)
        await world.seconds(20)
        assert "Unavailable" not in statuses(world)
        assert await make(world, 3, "Inoperative") == REJECTED


@pytest.mark.parametrize("mode", ["central_system", "charger", "free"])
async def test_r_30_unavailable_starts_nothing(tmp_path: Path, mode: str) -> None:
    async with a_station(tmp_path, mode=mode) as world:
        assert await make(world, 1, "Inoperative") == ACCEPTED
        await world.seconds(5)
        assert limit_w(world) == 0
        world.plug_in(1)
        await world.seconds(30)
        await swipe(world, ALICE)
        assert await remote_start(world, 1) == REJECTED
        await world.seconds(60)
        assert told(world, "StartTransaction") == []
        assert world.charger.connector(1).session_energy_wh == 0
        assert statuses(world) == ["Available", "Unavailable"]
        assert limit_w(world) == 0
