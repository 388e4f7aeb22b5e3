"""Cars come and go while the gateway dies, again and again before its link has settled (faults K-09, K-14)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from scenario.world import World, a_world

pytestmark = pytest.mark.looptime


async def _lives(world: World, seconds: float) -> None:
    """The gateway starts, lives for so long, and is killed; two seconds later it can start anew."""
    world.start()
    await world.seconds(seconds)
    await world.kill()
    await world.seconds(2)


def _bills(world: World) -> list[tuple[str, int]]:
    """Who was billed for how much, in order; all transactions are over."""
    told = []
    for one in world.central.transactions:
        assert one.meter_stop_wh is not None
        told.append((one.id_tag, one.meter_stop_wh - one.meter_start_wh))
    return told


async def _comes(world: World, id_tag: str | None) -> None:
    world.plug_in(1, id_tag, wants_wh=60_000)
    await world.seconds(1)


def _shown_wh(world: World) -> int:
    return int(world.charger.connector(1).session_energy_wh) // 100 * 100


@pytest.mark.parametrize("seconds", [6, 8])
async def test_fault_k_14_each_car_that_comes_and_goes_in_a_crash_loop_is_billed(
    tmp_path: Path, seconds: float
) -> None:
    taken_wh = []
    async with a_world(tmp_path, started=False) as world:
        world.start()
        await world.seconds(2)
        await _comes(world, "E1")
        await world.seconds(seconds - 3)
        await world.kill()
        await _lives(world, seconds)
        taken_wh.append(_shown_wh(world))
        world.unplug(1)
        await _lives(world, seconds)
        await _comes(world, "E2")
        for _ in range(3):
            await _lives(world, seconds)
        taken_wh.append(_shown_wh(world))
        world.unplug(1)
        await world.seconds(2)
        await _comes(world, "E3")
        for _ in range(2):
            await _lives(world, seconds)
        taken_wh.append(_shown_wh(world))
        world.unplug(1)
        for _ in range(2):
            await _lives(world, seconds)
        world.start()
        await world.seconds(40)
        bills = _bills(world)
        assert [id_tag for id_tag, _ in bills] == ["E1", "E2", "E3"]
        assert all(shown - 100 <= billed <= shown for (_, billed), shown in zip(bills, taken_wh, strict=True))
        assert sum(billed for _, billed in bills) == world.connector(1).meter.total_wh
        assert world.central.violations == []


async def test_fault_k_09_a_car_that_came_while_no_gateway_lived_and_leaves_before_the_link_settles_is_billed(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path) as world:
        await world.seconds(20)
        await _comes(world, "CARD2")
        await world.seconds(120)
        await world.kill()
        world.unplug(1)
        await world.seconds(20)
        await _comes(world, "CARD3")
        await world.seconds(60)
        shown_wh = _shown_wh(world)
        world.start()
        await world.seconds(6)
        world.unplug(1)
        await world.seconds(40)
        (_, (id_tag, billed_wh)) = _bills(world)
        assert id_tag == "CARD3"
        assert 0 <= billed_wh - shown_wh <= 100
        assert sum(wh for _, wh in _bills(world)) == world.connector(1).meter.total_wh
        assert world.central.violations == []


async def test_fault_k_09_a_card_shown_while_no_gateway_lived_is_billed_for_its_car(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.seconds(20)
        await _comes(world, "M1")
        await world.seconds(300)
        await world.kill()
        world.unplug(1)
        await world.seconds(5)
        await _comes(world, "M2")
        await world.seconds(450)
        world.start()
        await world.seconds(17)
        assert [one.id_tag for one in world.central.transactions] == ["M1", "M2"]
        assert world.central.transactions[0].reason == "PowerLoss"


@pytest.mark.parametrize("lived_on_s", [0, 1, 2])
async def test_fault_k_09_a_car_that_was_unplugged_just_before_a_restart_ended_then(
    tmp_path: Path, lived_on_s: float
) -> None:
    async with a_world(tmp_path) as world:
        await world.seconds(20)
        await _comes(world, "CARD")
        await world.seconds(300)
        left_at = world.now
        world.unplug(1)
        await world.seconds(lived_on_s)
        await world.kill()
        await world.seconds(3)
        world.start()
        await world.seconds(30)
        (one,) = world.central.transactions
        assert one.stopped_at is not None
        assert -20 <= (datetime.fromisoformat(one.stopped_at) - left_at).total_seconds() <= 2
