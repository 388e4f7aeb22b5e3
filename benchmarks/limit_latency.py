"""How long a limit takes from SetChargingProfile to the register read back, over real sockets at a poll of 1 s.

The gateway is a process of its own; the central system and the charger live here, and this clock sees both ends: the
CALL that leaves, and the reading that shows the limit. Requests come at random moments of the poll, lowering and
raising; a raise that follows another within a second has to wait by design, so raises come further apart. The
yardstick of the same run is a bare write and read-back with pymodbus on the same charger. A second series has a charger
that takes 100 ms for each answer, and a third times a schedule's boundaries.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from pymodbus.client import AsyncModbusTcpClient

from ocpp_gateway import mapping_files
from ocpp_gateway.central.server import CentralServer
from ocpp_gateway.central.system import CentralSystem
from ocpp_gateway.instant import format_utc
from ocpp_gateway.registers.vocabulary import Table
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.server import SimulatorServer

IDENTITY, CONNECTOR_1, STEP_W = "BENCH-1", 256, 100
LONGEST_GOAL_S, P95_GOAL_S, BOUNDARY_GOAL_S = 2.0, 1.0, 1.0
CHANGES, YARDSTICKS, BOUNDARIES = 20, 30, 8
SLOW_ANSWER_S = 0.1


class WatchedCharger(SimulatedCharger):
    """Tells when connector 1's register was written, and when it was read for the first time after that."""

    def __init__(self) -> None:
        super().__init__(mapping_files.load("compleo-duo-solo"), 2)
        self.written: list[tuple[float, int]] = []
        self.write_seen, self.read_back = asyncio.Event(), asyncio.Event()
        self.wanted: int | None = None

    def read(self, table: Table, address: int, count: int) -> tuple[int, ...]:
        words = super().read(table, address, count)
        if (table, address) == (Table.HOLDING, CONNECTOR_1) and words[0] == self.wanted:
            self.read_back.set()
        return words

    def write(self, address: int, value: int) -> None:
        super().write(address, value)
        if address == CONNECTOR_1:
            self.written.append((time.time(), value))
            self.write_seen.set()

    async def has_seen_writes(self, times: int) -> None:
        """Wait for so many writes of connector 1's register in all."""
        async with asyncio.timeout(60):
            while len(self.written) < times:
                self.write_seen.clear()
                await self.write_seen.wait()


