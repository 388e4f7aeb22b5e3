"""A day with six sessions, told as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenario.world import a_world

THE_DAY = """\
00:00:00 BootNotification
00:00:00 0 Available
00:00:00 1 Available
00:00:00 2 Available
06:30:15 1 Preparing
06:30:20 Authorize 04A1B2C3
06:30:20 1 Charging
06:30:20 1 Start 04A1B2C3 0 Wh
07:13:50 1 SuspendedEV
07:15:00 2 Preparing
07:15:05 Authorize 04D6E7F8
07:15:05 2 Charging
07:15:05 2 Start 04D6E7F8 0 Wh
07:47:45 2 SuspendedEV
08:30:05 1 Finishing
08:30:05 1 Available
08:30:05 Stop 1 12000 Wh EVDisconnected
09:00:05 2 Finishing
09:00:05 2 Available
09:00:05 Stop 2 3000 Wh EVDisconnected
11:00:15 1 Preparing
11:00:20 Authorize 04A1B2C3
11:00:20 1 Charging
11:00:20 1 Start 04A1B2C3 12000 Wh
11:40:05 1 Finishing
11:40:05 1 Available
11:40:05 Stop 3 26600 Wh EVDisconnected
13:00:15 1 Preparing
13:00:15 2 Charging
13:00:15 2 Start UNKNOWN 3000 Wh
13:00:20 Authorize 04FFEEDD
13:00:20 1 Charging
13:00:20 1 Start 04FFEEDD 26600 Wh
13:14:35 2 SuspendedEV
13:21:50 1 SuspendedEV
14:30:05 1 Finishing
14:30:05 1 Available
14:30:05 2 Finishing
14:30:05 2 Available
14:30:05 Stop 5 32600 Wh EVDisconnected
14:30:05 Stop 4 7000 Wh EVDisconnected
20:00:15 2 Preparing
20:00:20 Authorize 04A1B2C3
20:00:20 2 Charging
20:00:20 2 Start 04A1B2C3 7000 Wh
20:07:15 2 SuspendedEV
21:00:05 2 Finishing
21:00:05 2 Available
21:00:05 Stop 6 9000 Wh EVDisconnected
"""


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

        assert world.central.violations == []
        # Within one second a status and a message of the queue may leave in either order.
        assert sorted(world.story()) == sorted(THE_DAY.splitlines())
        energies_wh = [transaction.energy_wh for transaction in world.central.transactions]
        assert energies_wh == [12_000, 3_000, 14_600, 4_000, 6_000, 2_000]
        # One sample a minute from the start to the stop, whether the car takes energy or not (M-21).
        samples = [transaction.meter_values for transaction in world.central.transactions]
        assert samples == [119, 104, 39, 89, 89, 59]
