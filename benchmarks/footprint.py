"""What the gateway takes of a small machine: memory, time to its first poll, and what the web costs with no page open.

The real process, as a service would start it, with one simulated charger, a test central system and the dashboard on,
on a store that was used before. Memory is measured after the pages, the API and the metrics were asked for; memory that
the pages alone take is what a second look adds. The share of a core that the web costs is the difference between a
gateway with the web and one without, over so many seconds with no page open.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ocpp_gateway import mapping_files
from ocpp_gateway.central.server import CentralServer
from ocpp_gateway.central.system import CentralSystem
from ocpp_gateway.registers.vocabulary import Role, Table
from ocpp_gateway.simulator.device import SimulatedCharger
from ocpp_gateway.simulator.server import SimulatorServer

STARTS = 5
IDLE_S = 20.0
LOOKS = 10

MEMORY_GOAL_MB = 110.0
FIRST_POLL_GOAL_S = 2.0
WEB_GOAL = 0.01

MAPPING = mapping_files.load("compleo-duo-solo")
STATUS = next(field for field in MAPPING.fields(2) if field.role is Role.STATUS and field.connector_id == 1)

PAGES = ("/", "/chargers/SITE-1", "/api/v1/chargers", "/api/v1/openapi.json", "/metrics", "/healthz")


class WatchedCharger(SimulatedCharger):
    """A charger that knows when the status of its first connector was last asked for."""

    polled = asyncio.Event()

    def read(self, table: Table, address: int, count: int) -> tuple[int, ...]:
        if table is STATUS.table and address <= STATUS.address < address + count:
            self.polled.set()
        return super().read(table, address, count)


@dataclass
class Bench:
    """A charger, a central system, and the file of a gateway between them."""

    folder: Path
    simulator: SimulatorServer
    server: CentralServer
    charger: WatchedCharger

    def config(self, web_port: int | None) -> Path:
        """gateway.yaml, with the web on that port or without it."""
        file = self.folder / "gateway.yaml"
        config: dict[str, Any] = {
            "version": 1,
            "central_system": {"url": self.server.url, "security_profile": 0},
            "chargers": [
                {
                    "identity": "SITE-1",
                    "mapping": "compleo-duo-solo",
                    "modbus": {"host": "127.0.0.1", "port": self.simulator.port},
                    "max_power_w": 44_000,
                    "fallback": {"power_w": 4200, "after_s": 60},
                }
            ],
            "store": {"url": f"sqlite:///{self.folder / 'gateway.db'}"},
            "web": {"enabled": web_port is not None, "port": web_port or 0},
        }
        file.write_text(json.dumps(config))
        return file


@contextlib.asynccontextmanager
async def a_bench(folder: Path) -> AsyncIterator[Bench]:
    """One charger and its central system."""
    charger, central = WatchedCharger(MAPPING, 2), CentralSystem(connectors={"SITE-1": 2})
    async with SimulatorServer(charger) as simulator, CentralServer(central) as server:
        yield Bench(folder, simulator, server, charger)


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway's process that has polled. `first_poll_s`: since it was started; `first_poll_cpu_s`: of its own CPU."""

    pid: int
    first_poll_s: float
    first_poll_cpu_s: float

    def cpu_s(self) -> float:
        """The processor time that it has used, threads included."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """What it holds in memory (RSS), in MB of 1024 × 1024."""
        status = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (line,) = (line for line in status if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


@contextlib.asynccontextmanager
async def a_gateway(bench: Bench, web_port: int | None) -> AsyncIterator[Running]:
    """`ocpp-gateway run`, from its first poll to its end."""
    bench.charger.polled.clear()
    command = (sys.executable, "-m", "ocpp_gateway", "run", "-c", str(bench.config(web_port)))
    began_s = time.perf_counter()
    with (bench.folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(60):
            await bench.charger.polled.wait()
        first_poll_s = time.perf_counter() - began_s
        running = Running(process.pid, first_poll_s, 0.0)
        yield dataclasses.replace(running, first_poll_cpu_s=running.cpu_s())
    finally:
        process.terminate()
        await process.wait()


async def starts(bench: Bench) -> list[Running]:
    """So many starts on a store that was used before."""
    found = []
    for _ in range(STARTS + 1):
        async with a_gateway(bench, free_port()) as running:
            found.append(running)
    return found[1:]  # the first one makes the store


async def memory_mb(bench: Bench) -> tuple[float, float]:
    """What the gateway holds once it charges a car, and once every page was asked for, several times."""
    port = free_port()
    async with a_gateway(bench, port) as running:
        bench.charger.plug(1, "04A1B2C3")
        await asyncio.sleep(5)
        before_mb = running.memory_mb()
        for _ in range(LOOKS):
            for page in PAGES:
                await asyncio.to_thread(look, port, page)
        bench.charger.unplug(1)
        return before_mb, running.memory_mb()


def look(port: int, page: str) -> None:
    """Ask for a page, and insist on it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=10) as answer:
        assert answer.status == 200
        answer.read()


async def idle_share(bench: Bench, web_port: int | None) -> float:
    """The share of a core that a gateway uses while nothing happens but polling."""
    async with a_gateway(bench, web_port) as running:
        await asyncio.sleep(3)  # what a start leaves to be done
        began_s, cpu_s = time.perf_counter(), running.cpu_s()
        await asyncio.sleep(IDLE_S)
        return (running.cpu_s() - cpu_s) / (time.perf_counter() - began_s)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


async def measure(folder: Path) -> bool:
    """Print the figures; whether all goals were met."""
    async with a_bench(folder) as bench:
        began = await starts(bench)
        first_poll_s = median(running.first_poll_s for running in began)
        cpu_s = median(running.first_poll_cpu_s for running in began)
        before_mb, after_mb = await memory_mb(bench)
        without, with_web = await idle_share(bench, None), await idle_share(bench, free_port())
    web = with_web - without
    print(f"first poll {first_poll_s:5.2f} s after the start, {cpu_s:.2f} s of it CPU")
    print(f"           (goal <= {FIRST_POLL_GOAL_S:g} s)")
    print(f"memory     {before_mb:5.1f} MB while a car charges, {after_mb:.1f} MB after {LOOKS} looks at everything")
    print(f"           (goal <= {MEMORY_GOAL_MB:g} MB)")
    print(f"web        {web:7.2%} of a core with no page open: {with_web:.2%} with it, {without:.2%} without")
    print(f"           (goal < {WEB_GOAL:.0%})")
    return first_poll_s <= FIRST_POLL_GOAL_S and after_mb <= MEMORY_GOAL_MB and web < WEB_GOAL


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures; with `--check`, 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    check = parser.parse_args(arguments).check
    logging.disable(logging.ERROR)  # the charger's server tells of each gateway that is ended
    with tempfile.TemporaryDirectory() as folder:
        met = asyncio.run(measure(Path(folder)))
    return 0 if met or not check else 1


if __name__ == "__main__":
    sys.exit(main())
