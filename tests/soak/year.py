"""A year of sessions in virtual time, with outages on both sides and power cuts: `python -m soak.year`.

Two connectors, six visits a day. Once a week the central system is away from an afternoon to the next morning, once a
week the charger's cable is out for an hour, once a month the power of the gateway is cut in a session. At the end of
each day the invariants hold (`faults.invariants` says which is which). After the first month neither the files of the
store nor the memory of the process rise.

Charger, central system and judges live in the same process; each evening they forget what they have judged, so that
what still grows is the gateway's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import os
import secrets
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import structlog

from faults.invariants import messages_keep_their_order, writes_stay_below
from ocpp_gateway.central.ledger import Transaction
from ocpp_gateway.errors import StoreError
from scenario.world import IDENTITY, MIDNIGHT, World, a_world
from soak.real_time import slope_per_h
from virtual_time import virtual_time

DAY_S, HOUR_S = 86_400.0, 3600.0
POLL_S, IDLE_POLL_S = 60.0, 300.0
HISTORY_S = 1800.0
STATION_W, CONNECTOR_W = 44_000, 22_000
LOWERED_W = 8_000
TAKES_EFFECT_WITHIN_S = 2.0
STEP_WH = 100
CONNECTORS = (1, 2)
SLOTS_H = ((6.0, 10.0), (12.0, 16.0), (19.0, 23.0))
"""When a car is at a connector, give or take: three a day at each."""
CENTRAL_AWAY_H, CABLE_OUT_H = (17.0, 29.0), (13.0, 14.0)
JUDGED_H = 24.5
"""All cars have left by then."""
WEEK, MONTH = 7, 30
M_ARENA_MAX = -8

MOST_RISE_MB_A_MONTH = {"store": 0.1, "memory": 0.5}
"""What a rise after the first month must exceed, with its error, to count. A ledger that kept its bills for good grew
by 0.33 MB a month; the allocator hands memory back in lumps of a quarter of a megabyte."""


@dataclass(slots=True)
class Visit:
    """A car at a connector; `energy_wh` is what its session's register held when it left."""

    connector_id: int
    id_tag: str
    energy_wh: int | None = None


@dataclass(slots=True)
class Size:
    """What the process and the files of the store took after so many days."""

    day: int
    memory_mb: float
    store_mb: float

    def __str__(self) -> str:
        return f"day {self.day:3}: {self.memory_mb:6.2f} MB resident, store {self.store_mb:5.2f} MB"


@dataclass(slots=True)
class Year:
    """What came of it; `visits` are those that were not judged yet."""

    seed: int
    days: int
    visits: list[Visit] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    sizes: list[Size] = field(default_factory=list)
    took_s: float = 0.0

    def __str__(self) -> str:
        told = ", ".join(f"{number} {what}" for what, number in sorted(self.happened.items()))
        return (
            f"seed {self.seed}: {self.days} days in {self.took_s:.0f} s ({self.days / self.took_s * 60:.0f} a minute), "
            f"{len(self.breaches)} breaches; {told}"
        )


def run(folder: Path, seed: int, days: int, on_size: Callable[[Size], None] = lambda size: None) -> Year:
    """That many days, beginning at a midnight; `on_size` gets each week's size."""
    _have_one_heap()
    year, began_s = Year(seed, days), time.monotonic()
    with asyncio.Runner(loop_factory=virtual_time) as runner, _log_to(year):
        runner.run(_live(folder, year, on_size))
    year.took_s = time.monotonic() - began_s
    return year


async def _live(folder: Path, year: Year, on_size: Callable[[Size], None]) -> None:
    random = Random(year.seed)
    async with a_world(
        folder,
        poll_interval_s=POLL_S,
        idle_poll_interval_s=IDLE_POLL_S,
        authorization={"mode": "charger"},
        configuration={"MeterValueSampleInterval": "900", "HeartbeatInterval": "3600"},
        tidied=True,
    ) as world:
        for day in range(year.days):
            async with asyncio.TaskGroup() as tasks:
                for connector_id in CONNECTORS:
                    tasks.create_task(_visits(world, year, day, connector_id, random))
                tasks.create_task(_lower_the_limit(world, year, day))
                if day % WEEK == 2:
                    tasks.create_task(_central_away(world, year, day))
                if day % WEEK == 5:
                    tasks.create_task(_cable_out(world, year, day))
                if day % MONTH == MONTH - 1 or (year.days < MONTH and day == year.days - 1):
                    tasks.create_task(_power_cut(world, year, day, random.uniform(14.5, 15.5)))
                tasks.create_task(_keep_history(world, day))
                tasks.create_task(_at(world, day, JUDGED_H))
            if day % WEEK == 2 and day < year.days - 1:  # what waits is told tomorrow
                continue
            await _at(world, day, 30.0 if day == year.days - 1 else JUDGED_H)
            year.breaches += _breaches(world, year)
            if year.breaches:  # the first are enough
                return
            _forget(world, year)
            if day % WEEK == WEEK - 1:
                year.sizes.append(_size(folder, day + 1))
                on_size(year.sizes[-1])
    year.breaches += rises(year.sizes)


