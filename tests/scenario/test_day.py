"""A day with six sessions, told as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenario.world import a_world


@pytest.mark.conformance("T-15", "T-19", "S-02", "S-04", "S-05", "A-31", "X-20", "M-06", "M-15", "M-25", "M-30", "W-16")
async def test_a_day_with_six_sessions_is_told_as_it_was(tmp_path: Path) -> None:
    async with a_world(tmp_path, poll_interval_s=5.0, idle_poll_interval_s=60.0) as world:
        await world.until("06:30:10")
        world.plug_in(1, "04A1B2C3", wants_wh=12_000)  # three phases, 32 A: 22 kW
        await world.until("07:15")
        world.plug_in(2, "04D6E7F8", wants_wh=3_000, number_of_phases=1)  # one phase: 32 A x 230 V = 7.4 kW
        await world.until("08:30")
        world.unplug(1)
        await world.until("09:00")
        world.unplug(2)
        await world.until("11:00")
        world.plug_in(1, "04A1B2C3", wants_wh=50_000)  # the same card again: the register was cleared in between
        await world.until("11:40")
        world.unplug(1)  # in the middle of charging
        await world.until("13:00")
        world.plug_in(1, "04FFEEDD", wants_wh=6_000)
        world.plug_in(2, None, wants_wh=4_000)  # nobody showed a card
        await world.until("14:30")
        world.unplug(1)
        world.unplug(2)
        await world.until("20:00")
        world.plug_in(2, "04A1B2C3", wants_wh=2_000)
        await world.until("21:00")
        world.unplug(2)
        await world.until("23:59:59")

        print("\n".join(world.story()))
        assert not world.central.violations
