"""How soon a limit is in the charger: after the request, and after the moment a schedule named."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from integration.power.watched import (
    ACCEPTED,
    CONNECTOR_1,
    STEP_W,
    WatchedCharger,
    install,
    online,
    profile,
    watched,
)
from integration.process import gateway_process
from integration.site import Site, a_site

APPLIED_WITHIN_S, MOSTLY_WITHIN_S = 2.0, 1.0
BOUNDARY_WITHIN_S = 1.0


async def read_back_after_s(site: Site, limit_w: int) -> float:
    """Seconds from the request to the reading that shows the limit in the register."""
    charger = watched(site)
    since, began_s = len(charger.accesses), time.time()
    assert await install(site, 1, profile((0, limit_w))) == ACCEPTED

    def read_back_s() -> float | None:
        writes = [a for a in charger.written(CONNECTOR_1, since=since) if a.value == limit_w // STEP_W]
        after = writes[0].at_s if writes else float("inf")
        return next((a.at_s for a in charger.accesses[since:] if a.reads(CONNECTOR_1) and a.at_s > after), None)

    await charger.seen(read_back_s)
    at_s = read_back_s()
    assert at_s is not None
    return at_s - began_s


@pytest.mark.parametrize("answers_after_s", [0.0, 0.1])
async def test_a_limit_is_in_the_register_within_two_seconds(tmp_path: Path, answers_after_s: float) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with a_site(tmp_path, charger_class=WatchedCharger, poll_interval_s=1.0) as site, gateway_process(site):
        await online(site)
        site.simulator.delay_s = answers_after_s
        took_s = []
        for limit_w in (16_000, 12_000, 9_000, 7_500, 6_000, 5_000, 15_000):  # one raise: the next would have to wait
            await asyncio.sleep(chance.uniform(0, 0.4))  # not waiting for anything: anywhere in the poll's second
            took_s.append(await read_back_after_s(site, limit_w))

    *most, longest = sorted(took_s)
    assert most[-1] <= MOSTLY_WITHIN_S, took_s
    assert longest <= APPLIED_WITHIN_S, took_s


async def test_a_schedule_s_boundary_is_written_within_a_second_of_its_time_and_not_before(tmp_path: Path) -> None:
    periods = ((0, 11_000), (60, 7_000), (61, 15_000), (62, 9_000))
    async with a_site(tmp_path, charger_class=WatchedCharger, poll_interval_s=1.0) as site, gateway_process(site):
        charger = watched(site)
        await online(site)
        start_s = round(time.time(), 3) + 1 - 60
        assert await install(site, 1, profile(*periods, start_s=start_s)) == ACCEPTED
        await charger.seen(lambda: [a.value for a in charger.written(CONNECTOR_1)][-4:] == [110, 70, 150, 90])

        for (after_s, limit_w), write in zip(periods[1:], charger.written(CONNECTOR_1)[-3:], strict=True):
            late_s = write.at_s - (start_s + after_s)
            assert 0 <= late_s <= BOUNDARY_WITHIN_S, (limit_w, late_s)
