"""kill -9 at any moment with limits in force: no gateway ever writes more than what it may have promised.

The simulated charger sees each write, and holds it against what the gateway was told: the profile it accepted last,
and any that was sent since and not answered, for those may have been kept or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from integration.power.watched import (
    ACCEPTED,
    CONNECTOR_1,
    CONNECTOR_2,
    FALLBACK_INTERVAL,
    FALLBACK_POWER,
    LIMIT_REGISTERS,
    STEP_W,
    Access,
    WatchedCharger,
    install,
    online,
    profile,
)
from integration.process import config_file
from integration.site import Site, a_site
from ocpp_gateway.central.frames import ConnectionClosedError

KILLS_PER_SITE = 25
HARDWARE_W = {0: 44_000, 1: 22_000, 2: 22_000}
FALLBACK = {FALLBACK_POWER: 42, FALLBACK_INTERVAL: 30}
ON_ITS_WAY_S = 0.5
"""A write that was right when it was decided may be seen so long after a boundary."""
ON_THE_WIRE_S = 0.1
"""The answer to a new profile and a write that left before it may arrive the wrong way round, so far apart."""


# ---------------------------------------------------------------- what may be in force


@dataclass(frozen=True, slots=True)
class Schedule:
    """A limit, and another one from a Unix time on."""

    limit_w: int
    then_w: int
    from_s: float

    def highest_w(self, at_s: float) -> int:
        """The highest that may be written at that time."""
        if at_s < self.from_s:
            return self.limit_w
        return self.then_w if at_s > self.from_s + ON_ITS_WAY_S else max(self.limit_w, self.then_w)


@dataclass
class Promises:
    """What a gateway may have kept for the station (0) and each connector."""

    possible: dict[int, list[Schedule]] = field(
        default_factory=lambda: {n: [Schedule(limit_w, limit_w, 0.0)] for n, limit_w in HARDWARE_W.items()}
    )
    replaced: dict[int, tuple[float, list[Schedule]]] = field(default_factory=dict)

    def sent(self, connector_id: int, schedule: Schedule) -> None:
        self.possible[connector_id].append(schedule)

    def accepted(self, connector_id: int) -> None:
        *older, newest = self.possible[connector_id]
        self.possible[connector_id] = [newest]
        self.replaced[connector_id] = (time.time() + ON_THE_WIRE_S, older)

    def killed(self) -> None:
        self.replaced.clear()

    def values_w(self, connector_id: int, at_s: float) -> list[int]:
        """What each possible profile allows at most."""
        until_s, replaced = self.replaced.get(connector_id, (0.0, []))
        schedules = self.possible[connector_id] + (replaced if at_s < until_s else [])
        return [schedule.highest_w(at_s) for schedule in schedules]

    def highest_w(self, connector_id: int, at_s: float) -> int:
        """The most that may be written for it then, the station's limit included."""
        return min(max(self.values_w(of, at_s)) for of in {0, connector_id})


