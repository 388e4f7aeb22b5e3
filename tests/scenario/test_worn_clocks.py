"""Clocks and counters that have run long, or past a number that somebody once took for the last one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocpp_gateway.instant import parse_utc
from scenario.world import MIDNIGHT, World, a_world

MILLISECONDS_IN_32_BITS_S = 2**32 / 1000  # 49.7 days
MILLISECONDS_IN_31_BITS_S = 2**31 / 1000
LAST_SECOND_OF_32_BITS = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)


async def a_session(world: World) -> list[tuple[str, float]]:
    """What is told of a session of ten minutes from now on, each with its seconds from there."""
    began = world.now
    heard = len(world.central.frames)
    world.plug_in(1, "04A1B2C3", wants_wh=5_000)
    await world.seconds(600)
    world.unplug(1)
    await world.seconds(60)
    told = [frame for frame in list(world.central.frames)[heard:] if frame.direction.name == "RECEIVED"]
    return [
        (frame.action or "", (parse_utc(frame.payload["timestamp"]) - began).total_seconds())
        for frame in told
        if frame.action in ("StartTransaction", "StatusNotification", "StopTransaction")
    ]


@pytest.mark.parametrize("about_s", [MILLISECONDS_IN_31_BITS_S, MILLISECONDS_IN_32_BITS_S])
async def test_fault_t_08_a_machine_that_has_run_for_long_serves_as_on_its_first_day(
    tmp_path: Path, about_s: float
) -> None:
    async with a_world(tmp_path) as world:
        await world.seconds(60)
        first_day = await a_session(world)
    (tmp_path / "later").mkdir()
    await asyncio.sleep(about_s - 300 - asyncio.get_running_loop().time())
    async with a_world(tmp_path / "later") as world:
        await world.seconds(60)
        across = await a_session(world)
    assert asyncio.get_running_loop().time() > about_s
    assert across == first_day
    assert [action for action, _ in across].count("StopTransaction") == 1


async def test_fault_t_08_a_session_lasts_through_the_end_of_32_bits_in_2038(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_world(tmp_path) as world:
        await world.seconds(60)
        today = await a_session(world)
    (tmp_path / "2038").mkdir()
    monkeypatch.setattr("scenario.world.MIDNIGHT", LAST_SECOND_OF_32_BITS - timedelta(seconds=360))
    async with a_world(tmp_path / "2038") as world:
        await world.seconds(60)
        across = await a_session(world)
        assert world.now > LAST_SECOND_OF_32_BITS > MIDNIGHT
        assert world.central.violations == []
    assert across == today
