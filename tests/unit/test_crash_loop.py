"""A gateway that dies again and again connects later each time, in virtual time (fault K-14)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ocpp_gateway.crash_loop import CHECK_S, CrashLoop
from ocpp_gateway.supervisor import HEALTHY_AFTER_S

pytestmark = pytest.mark.looptime

AT = "2026-11-22T12:00:00.000Z"


class Life:
    """One process, as far as this is concerned."""

    def __init__(self, database: Path) -> None:
        self.healthy = True
        self.loop = CrashLoop(database, lambda: self.healthy)

    async def begin(self) -> float:
        """Start; gives how long the first connection waits."""
        hold = await self.loop.begin(AT)
        return 0.0 if hold is None else hold.until_s - asyncio.get_running_loop().time()

    @contextlib.asynccontextmanager
    async def until_killed(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.loop.forget_when_well())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])


async def after(deaths: int, folder: Path) -> Life:
    """A process before its start, so many having died soon before it."""
    for _ in range(deaths):
        await Life(folder / "gateway.db").begin()
    return Life(folder / "gateway.db")


@pytest.mark.parametrize(("deaths", "wait_s"), [(0, 0), (1, 0), (2, 5), (3, 10), (8, 300), (20, 300)])
async def test_fault_k_14_each_death_doubles_the_wait(tmp_path: Path, deaths: int, wait_s: float) -> None:
    life = await after(deaths, tmp_path)
    assert await life.begin() == pytest.approx(wait_s)


async def test_fault_k_14_it_is_told_with_its_wait(tmp_path: Path) -> None:
    life = await after(3, tmp_path)
    with capture_logs() as told:
        hold = await life.loop.begin(AT)
    assert hold is not None
    assert hold.why == "the gateway died soon after each of its last 3 starts: it connects 10 s after this one"
    assert [(line["event"], line["log_level"], line["starts"], line["connects_in_s"]) for line in told] == [
        ("gateway_keeps_dying", "warning", 4, 10.0)
    ]


async def test_fault_k_14_a_start_that_waits_for_nothing_says_nothing(tmp_path: Path) -> None:
    life = await after(1, tmp_path)
    with capture_logs() as told:
        assert await life.loop.begin(AT) is None
        async with life.until_killed():
            await asyncio.sleep(HEALTHY_AFTER_S + 1)
    assert told == []


async def test_fault_k_14_a_clean_stop_counts_none_of_those_before_it(tmp_path: Path) -> None:
    life = await after(8, tmp_path)
    await life.begin()
    await life.loop.forget()
    assert await Life(tmp_path / "gateway.db").begin() == 0


async def test_fault_k_14_five_healthy_minutes_end_it(tmp_path: Path) -> None:
    life = await after(3, tmp_path)
    with capture_logs() as told:
        await life.begin()
        async with life.until_killed():
            await asyncio.sleep(10 + HEALTHY_AFTER_S + 1)
    assert told[-1]["event"] == "gateway_keeps_dying_cleared"
    assert await Life(tmp_path / "gateway.db").begin() == 0


async def test_fault_k_14_minutes_that_were_spent_waiting_are_not_healthy_ones(tmp_path: Path) -> None:
    """What kills it may be what the central system says: that is known only once it has been connected."""
    life = await after(8, tmp_path)
    await life.begin()
    async with life.until_killed():
        await asyncio.sleep(300 + HEALTHY_AFTER_S - 1)
    assert await Life(tmp_path / "gateway.db").begin() == 300


async def test_fault_k_14_a_gateway_that_is_not_healthy_waits_until_it_is(tmp_path: Path) -> None:
    life = await after(2, tmp_path)
    await life.begin()
    async with life.until_killed():
        life.healthy = False
        await asyncio.sleep(5 + HEALTHY_AFTER_S + 3600)
        assert (tmp_path / "gateway.db.starts").exists()
        life.healthy = True
        await asyncio.sleep(CHECK_S + 1)
        assert not (tmp_path / "gateway.db.starts").exists()