class JudgingCharger(WatchedCharger):
    """Holds each write against the promises."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.promises = Promises()
        self.violations: list[str] = []
        self.life_began = 0  # the first access of the present gateway
        super().__init__(*arguments, **options)

    def write(self, address: int, value: int) -> None:
        held = self.holds(address)
        super().write(address, value)
        if problem := self._problem(self.accesses[-1], raised=value > held):
            self.violations.append(problem)

    def _problem(self, write: Access, *, raised: bool) -> str | None:
        at_s, address, value = write.at_s, write.address, write.value
        assert value is not None
        if address in FALLBACK:
            return None if value == FALLBACK[address] else f"fallback register {address} = {value}"
        if address not in LIMIT_REGISTERS:
            return f"register {address} is nobody's to write"
        highest_w = self.promises.highest_w(LIMIT_REGISTERS[address], at_s)
        if value * STEP_W > highest_w:
            return f"{value * STEP_W} W in register {address}, where {highest_w} W is the most"
        both = {a.address for a in self.written(CONNECTOR_1, CONNECTOR_2, since=self.life_began)}
        sum_w = (self.holds(CONNECTOR_1) + self.holds(CONNECTOR_2)) * STEP_W
        if raised and len(both) == 2 and sum_w > self.promises.highest_w(0, at_s):
            return f"{sum_w} W together, where {self.promises.highest_w(0, at_s)} W is the most"
        return None

    def is_settled(self) -> bool:
        """Whether this gateway has written every limit, and they are those of one possible profile each."""
        now_s = time.time()
        for address, connector_id in LIMIT_REGISTERS.items():
            values = {value // STEP_W for value in self.promises.values_w(connector_id, now_s)}
            if not self.written(address, since=self.life_began) or self.holds(address) not in values:
                return False
        return True


# ---------------------------------------------------------------- gateways, one after the other


@dataclass
class Lives:
    """The gateways of one site, forked in milliseconds; what happens to them is drawn by chance."""

    site: Site
    process: asyncio.subprocess.Process
    chance: random.Random
    station_w: tuple[int, int]
    boots: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def charger(self) -> JudgingCharger:
        assert isinstance(self.site.charger, JudgingCharger)
        return self.site.charger

    @contextlib.asynccontextmanager
    async def gateway(self) -> AsyncIterator[None]:
        """A gateway, until the block ends with kill -9."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.boots = len(self.site.told("BootNotification"))
        (self.site.folder / "gateway.db.starts").unlink(missing_ok=True)  # or each would connect later (K-14)
        self.charger.life_began = len(self.charger.accesses)
        self.process.stdin.write(b"\n")
        pid = int(await self.process.stdout.readline())
        try:
            yield
        finally:
            os.kill(pid, signal.SIGKILL)
            self.charger.promises.killed()
            assert await self.process.stdout.readline() == b"gone\n"

    async def somewhere_within(self, seconds: float) -> None:
        """Let a part of that time pass: not waiting for anything, but choosing a moment."""
        await asyncio.sleep(self.chance.uniform(0, seconds))

    def draw(self, *, boundary_in_s: float = -60.0) -> tuple[int, Schedule]:
        """A profile for the station or a connector, lower or higher than what was there."""
        connector_id = self.chance.choice((0, 1, 1, 2))
        low_w, high_w = self.station_w if connector_id == 0 else (4_200, 15_000)
        limit_w, then_w = (self.chance.randrange(low_w, high_w) for _ in range(2))
        return connector_id, Schedule(limit_w, then_w, round(time.time() + boundary_in_s, 3))

    async def command(self, connector_id: int, schedule: Schedule) -> None:
        """Send it, and keep in mind what the gateway has promised then; dead gateways answer nothing."""
        purpose = "ChargePointMaxProfile" if connector_id == 0 else "TxDefaultProfile"
        periods = ((0, schedule.limit_w), (3600, schedule.then_w))
        wanted = profile(*periods, start_s=schedule.from_s - 3600, purpose=purpose, chargingProfileId=connector_id)
        self.charger.promises.sent(connector_id, schedule)
        try:
            answer = await install(self.site, connector_id, wanted)
        except ConnectionClosedError:
            self.outcomes["unanswered"] += 1
        else:
            assert answer == ACCEPTED
            self.outcomes["answered"] += 1
            self.charger.promises.accepted(connector_id)


# ---------------------------------------------------------------- the moments


async def during_start_up(lives: Lives) -> None:
    async with lives.gateway():
        await lives.somewhere_within(0.5)


async def at_the_first_writes(lives: Lives) -> None:
    async with lives.gateway():
        await lives.charger.seen(lambda: lives.charger.written(since=lives.charger.life_began))
        await lives.somewhere_within(0.02)


async def before_the_answer(lives: Lives) -> None:
    async with asyncio.TaskGroup() as tasks, lives.gateway():
        await online(lives.site, lives.boots + 1)
        tasks.create_task(lives.command(*lives.draw()))
        await lives.somewhere_within(0.01)


