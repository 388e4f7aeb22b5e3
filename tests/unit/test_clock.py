"""What the gateway's clock is sure of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ocpp_gateway.clock import Clock

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("synchronised", [True, False])
def test_fault_t_01_a_clock_that_nobody_keeps_right_is_vouched_for_by_the_central_system(synchronised: bool) -> None:
    wall = NOON + timedelta(days=9999)
    clock = Clock(boot_id="b", monotonic=lambda: 5.0, wall=wall.timestamp, synchronised=lambda: synchronised)
    assert clock.vouched_utc() == (wall if synchronised else None)
    clock.learn(NOON)
    assert clock.vouched_utc() == (wall if synchronised else NOON)