# ---------------------------------------------------------------- what happens


async def _visits(world: World, year: Year, day: int, connector_id: int, random: Random) -> None:
    for comes_h, leaves_h in SLOTS_H:
        await _at(world, day, comes_h + random.uniform(-0.5, 0.5))
        visit = Visit(connector_id, f"04{random.randrange(16**6):06X}")
        world.plug_in(connector_id, visit.id_tag, wants_wh=random.uniform(2_000, 30_000))
        year.visits.append(visit)
        year.happened["visits"] += 1
        await _at(world, day, leaves_h + random.uniform(-0.5, 0.5))
        world.charger.advance(asyncio.get_running_loop().time())
        visit.energy_wh = int(world.charger.connector(connector_id).session_energy_wh) // STEP_WH * STEP_WH
        world.unplug(connector_id)


async def _central_away(world: World, year: Year, day: int) -> None:
    await _at(world, day, CENTRAL_AWAY_H[0])
    year.happened["outages of the central system"] += 1
    await world.central.go_offline()
    await _at(world, day, CENTRAL_AWAY_H[1])
    world.central.go_online()


async def _cable_out(world: World, year: Year, day: int) -> None:
    await _at(world, day, CABLE_OUT_H[0])
    year.happened["outages of the charger"] += 1
    world.link.cut = True
    await _at(world, day, CABLE_OUT_H[1])
    world.link.cut = False


async def _power_cut(world: World, year: Year, day: int, hour: float) -> None:
    """What is on the disk at that moment is all that the next gateway finds."""
    await _at(world, day, hour)
    year.happened["power cuts"] += 1
    left = world.folder / "left"
    left.mkdir(exist_ok=True)
    parts = [part for part in world.folder.glob("gateway.db*") if not part.name.endswith("-shm")]
    for part in parts:
        shutil.copyfile(part, left / part.name)
    await world.kill()
    for part in world.folder.glob("gateway.db*"):
        part.unlink()
    for part in parts:
        (left / part.name).replace(part)
    await asyncio.sleep(60)
    world.start()