async def after_the_answer(lives: Lives) -> None:
    async with lives.gateway():
        await online(lives.site, lives.boots + 1)
        await lives.command(*lives.draw())
        await lives.somewhere_within(0.02)


async def amid_several_changes(lives: Lives) -> None:
    async with asyncio.TaskGroup() as tasks, lives.gateway():
        await online(lives.site, lives.boots + 1)
        for _ in range(lives.chance.randrange(3)):
            await lives.command(*lives.draw())
        tasks.create_task(lives.command(*lives.draw()))
        await lives.somewhere_within(0.02)


async def around_a_boundary(lives: Lives) -> None:
    async with lives.gateway():
        await online(lives.site, lives.boots + 1)
        _, schedule = drawn = lives.draw(boundary_in_s=lives.chance.uniform(0.2, 0.4))
        await lives.command(*drawn)
        await asyncio.sleep(max(schedule.from_s - time.time() - 0.02, 0))
        await lives.somewhere_within(0.06)


async def shortly_before_a_boundary(lives: Lives) -> None:
    """It passes while nobody is there."""
    async with lives.gateway():
        await online(lives.site, lives.boots + 1)
        await lives.command(*lives.draw(boundary_in_s=0.1))


async def at_rest(lives: Lives) -> None:
    async with lives.gateway():
        await online(lives.site, lives.boots + 1)
        await lives.somewhere_within(0.2)


MOMENTS = (
    during_start_up,
    at_the_first_writes,
    before_the_answer,
    after_the_answer,
    amid_several_changes,
    around_a_boundary,
    shortly_before_a_boundary,
    at_rest,
)


@contextlib.asynccontextmanager
async def lives_in(folder: Path, chance: random.Random, station_w: tuple[int, int]) -> AsyncIterator[Lives]:
    fallback = {"power_w": 4200, "after_s": 60}
    async with a_site(folder, charger_class=JudgingCharger, fallback=fallback, poll_interval_s=1.0) as site:
        forks = Path(__file__).with_name("forks.py")
        command = (sys.executable, str(forks), str(config_file(site)), str(folder / "log"))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        try:
            yield Lives(site, process, chance, station_w)
        finally:
            process.kill()
            await process.wait()


async def live_and_die(folder: Path, seed: int, station_w: tuple[int, int], *, exact: bool) -> Counter[str]:
    """So many gateways on one site; what became of the commands. `exact`: the station's limit never binds."""
    chance = random.Random(seed)
    async with lives_in(folder, chance, station_w) as lives:
        moments = [*MOMENTS] * ceil(KILLS_PER_SITE / len(MOMENTS))
        chance.shuffle(moments)
        for life, moment in enumerate(moments[:KILLS_PER_SITE]):
            await moment(lives)
            assert lives.charger.violations == [], f"seed {seed}, life {life}, killed {moment.__name__}"
        async with lives.gateway():
            await online(lives.site, lives.boots + 1)
            if exact:
                await lives.charger.seen(lives.charger.is_settled)
        assert lives.charger.violations == [], f"seed {seed}, the last life"
        lives.outcomes["writes"] = len(lives.charger.written())
        return lives.outcomes


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """One for each site."""
    roomy, tight = tmp_path / "roomy", tmp_path / "tight"
    roomy.mkdir()
    tight.mkdir()
    return roomy, tight


@pytest.mark.timeout(180)
@pytest.mark.conformance("P-50", "P-55")
async def test_fault_s_09_fifty_kills_and_nothing_above_the_limits_kept_is_written(folders: tuple[Path, Path]) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    roomy, tight = await asyncio.gather(
        live_and_die(folders[0], seed, (30_000, 44_000), exact=True),
        live_and_die(folders[1], seed + 1, (6_000, 20_000), exact=False),
    )
    print(roomy, tight, sep="\n")
    assert (roomy + tight)["answered"] > 10
