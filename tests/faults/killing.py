"""SIGKILL or a power cut at random and named points over charging sessions, with answers of the central system lost.

Several sites at once, each with a charger, a central system and a gateway that dies and is started again; then a last
gateway comes, lives, and ends the story. What was told is compared with what happened. Faults K-01 to K-09, K-11.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import random
import secrets
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from faults import disk, invariants
from faults.disk import CuttableDisk
from faults.fast_clock import FastClock
from faults.gateways import Forks, Process, forking_gateways
from faults.story import CONNECTORS, Story
from integration.site import IDENTITY, Site, a_site
from ocpp_gateway.central.policy import USUAL, Answer, Policy, hang_up, no_answer
from ocpp_gateway.failpoints import NAMES
from ocpp_gateway.simulator.options import ChargerOptions

LOST_ANSWERS = 0.1
AT_A_FAILPOINT = 0.4
POLL_S = 1.0
ANSWER_TIMEOUT_S = 5.0
STATION_W, CONNECTOR_W = 30_000, 16_000
FALLBACK_W, FALLBACK_AFTER_S = 5_000, 600
SECRET = "canary-of-a-password"
"""The password at the central system."""
CONFIGURATION = {
    "MeterValueSampleInterval": "10",
    "MessageTimeout": f"{ANSWER_TIMEOUT_S:.0f}",
    "TransactionMessageAttempts": "50",  # a lost answer on a link that lives counts as one
    "TransactionMessageRetryInterval": "1",
}


@dataclass(slots=True)
class Unreliable(Policy):
    """A central system that loses answers while `losing`: half of them with the connection, half of them silently."""

    losing: bool = False
    chance: random.Random = field(default_factory=random.Random)
    lost: int = 0

    def take(self, action: str) -> Answer:
        if not self.losing or self.chance.random() >= LOST_ANSWERS:
            return USUAL
        self.lost += 1
        return hang_up() if self.chance.random() < 0.5 else no_answer()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign does: so many deaths over all sites; only those at `failpoint` count if one is named."""

    seed: int
    deaths: int
    sites: int = 6
    speed: float = 10.0
    failpoint: str | None = None
    power_cuts: bool = False


@dataclass(slots=True)
class Figures:
    """What came of a campaign. `slowest_start_s`: from the start of a process to its first read, in real time."""

    plan: Plan
    deaths: Counter[str] = field(default_factory=Counter)
    lost_answers: int = 0
    visits: int = 0
    repeats: int = 0
    nameless: int = 0
    power_losses: int = 0
    limits_lowered: int = 0
    slowest_start_s: float = 0.0
    duration_s: float = 0.0
    breaches: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        at_failpoints = sum(count for name, count in self.deaths.items() if name in NAMES)
        wrong = Counter(breach.partition(":")[0] for breach in self.breaches)
        return (
            f"seed {self.plan.seed}: {self.deaths.total()} {'power cuts' if self.plan.power_cuts else 'kills'}, "
            f"{at_failpoints} of them at {len(self.deaths.keys() & set(NAMES))} failpoints; "
            f"{self.lost_answers} answers lost, {self.visits} sessions, {self.repeats} identical repeats: "
            f"{wrong['I1']} lost or told twice, {wrong['I2']} with wrong energy, {wrong['I3']} out of order, "
            f"{wrong['I4']} writes above a limit, {wrong['I5']} of {self.limits_lowered} lower limits late, "
            f"{wrong['I7']} secrets told, {wrong['I8']} slow ways back, {len(self.breaches)} breaches in all; "
            f"{self.power_losses} ended by PowerLoss, {self.nameless} without their card; "
            f"slowest start {self.slowest_start_s:.1f} s; {self.duration_s:.0f} s"
        )