class Bench:
    """The two peers of one gateway."""

    def __init__(self, charger: WatchedCharger, simulator: SimulatorServer, central: CentralSystem) -> None:
        self.charger, self.simulator, self.central = charger, simulator, central

    async def set_profile(self, periods: list[tuple[int, int]], start_s: float) -> None:
        schedule = {
            "chargingRateUnit": "W",
            "startSchedule": format_utc(datetime.fromtimestamp(start_s, UTC)),
            "chargingSchedulePeriod": [{"startPeriod": at_s, "limit": limit_w} for at_s, limit_w in periods],
        }
        profile: dict[str, Any] = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        }
        answer = await self.central.call(
            IDENTITY, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}
        )
        assert answer == {"status": "Accepted"}, answer

    async def change_s(self, limit_w: int) -> float:
        """From the request to the reading that shows the limit."""
        self.charger.wanted = limit_w // STEP_W
        self.charger.read_back.clear()
        began_s = time.perf_counter()
        await asyncio.gather(self.set_profile([(0, limit_w)], time.time() - 3600), self.charger.read_back.wait())
        return time.perf_counter() - began_s

    async def bare_s(self, client: AsyncModbusTcpClient, limit_w: int) -> float:
        """A write and a reading of the same register, and nothing else."""
        began_s = time.perf_counter()
        await client.write_register(CONNECTOR_1, limit_w // STEP_W)
        await client.read_holding_registers(CONNECTOR_1, count=1)
        return time.perf_counter() - began_s

    async def boundaries_s(self) -> list[float]:
        """How late each boundary of a schedule was written; negative: too early."""
        start_s = round(time.time(), 3)
        limits_w = [6_000 + 1_000 * (place % 2) for place in range(BOUNDARIES + 1)]
        since = len(self.charger.written)
        await self.set_profile(list(enumerate(limits_w)), start_s)
        await self.charger.has_seen_writes(since + BOUNDARIES + 1)
        return [at_s - (start_s + place) for place, (at_s, _) in enumerate(self.charger.written[since:])][1:]


@contextlib.asynccontextmanager
async def a_bench(folder: Path) -> AsyncIterator[Bench]:
    """A gateway process between a simulated charger and a central system; it takes commands."""
    charger, central = WatchedCharger(), CentralSystem(connectors={IDENTITY: 2})
    async with SimulatorServer(charger) as simulator, CentralServer(central) as server:
        place = {
            "identity": IDENTITY,
            "mapping": "compleo-duo-solo",
            "modbus": {"host": "127.0.0.1", "port": simulator.port},
            "max_power_w": 44_000,
            "connector_max_power_w": 22_000,
        }
        config = {
            "version": 1,
            "central_system": {"url": server.url, "security_profile": 0},
            "chargers": [place],
            "store": {"url": f"sqlite:///{folder / 'gateway.db'}"},
            "web": {"enabled": False},
        }
        file = await asyncio.to_thread(write, folder / "gateway.yaml", json.dumps(config))
        command = (sys.executable, "-m", "ocpp_gateway", "run", "-c", str(file))
        gateway = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        try:
            await central.wait_for(lambda: central.calls("StatusNotification"), 60)
            await charger.has_seen_writes(1)
            yield Bench(charger, simulator, central)
        finally:
            gateway.terminate()
            await gateway.wait()


def write(file: Path, text: str) -> Path:
    """The file, with that in it."""
    file.write_text(text, encoding="utf-8")
    return file


async def series(measure: Callable[[int], Awaitable[float]], times: int, chance: random.Random) -> list[float]:
    """That many changes of the limit, down and up in turn, at random moments; sorted."""
    took_s = []
    for place in range(times):
        await asyncio.sleep(chance.uniform(0.55, 0.95))  # two of them are more than the second between two raises
        took_s.append(await measure(chance.randrange(42, 80) * STEP_W + place % 2 * 8_000))
    return sorted(took_s)


def p95(ordered: list[float]) -> float:
    """The value that 95 of a hundred do not exceed."""
    return ordered[ceil(0.95 * len(ordered)) - 1]


def show(name: str, took_s: list[float]) -> None:
    middle, most, longest = (1000 * value for value in (median(took_s), p95(took_s), took_s[-1]))
    print(f"  {name:<34} median {middle:7.1f} ms   p95 {most:7.1f} ms   longest {longest:7.1f} ms")


async def run(seed: int) -> bool:
    """Measure and print; whether every goal is met."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        async with a_bench(Path(folder)) as bench:
            quick_s = await series(bench.change_s, CHANGES, chance)
            bench.simulator.delay_s = SLOW_ANSWER_S
            slow_s = await series(bench.change_s, CHANGES, chance)
            bench.simulator.delay_s = 0.0
            late_s = sorted(await bench.boundaries_s())
            port = bench.simulator.port
        async with SimulatorServer(bench.charger, port=port):
            client = AsyncModbusTcpClient("127.0.0.1", port=port)
            await client.connect()
            bare_s = sorted([await bench.bare_s(client, 5_000 + place) for place in range(YARDSTICKS)])
            client.close()
    print(f"from SetChargingProfile to the register read back, poll 1 s, {CHANGES} changes each, seed {seed}")
    show("charger answers at once", quick_s)
    show(f"charger answers after {1000 * SLOW_ANSWER_S:.0f} ms", slow_s)
    show("yardstick: bare write and read", bare_s)
    print(f"  ratio to the yardstick {median(quick_s) / median(bare_s):.1f}")
    print(f"from the moment a schedule names to the write, {BOUNDARIES} boundaries")
    show("boundary", late_s)
    soon = all(took_s[-1] <= LONGEST_GOAL_S and p95(took_s) <= P95_GOAL_S for took_s in (quick_s, slow_s))
    return soon and late_s[0] >= 0 and late_s[-1] <= BOUNDARY_GOAL_S


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures; with `--check`, 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's moments and limits")
    options = parser.parse_args(arguments)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it prints every frame when a connection ends
    met = asyncio.run(run(random.randrange(2**32) if options.seed is None else options.seed))
    return 1 if options.check and not met else 0


if __name__ == "__main__":
    sys.exit(main())
