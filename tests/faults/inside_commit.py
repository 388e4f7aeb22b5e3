"""SIGKILL at the first, second, third ... write to the disk of a gateway's life, from its start on through a session.

A commit is several writes (SQLite's WAL: a header and a page each), so this dies at every place inside of many. After
each death a gateway lives, and ends the session. Fault K-12; needs strace, and the right to trace.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faults.fast_clock import FastClock
from faults.gateways import Forks, Process, forking_gateways, start_traced
from faults.killing import POLL_S, a_quick_site, judged, write_config
from faults.story import CONNECTORS, Story
from ocpp_gateway.central.policy import Policy

LIFE_S = 150.0
STAYS_S = 50.0
SITES = 4


@dataclass(slots=True)
class Figures:
    """`killed_at` are the writes at which a gateway died."""

    killed_at: list[int] = field(default_factory=list)
    visits: int = 0
    duration_s: float = 0.0
    breaches: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        span = f"{min(self.killed_at)} to {max(self.killed_at)}" if self.killed_at else "none"
        return (
            f"{len(self.killed_at)} kills at the writes {span}, {self.visits} sessions, "
            f"{len(self.breaches)} breaches; {self.duration_s:.0f} s"
        )


def why_not() -> str | None:
    """Why this machine cannot do it; None when it can."""
    if shutil.which("strace") is None:
        return "needs strace"
    traced = subprocess.run(["strace", "-qqq", "--output=/dev/null", "true"], capture_output=True, check=False)
    return None if traced.returncode == 0 else "needs the right to trace processes"


def run(writes: Sequence[int], *, sites: int = SITES, speed: float = 10.0) -> Figures:
    """Die at each of these writes, counted from 1."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    clock = FastClock(speed, time.time())
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=clock.loop) as runner:
        return runner.run(_campaign(Path(folder), writes, sites, clock))


async def _campaign(folder: Path, writes: Sequence[int], sites: int, clock: FastClock) -> Figures:
    began_s, figures = time.monotonic(), Figures()
    async with forking_gateways(clock) as forks, asyncio.TaskGroup() as tasks:
        for number in range(sites):
            place = folder / f"site{number}"
            place.mkdir()
            tasks.create_task(_one_site(place, writes[number::sites], forks, clock, figures))
    figures.killed_at.sort()
    figures.duration_s = time.monotonic() - began_s
    return figures


async def _one_site(folder: Path, writes: Sequence[int], forks: Forks, clock: FastClock, figures: Figures) -> None:
    async with a_quick_site(folder, Policy(current_time=clock.utc)) as site:
        story = Story(site, random.Random(1), speed=clock.speed)
        config, log = write_config(folder, site), folder / "log"
        first = await forks.start(config, log=log)
        await site.until(lambda: all(site.statuses(connector_id) for connector_id in CONNECTORS), timeout_s=600)
        await first.kill()
        watch = asyncio.create_task(story.watch(2 * POLL_S))
        for write in writes:
            story.born()
            gateway = await start_traced(
                config, log=log, clock=clock, injection=f"pwrite64:signal=SIGKILL:when={write}"
            )
            story.witness.gateway = gateway
            await _read_or_gone(story, gateway)
            car = asyncio.create_task(story.visit(1, STAYS_S))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LIFE_S):
                    await gateway.gone.wait()
            if not gateway.alive:
                figures.killed_at.append(write)
            await gateway.kill()
            story.kills += 1
            story.born()
            gateway = story.witness.gateway = await forks.start(config, log=log)
            await car
            await gateway.kill()
        watch.cancel()
        figures.visits += len(story.visits)
        figures.breaches += judged(story, log)


async def _read_or_gone(story: Story, gateway: Process) -> None:
    await story.site.until(lambda: story.has_read(1) or not gateway.alive, timeout_s=600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=200)
    parser.add_argument("--every", type=int, default=1, help="only each so many-th write")
    parser.add_argument("--sites", type=int, default=SITES)
    options = parser.parse_args()
    if reason := why_not():
        sys.exit(f"no kill inside a commit here: {reason}")
    figures = run(range(1, options.writes + 1, options.every), sites=options.sites)
    print(figures)
    print("\n".join(figures.breaches[:50]))
    sys.exit(bool(figures.breaches))


if __name__ == "__main__":
    main()