async def _lower_the_limit(world: World, year: Year, day: int) -> None:
    """I5: a lower limit reads back soon; nobody is told a lower one while the central system, or the cable, is away."""
    await _at(world, day, 8.0)
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": "2020-01-01T00:00:00Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": float(LOWERED_W)}],
        },
    }
    answer = await world.central.call(
        IDENTITY, "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile}, timeout_s=60
    )
    await asyncio.sleep(TAKES_EFFECT_WITHIN_S)
    written = {write.address: write.value for write in world.charger.writes}
    if answer != {"status": "Accepted"} or any(written[place] > LOWERED_W // 100 for place in (0x100, 0x110)):
        year.breaches.append(f"I5: day {day}: {answer}, {TAKES_EFFECT_WITHIN_S:g} s later {written}")
    await _at(world, day, 9.0)
    await world.central.call(IDENTITY, "ClearChargingProfile", {"id": 1}, timeout_s=60)


async def _keep_history(world: World, day: int) -> None:
    """What `Gateway` does each minute, a little less often."""
    for part in range(round(DAY_S / HISTORY_S)):
        await _at(world, day, (part + 0.5) * HISTORY_S / HOUR_S)
        assert world.runtime is not None
        assert world.store is not None
        history = world.runtime.history
        if rows := history.waiting():
            with contextlib.suppress(StoreError):  # between two gateways
                await world.store.keep_history({IDENTITY: (rows, history.zero_s or 0.0)})
                history.stored(rows)


async def _at(world: World, day: int, hour: float) -> None:
    await asyncio.sleep(max(day * DAY_S + hour * HOUR_S - (world.now - MIDNIGHT).total_seconds(), 0.0))
    await world.seconds(0)  # a gateway that died meanwhile is an error here and now


# ---------------------------------------------------------------- whether it was right


def _breaches(world: World, year: Year) -> Iterator[str]:
    """Since the last time."""
    yield from messages_keep_their_order(world.central.frames)
    yield from writes_stay_below(world.charger.writes, station_w=STATION_W, connector_w=CONNECTOR_W)
    yield from world.central.violations
    for connector_id in CONNECTORS:
        visits = [visit for visit in year.visits if visit.connector_id == connector_id]
        told = [row for row in world.central.transactions if row.connector_id == connector_id]
        if len(visits) != len(told):
            yield f"I1: {len(visits)} visits at connector {connector_id}, {len(told)} transactions"
        for visit, row in zip(visits, told, strict=False):
            yield from _compared(visit, row)


def _compared(visit: Visit, row: Transaction) -> Iterator[str]:
    if row.id_tag != visit.id_tag:
        yield f"I1: the visit of {visit.id_tag} was told as one of {row.id_tag}"
    elif row.stop is None:
        yield f"I1: the transaction of {visit.id_tag} was never stopped"
    elif visit.energy_wh is None or abs(row.stop["meterStop"] - row.meter_start_wh - visit.energy_wh) > STEP_WH:
        told_wh = row.stop["meterStop"] - row.meter_start_wh
        yield f"I2: {visit.id_tag} took {visit.energy_wh} Wh, and {told_wh} Wh were told"
    elif datetime.fromisoformat(row.stop["timestamp"]) < datetime.fromisoformat(row.started_at):
        yield f"I3: {visit.id_tag} stopped before it started"


def _forget(world: World, year: Year) -> None:
    """What was judged: a repeat of it would be a transaction without a visit."""
    year.visits.clear()
    world.central.frames.clear()
    world.central.closings.clear()
    world.central.judge.forget()
    world.charger.requests.clear()
    last = {write.address: write for write in world.charger.writes}
    world.charger.writes.clear()
    world.charger.writes.extend(last.values())


def rises(sizes: Sequence[Size]) -> Iterator[str]:
    """What rises after the first month, by least squares, as breaches."""
    settled = [size for size in sizes if size.day > MONTH]
    days = [size.day * DAY_S for size in settled]
    for what, values in (
        ("store", [size.store_mb for size in settled]),
        ("memory", [size.memory_mb for size in settled]),
    ):
        slope, error = (MONTH * 24 * per_h for per_h in slope_per_h(days, values))
        if slope - error > MOST_RISE_MB_A_MONTH[what]:
            yield f"{what}: rises by {slope:.2f} ± {error:.2f} MB a month after the first one"


def _size(folder: Path, day: int) -> Size:
    """What is in use, without what the allocator keeps of what was given back."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = (part for part in folder.iterdir() if part.is_file() and not part.name.endswith(".reserve"))
    return Size(day, pages * os.sysconf("SC_PAGESIZE") / 1e6, sum(part.stat().st_size for part in files) / 1e6)


def _have_one_heap() -> None:
    """A gateway after a power cut has a new thread for its store, but not, as it would in life, a new process.

    Left to itself, glibc gives each such thread a heap of its own, and a megabyte of it stays behind.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


@contextlib.contextmanager
def _log_to(year: Year) -> Iterator[None]:
    """No log, but errors are breaches of I6."""

    def see(logger: Any, method: str, event: Any) -> Any:
        if method in ("error", "critical", "exception"):
            year.breaches.append(f"I6: {datetime.now(UTC):%H:%M:%S} {event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[see], wrapper_class=structlog.stdlib.BoundLogger, cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


def main() -> None:
    parser = argparse.ArgumentParser(description="A year of sessions in virtual time, judged.")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=None, help="a new one if not given")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    memory = Path("/dev/shm")  # power cuts are copies here: nothing is gained by waiting for a disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        year = run(Path(folder), seed, arguments.days, lambda size: print(size, flush=True))
    print(year)
    if year.breaches:
        raise SystemExit("\n".join(year.breaches[:50]))


if __name__ == "__main__":
    main()