def run(plan: Plan) -> Figures:
    """Carry a plan out. Breaches of the invariants are in the figures, none is raised."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # the simulator's; it prints what a dead peer misses
    clock = FastClock(plan.speed, time.time())
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=clock.loop) as runner:
        return runner.run(_campaign(Path(folder), plan, clock))


async def _campaign(folder: Path, plan: Plan, clock: FastClock) -> Figures:
    began_s = time.monotonic()
    figures = Figures(plan)
    async with forking_gateways(clock) as forks, asyncio.TaskGroup() as tasks:
        for number in range(plan.sites):
            place = folder / f"site{number}"
            place.mkdir()
            deaths = plan.deaths // plan.sites + (number < plan.deaths % plan.sites)
            tasks.create_task(_one_site(place, deaths, forks, clock, figures))
    figures.duration_s = time.monotonic() - began_s
    return figures


async def _one_site(folder: Path, deaths: int, forks: Forks, clock: FastClock, figures: Figures) -> None:
    chance = random.Random(f"{figures.plan.seed}/{folder.name}")
    policy = Unreliable(current_time=clock.utc, chance=chance)
    power = CuttableDisk(folder) if figures.plan.power_cuts else None
    try:
        async with a_quick_site(folder if power is None else power.path, policy) as site:
            lives = Lives(Story(site, chance, speed=clock.speed), forks, folder, power, figures)
            await lives.commissioned()
            policy.losing = True
            await lives.all_of_them(deaths)
            _take_in(site, lives, policy, figures)
    finally:
        if power is not None:
            power.close()


@contextlib.asynccontextmanager
async def a_quick_site(folder: Path, policy: Policy) -> AsyncIterator[Site]:
    """A site whose cars charge within seconds and whose answers are missed soon; its store lies in the folder."""
    async with a_site(
        folder,
        options=ChargerOptions(start_delay_s=0.5),
        policy=policy,
        speed=10.0,
        poll_interval_s=POLL_S,
        max_power_w=STATION_W,
        connector_max_power_w=CONNECTOR_W,
        configuration=CONFIGURATION,
    ) as site:
        site.config["web"] = {"enabled": False}
        site.config["central_system"] |= {"security_profile": 1, "password": SECRET}
        site.config["log"] = {"level": "DEBUG", "levels": {"websockets": "DEBUG"}}
        site.config["chargers"][0]["fallback"] = {"power_w": FALLBACK_W, "after_s": FALLBACK_AFTER_S}
        site.server.passwords = {IDENTITY: SECRET.encode()}
        site.config["chargers"][0]["modbus"]["timeout_s"] = 10.0
        site.central.judge.message_timeout_s = ANSWER_TIMEOUT_S / 2  # it may hear late; on this clock 1 s is long
        yield site


def write_config(folder: Path, site: Site) -> Path:
    """The site's configuration as a file."""
    config = folder / "gateway.yaml"
    config.touch(0o600)
    config.write_text(json.dumps(site.config))
    return config


class Lives:
    """The gateways of one site, one after the other."""

    def __init__(self, story: Story, forks: Forks, folder: Path, power: CuttableDisk | None, figures: Figures) -> None:
        self.story = story
        self.log = folder / "log"
        self._forks = forks
        self._power = power
        self._figures = figures
        self._config = write_config(folder, story.site)

    async def commissioned(self) -> None:
        """A first gateway learns the charger, and dies; then the cars may come."""
        site, gateway = self.story.site, await self._born(None)
        await site.until(lambda: all(map(site.statuses, CONNECTORS)), timeout_s=600)
        await gateway.kill()

    async def all_of_them(self, deaths: int) -> None:
        """So many deaths that count, and a last life that ends what is open."""
        story, ending = self.story, asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            cars = [tasks.create_task(story.drive(connector_id, ending)) for connector_id in CONNECTORS]
            cars.append(tasks.create_task(story.witness.change_limits(story.chance, ending)))
            watch = tasks.create_task(story.watch(2 * POLL_S))
            while deaths:
                deaths -= await self._one()
            ending.set()
            gateway = await self._born(None)
            await asyncio.gather(*cars)
            watch.cancel()
            await gateway.kill()

    async def _one(self) -> bool:
        """One life and death; gives whether it counts."""
        failpoint, life_s = self._way_to_die()
        gateway = await self._born(failpoint)
        began_s = asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(life_s):
                await self._first_read(gateway, began_s)
                await gateway.gone.wait()
        by_itself = not gateway.alive
        await self._die(gateway)
        self.story.kills += 1
        if self._figures.plan.failpoint and not by_itself:
            return False
        self._figures.deaths[failpoint.partition(":")[0] if by_itself and failpoint else "random"] += 1
        return True

    def _way_to_die(self) -> tuple[str | None, float]:
        """A failpoint and how long to wait for it, or none and how long to live."""
        chance, only = self.story.chance, self._figures.plan.failpoint
        if only is not None:  # a start that never gets past its commit would never become a session
            return (only, 120.0) if chance.random() < 0.6 else (None, chance.uniform(5, 40))
        if chance.random() < AT_A_FAILPOINT:
            return f"{chance.choice(NAMES)}:{chance.choice((1, 1, 2))}", 60.0
        return None, chance.choice((chance.uniform(0, 6), chance.uniform(0, 40)))

    async def _born(self, failpoint: str | None) -> Process:
        self.story.born()
        gateway = await self._forks.start(self._config, failpoint=failpoint, log=self.log)
        self.story.witness.gateway = gateway
        return gateway

    async def _first_read(self, gateway: Process, began_s: float) -> None:
        await self.story.site.until(lambda: self.story.has_read(1) or not gateway.alive, timeout_s=600)
        took_s = (asyncio.get_running_loop().time() - began_s) / self._figures.plan.speed
        self._figures.slowest_start_s = max(self._figures.slowest_start_s, took_s)

    async def _die(self, gateway: Process) -> None:
        if self._power is None:
            await gateway.kill()
            return
        gateway.signal(signal.SIGSTOP)
        await asyncio.to_thread(self._power.cut)
        await gateway.kill()
        await asyncio.to_thread(self._power.come_back)
        look = f"{(self._power.path / 'gateway.db').absolute().as_uri()}?mode=ro"  # who may write takes the WAL away
        with contextlib.closing(sqlite3.connect(look, uri=True)) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchall()
        if verdict != [("ok",)]:
            self._figures.breaches.append(f"K-11: {verdict}")


