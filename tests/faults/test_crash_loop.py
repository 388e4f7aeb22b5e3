"""A gateway that is killed soon after each start spares the central system, and nobody else (fault K-14)."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from faults.gateways import Process
from faults.stage import Stage, play
from integration.site import IDENTITY
from ocpp_gateway.supervisor import HEALTHY_AFTER_S

LIMITS = {0, 0x100, 0x110}


async def started(stage: Stage) -> Process:
    """A gateway that knows of the deaths before it and has written its limits, whoever it is connected to."""
    charger = stage.site.charger
    born_s = charger.now_s
    stage.story.born()
    gateway = await stage.forks.start(stage.config, log=stage.log, forgiven=False)
    await stage.site.until(
        lambda: {write.address for write in charger.writes if write.at_s > born_s} >= LIMITS, timeout_s=600
    )
    return gateway


async def killed(stage: Stage, gateway: Process) -> None:
    """Dead, and the central system has noticed."""
    await stage.die(gateway)
    await stage.site.until(lambda: not is_connected(stage), timeout_s=600)


async def stopped(gateway: Process) -> None:
    gateway.signal(signal.SIGTERM)
    async with asyncio.timeout(100):
        await gateway.gone.wait()


def is_connected(stage: Stage) -> bool:
    return IDENTITY in stage.site.central.connected


def waits(stage: Stage) -> list[float]:
    """What each start that was held back said of its wait, in s."""
    return [event["connects_in_s"] for event in stage.events("gateway_keeps_dying")]


@pytest.mark.timeout(120)
def test_fault_k_14_after_quick_kills_the_connection_waits_and_limits_and_sessions_do_not(tmp_path: Path) -> None:
    async def tale(stage: Stage) -> None:
        site, loop = stage.site, asyncio.get_running_loop()
        await killed(stage, await started(stage))  # what connects at once
        for _ in range(4):
            await killed(stage, await started(stage))
        assert waits(stage) == [5.0, 10.0, 20.0]

        before_s = loop.time()
        gateway = await started(stage)
        assert not is_connected(stage)
        car = asyncio.create_task(stage.story.visit(1, 20))
        await site.until(lambda: site.charger.connector(1).session_energy_wh >= 200, timeout_s=600)
        assert not is_connected(stage)
        await site.until(lambda: is_connected(stage), timeout_s=600)
        assert loop.time() - before_s >= waits(stage)[-1] == 40.0
        await car

        await stopped(gateway)
        gateway = await started(stage)
        await site.until(lambda: is_connected(stage), timeout_s=600)
        assert len(waits(stage)) == 4  # this one was not held back
        await stopped(gateway)

    play(tmp_path, tale)


@pytest.mark.timeout(120)
def test_fault_k_14_after_five_healthy_minutes_the_deaths_before_are_forgotten(tmp_path: Path) -> None:
    async def tale(stage: Stage) -> None:
        for _ in range(2):
            await killed(stage, await started(stage))
        gateway = await started(stage)
        await stage.site.until(lambda: stage.events("gateway_keeps_dying_cleared"), timeout_s=2 * HEALTHY_AFTER_S)
        await killed(stage, gateway)
        gateway = await started(stage)
        await stage.site.until(lambda: is_connected(stage), timeout_s=600)
        assert waits(stage) == [5.0]
        await stopped(gateway)

    play(tmp_path, tale, speed=40.0, with_an_end=False)
