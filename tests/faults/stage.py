"""One site on a fast clock, for a test that tells one tale: gateways come and die, the invariants hold at its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from faults.fast_clock import FastClock
from faults.gateways import Forks, Process, forking_gateways, start_traced
from faults.killing import POLL_S, a_quick_site, judged_but_the_log, write_config
from faults.story import CONNECTORS, Story
from integration.site import IDENTITY, Site
from ocpp_gateway.central.policy import Policy

LAST_LIMIT_W = 7_000
AT_LENGTH = "OCPP_GATEWAY_FAULTS_AT_LENGTH"
at_length = pytest.mark.skipif(AT_LENGTH not in os.environ, reason="takes long; make faults runs it")
"""For a tale that the suite leaves out."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a tale is played on."""

    site: Site
    story: Story
    forks: Forks
    config: Path
    log: Path

    async def start(self, *, failpoint: str | None = None, clock: FastClock | None = None) -> Process:
        """A gateway."""
        self.story.born()
        gateway = await self.forks.start(self.config, log=self.log, failpoint=failpoint, clock=clock)
        self.story.witness.gateway = gateway
        return gateway

    async def start_traced(self, injection: str) -> Process:
        """A gateway whose system calls fail as strace is told."""
        self.story.born()
        gateway = await start_traced(self.config, log=self.log, clock=self.forks.clock, injection=injection)
        self.story.witness.gateway = gateway
        return gateway

    async def polling(self) -> None:
        """Until the present gateway has read the charger."""
        await self.site.until(lambda: self.story.has_read(1), timeout_s=600)

    async def commissioned(self) -> None:
        """A first gateway comes, learns the charger, and dies."""
        gateway = await self.start()
        await self.site.until(lambda: all(map(self.site.statuses, CONNECTORS)), timeout_s=600)
        await self.die(gateway)

    async def die(self, gateway: Process) -> None:
        """Kill it."""
        await gateway.kill()
        self.story.kills += 1

    async def stop(self, gateway: Process) -> None:
        """Have it take a lower limit yet, whatever it has been through, and ask it to end."""
        await self.site.until(lambda: IDENTITY in self.site.central.connected, timeout_s=600)
        assert await self.story.witness.limit(LAST_LIMIT_W)
        await self.site.until(lambda: self.story.witness.held_w(1) <= LAST_LIMIT_W, timeout_s=60)
        gateway.signal(signal.SIGTERM)
        async with asyncio.timeout(100):
            await gateway.gone.wait()

    def events(self, name: str) -> list[dict[str, Any]]:
        """What was logged under that name."""
        lines = self.log.read_text("utf-8").splitlines() if self.log.exists() else []
        entries = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [entry for entry in entries if entry["event"] == name]

    def breaches(self) -> list[str]:
        """What the invariants say, the log aside: faults that are told stand there rightly."""
        return judged_but_the_log(self.story, self.log)


def play(
    folder: Path,
    tale: Callable[[Stage], Awaitable[None]],
    *,
    speed: float = 10.0,
    policy: Policy | None = None,
    with_an_end: bool = True,
    log: Path | None = None,
) -> None:
    """Play a tale; afterwards every invariant must hold, as far as that can be said of a tale without an end.

    `log`: where the gateways log, `log` in the folder if not there.
    """
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    clock = FastClock(speed, time.time())
    with asyncio.Runner(loop_factory=clock.loop) as runner:
        breaches = runner.run(_play(folder, log or folder / "log", tale, clock, policy or Policy()))
    assert [breach for breach in breaches if with_an_end or not breach.startswith(("I1", "I2"))] == []


async def _play(
    folder: Path, log: Path, tale: Callable[[Stage], Awaitable[None]], clock: FastClock, policy: Policy
) -> list[str]:
    policy.current_time = clock.utc
    async with forking_gateways(clock) as forks, a_quick_site(folder, policy) as site:
        story = Story(site, random.Random(7), speed=clock.speed)
        stage = Stage(site, story, forks, write_config(folder, site), log)
        watch = asyncio.create_task(story.watch(2 * POLL_S))
        try:
            await tale(stage)
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        return stage.breaches()