def _take_in(site: Site, lives: Lives, policy: Unreliable, figures: Figures) -> None:
    """The figures of one site, and what the invariants say to it."""
    rows = site.central.transactions
    figures.lost_answers += policy.lost
    figures.visits += len(lives.story.visits)
    figures.repeats += sum(row.start_repeats + row.stop_repeats for row in rows)
    figures.nameless += sum(row.id_tag == invariants.UNKNOWN_ID_TAG for row in rows)
    figures.power_losses += sum(row.reason == "PowerLoss" for row in rows)
    figures.limits_lowered += lives.story.witness.lowered
    figures.breaches += judged(lives.story, lives.log)


def judged(story: Story, log: Path) -> list[str]:
    """What the invariants say to a story at a quick site, its last gateway being dead."""
    return [*judged_but_the_log(story, log), *invariants.log_is_clean(log.read_text().splitlines())]


def judged_but_the_log(story: Story, log: Path) -> list[str]:
    """The same where faults are told in the log, and rightly so."""
    site, looks = story.site, story.witness.looks
    said = {
        "the log": log.read_text() if log.exists() else "",
        "a frame": "\n".join(frame.text for frame in site.central.frames),
    }
    return [
        *invariants.every_visit_is_one_transaction(story),
        *invariants.energy_is_right(story),
        *invariants.messages_keep_their_order(site.central.frames),
        *invariants.writes_stay_below(site.charger.writes, station_w=STATION_W, connector_w=CONNECTOR_W),
        *invariants.limits_act(looks, speed=story.speed),
        *invariants.secrets_stay_inside(SECRET, said | story.witness.seen_of_processes),
        *invariants.gateway_comes_back(looks, speed=story.speed),
        *invariants.charger_falls_back(site.charger, power_w=FALLBACK_W, after_s=FALLBACK_AFTER_S),
        *site.central.violations,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deaths", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=None, help="a new one if not given")
    parser.add_argument("--sites", type=int, default=6)
    parser.add_argument("--speed", type=float, default=10.0, help="of all clocks")
    parser.add_argument("--failpoint", choices=NAMES, help="die there alone")
    parser.add_argument("--power-cuts", action="store_true", help="instead of kills")
    options = vars(parser.parse_args())
    if options["power_cuts"] and (reason := disk.why_not()):
        sys.exit(f"no power cuts here: {reason}")
    seed = secrets.randbelow(10**9) if options["seed"] is None else options["seed"]
    figures = run(Plan(**(options | {"seed": seed})))
    print(figures)
    print("\n".join(figures.breaches[:50]))
    sys.exit(bool(figures.breaches))


if __name__ == "__main__":
    main()
