"""Two cars at one station, and a charger that gives a phase more than its document says, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocpp_gateway.simulator.options import ChargerOptions
from scenario.world import World, a_world

CONNECTORS = {256: 1, 272: 2}


def highest_sum_w(world: World) -> int:
    """The most that the two limit registers ever held together, once each was written."""
    held_w: dict[int, int] = {}
    sums = []
    for write in world.charger.writes:
        if write.address in CONNECTORS and write.exception_code is None:
            held_w[write.address] = write.value * 100
            if len(held_w) == len(CONNECTORS):
                sums.append(sum(held_w.values()))
    return max(sums)


def turns_s(world: World, address: int) -> list[float]:
    """How long a register held more than nothing, each time that this ended."""
    turns, since_s = [], None
    for write in world.charger.writes:
        if write.address == address and write.value and since_s is None:
            since_s = write.at_s
        elif write.address == address and not write.value and since_s is not None:
            turns.append(write.at_s - since_s)
            since_s = None
    return turns


@pytest.mark.conformance("P-50", "P-51")
async def test_p_50_two_cars_never_have_more_than_the_station_while_they_come_pause_and_leave(tmp_path: Path) -> None:
    options = ChargerOptions(limit_delay_s=20.0)
    async with a_world(tmp_path, options=options, max_power_w=22_000) as world:
        await world.until("00:10")
        world.plug_in(1, "04A1B2C3", wants_wh=100_000)
        await world.until("00:20")
        assert world.connector(1).confirmed_w == 17_800  # what connector 2 keeps is enough to begin with
        world.plug_in(2, "04D4E5F6", wants_wh=100_000)
        await world.until("00:21")
        assert (world.connector(1).confirmed_w, world.connector(2).confirmed_w) == (11_000, 11_000)
        world.charger.pause_vehicle(2, paused=True)
        await world.until("00:25")
        assert (world.connector(1).confirmed_w, world.connector(2).confirmed_w) == (17_800, 4_200)
        world.charger.pause_vehicle(2, paused=False)
        await world.until("00:26")
        assert (world.connector(1).confirmed_w, world.connector(2).confirmed_w) == (11_000, 11_000)
        await world.kill()
        await world.seconds(5)
        world.start()
        await world.until("00:28")
        world.unplug(1)
        await world.until("00:30")
        assert (world.connector(1).confirmed_w, world.connector(2).confirmed_w) == (4_200, 17_800)
        assert highest_sum_w(world) <= 22_000
        assert world.central.violations == []


@pytest.mark.conformance("P-51")
async def test_p_51_cars_that_cannot_charge_together_take_turns(tmp_path: Path) -> None:
    async with a_world(tmp_path, max_power_w=7_000) as world:
        await world.until("00:10")
        world.plug_in(1, "04A1B2C3", wants_wh=100_000)
        world.plug_in(2, "04D4E5F6", wants_wh=100_000)
        await world.until("06:00")
        energy_wh = [world.connector(connector_id).meter.total_wh for connector_id in CONNECTORS.values()]
        assert min(energy_wh) > 0.4 * sum(energy_wh) > 0.4 * 0.9 * 7_000 * 5.8
        assert min(turns_s(world, 256)) >= 900
        assert highest_sum_w(world) <= 7_000
        assert len(world.central.transactions) == 2


@pytest.mark.conformance("P-45")
async def test_p_45_a_charger_that_divides_by_the_phases_in_use_is_held_to_the_limit_per_phase(tmp_path: Path) -> None:
    options = ChargerOptions(divides_by_phases_in_use=True, limit_delay_s=20.0)
    async with a_world(tmp_path, options=options, connector_max_power_w=11_000) as world:
        await world.until("00:10")
        world.plug_in(1, "04A1B2C3", wants_wh=100_000, number_of_phases=1)
        await world.until("00:10:10")
        assert world.charger.connector(1).current_a[0] > 30  # 11 kW on one phase: three times what its fuse is for
        await world.until("00:13")
        assert 14 < world.charger.connector(1).current_a[0] <= 17
        written = len(world.charger.writes)
        await world.until("01:00")
        assert 14 < world.charger.connector(1).current_a[0] <= 17
        assert len([w for w in list(world.charger.writes)[written:] if w.address == 256]) == 0
        assert world.connector(1).guard.acts
        world.unplug(1)
        await world.until("01:05")
        assert world.connector(1).confirmed_w == 11_000
        assert world.central.violations == []
