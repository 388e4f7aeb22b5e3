"""The time that campaigns run in: it goes on, however late it is."""

from __future__ import annotations

import asyncio

import pytest

from virtual_time import virtual_time

YEAR_S = 365 * 86_400.0


@pytest.mark.parametrize("start_s", [0.0, YEAR_S / 2, YEAR_S, 20 * YEAR_S])
def test_time_goes_on_however_late_it_is(start_s: float) -> None:
    async def polls() -> float:
        for number in range(300):
            await asyncio.sleep(0.1 + number / 7_000)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=lambda: virtual_time(start_s)) as runner:
        assert runner.run(polls()) == pytest.approx(start_s + 36.4, abs=0.1)
