"""Somebody sets the clock by an hour: intervals go on as they were, and no story runs backwards (fault T-03)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from ocpp_gateway.central.policy import no_answer
from ocpp_gateway.ocpp16.rpc import Connection
from scenario.world import MIDNIGHT, World, a_world

HOUR_S = 3600.0


@dataclass
class Told:
    """What happened in true seconds since the beginning, and the stamps of the transaction in their order."""

    frames: list[tuple[float, str | None]] = field(default_factory=list)
    connects: list[float] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)


async def _a_session_with_steps_of(step_s: float, folder: Path) -> Told:
    """A session; the clock steps during its unanswered StartTransaction, in its middle and while nobody is reached."""
    told = Told()
    async with a_world(
        folder, poll_interval_s=5, configuration={"MeterValueSampleInterval": "60"}, started=False
    ) as world:
        began_s = asyncio.get_running_loop().time()

        def passed_s() -> float:
            return round(asyncio.get_running_loop().time() - began_s, 3)

        world.central.policy.current_time = lambda: MIDNIGHT + timedelta(seconds=passed_s())
        _count_connects(world, lambda: told.connects.append(passed_s()))
        world.central.policy.answer_next("StartTransaction", no_answer())
        world.start()
        await world.seconds(60)
        world.plug_in(1, "04A1B2C3", wants_wh=60_000)
        for _ in range(2):  # before its answer is late, and after
            await world.seconds(25)
            world.clock_off_by_s += step_s
        await world.seconds(600)
        world.clock_off_by_s += step_s
        await world.seconds(120)
        await world.central.go_offline()
        world.link.cut = True
        await world.seconds(20)
        world.clock_off_by_s += step_s
        await world.seconds(100)
        world.link.cut = False
        await world.seconds(100)
        world.central.go_online()
        await world.seconds(400)
        world.unplug(1)
        await world.seconds(60)
        assert world.central.violations == []
        for frame in world.central.frames:
            if frame.direction.name == "RECEIVED" and frame.kind.name == "CALL":
                told.frames.append(((frame.at - MIDNIGHT).total_seconds(), frame.action))
                if frame.action in ("StartTransaction", "MeterValues", "StopTransaction"):
                    values = frame.payload.get("meterValue", [frame.payload])
                    told.stamps += [value["timestamp"] for value in values]
    return told


def _count_connects(world: World, count: Callable[[], None]) -> None:
    connect, connect_link = world.connect, world.link.connect

    async def counted() -> Connection:
        count()
        return await connect()

    async def counted_link() -> None:
        count()
        await connect_link()

    world.connect = counted
    world.link.connect = counted_link  # type: ignore[method-assign]


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
async def test_fault_t_03_an_hour_more_or_less_changes_no_interval_and_no_story_runs_backwards(
    tmp_path: Path, step_s: float
) -> None:
    (tmp_path / "steady").mkdir()
    steady = await _a_session_with_steps_of(0.0, tmp_path / "steady")
    starts = [at for at, action in steady.frames if action == "StartTransaction"]
    assert [later - earlier for earlier, later in pairwise(starts)] == [123.0]  # four time-outs and a back-off
    assert len(steady.connects) > 10
    stepped = await _a_session_with_steps_of(step_s, tmp_path)
    assert stepped.frames == steady.frames
    assert stepped.connects == steady.connects
    assert stepped.stamps == sorted(stepped.stamps)
    if step_s < 0:  # from the first sample on time went on as it was counted
        assert stepped.stamps == steady.stamps
