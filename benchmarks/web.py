"""What the web costs with 200 chargers: the overview, the stream of one page, and nothing at all with no page open.

Each charger has a car on one connector whose values change every second. Everything is real but the wires to chargers
and central system: cores, views, the API over HTTP on loopback, SQLite. `--check` ends with 1 outside the goals.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from ocpp_gateway import log
from ocpp_gateway.charger.events import LinkUp, RegistrationStatus, SessionUp, SnapshotTaken
from ocpp_gateway.charger.records import TransactionRecord
from ocpp_gateway.gateway import Gateway
from ocpp_gateway.registers.snapshot import ChargerIdentity, ChargerSnapshot, ConnectorSnapshot
from ocpp_gateway.registers.vocabulary import ChargePointStatus
from ocpp_gateway.settings import Settings

CHARGERS = 200
GOAL_OVERVIEW_MS, GOAL_STREAM_BYTES, GOAL_IDLE = 500.0, 50_000.0, 0.01
STREAM_S, IDLE_S = 10, 10


def settings(folder: Path, *, web: bool = True) -> Settings:
    """A gateway whose chargers and central system are not there: what happens to them is told to the cores below."""
    charger: dict[str, Any] = {
        "mapping": "compleo-duo-solo",
        "modbus": {"host": "127.0.0.1", "port": 1},
        "max_power_w": 44_000,
    }
    charger["poll_interval_s"] = 3600
    return Settings.model_validate(
        {
            "version": 1,
            "central_system": {"url": "ws://127.0.0.1:1", "security_profile": 0},
            "chargers": [
                {"identity": f"CP-{number:03}", "poll_interval_s": 3600} | charger for number in range(CHARGERS)
            ],
            "store": {"url": f"sqlite:///{folder / 'gateway.db'}"},
            "web": {"port": 0},
        }
    )


async def charge(gateway: Gateway, second: int) -> None:
    """Let every charger show a second of charging."""
    for number, identity in enumerate(gateway.identities()):
        place = gateway.place(identity)
        if place is None:
            continue
        core, now = place.runtime.core, place.clock.now()
        if second == 0:
            core.handle(LinkUp(ChargerIdentity(2, "Compleo", "DUO", f"SN-{number}", "6.4.1")), now)
            core.handle(SessionUp(RegistrationStatus.ACCEPTED, 300, booted=True), now)
            core.point.connectors[1].transaction = TransactionRecord(
                f"local-{number}", 1, "04A1B2C3", 0, now, 0, now, transaction_ids={"main": str(number)}
            )
        power_w = 11_000.0 + (second * 100 + number) % 1000
        charging = ConnectorSnapshot(
            1,
            ChargePointStatus.CHARGING,
            2,
            charging_s=second,
            session_energy_wh=second * 100,
            power_w=power_w,
            current_a=(power_w / 690, power_w / 690 - 0.1, power_w / 690 + 0.1),
            voltage_v=(230.0, 231.0, 229.0),
        )
        idle = replace(charging, connector_id=2, status=ChargePointStatus.AVAILABLE, power_w=0.0)
        idle = replace(idle, current_a=(0.0, 0.0, 0.0), session_energy_wh=0)
        core.handle(SnapshotTaken(ChargerSnapshot(now, (charging, idle), power_w)), now)
        await asyncio.sleep(0)


async def overview_ms(client: httpx2.AsyncClient, path: str) -> tuple[float, int]:
    """The median of five openings, the first one not among them, and its size."""
    took, size = [], 0
    for _ in range(6):
        began_s = time.perf_counter()
        answer = await client.get(path)
        took.append((time.perf_counter() - began_s) * 1e3)
        assert answer.status_code == 200, answer.text
        size = len(answer.content)
        await asyncio.sleep(2.1)  # or the second would find what the first one asked of the store
    return median(took[1:]), size


async def stream_bytes(client: httpx2.AsyncClient) -> tuple[float, float]:
    """The most that a page was sent in a second, and the bytes a second on the whole."""
    by_second: dict[int, int] = {}
    began_s = time.monotonic()
    async with client.stream("GET", "/api/v1/events") as stream:
        async for chunk in stream.aiter_raw():
            second = int(time.monotonic() - began_s)
            by_second[second] = by_second.get(second, 0) + len(chunk)
            if second >= STREAM_S:
                break
    whole = [by_second.get(second, 0) for second in range(1, STREAM_S)]
    return max(whole), sum(whole) / len(whole)


async def cpu_share(work: Callable[[], Awaitable[None]]) -> float:
    """The part of a core that this process takes while that lasts."""
    began_s, cpu_s = time.monotonic(), time.process_time()
    await work()
    return (time.process_time() - cpu_s) / (time.monotonic() - began_s)


async def measure(folder: Path) -> bool:
    """Measure, print, and tell whether all is within the goals."""
    gateway = Gateway(settings(folder))
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(gateway.run(port.set_result))
    address = f"http://127.0.0.1:{await port}"
    while any(gateway.place(identity) is None for identity in gateway.identities()):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await charge(gateway, 0)

    async def seconds() -> None:
        for second in range(1, 10_000):
            await charge(gateway, second)
            await asyncio.sleep(1)

    charging = asyncio.create_task(seconds())
    async with httpx2.AsyncClient(base_url=address, timeout=30) as client:
        api_ms, api_bytes = await overview_ms(client, "/api/v1/chargers")
        page_ms, page_bytes = await overview_ms(client, "/")
        most, mean = await stream_bytes(client)
        listening = await cpu_share(lambda: _watch(client))
    charging.cancel()
    running.cancel()
    await asyncio.wait([running])
    print(f"{CHARGERS} chargers, one connector of each charging, every value new each second")
    print(f"overview page:    {page_ms:6.1f} ms  {page_bytes / 1e3:6.1f} kB (goal {GOAL_OVERVIEW_MS:g} ms)")
    print(f"the same as JSON: {api_ms:6.1f} ms  {api_bytes / 1e3:6.1f} kB")
    print(f"stream:           {most / 1e3:6.1f} kB/s at most, {mean / 1e3:.1f} kB/s on the whole (goal 50)")
    print(f"one page open:    {listening:6.1%} of a core, with what reads it and what lets the chargers charge")
    return page_ms <= GOAL_OVERVIEW_MS and most <= GOAL_STREAM_BYTES


async def idle_share(folder: Path, *, web: bool) -> float:
    """The part of a core that a gateway takes whose chargers are away, with no page open."""
    gateway = Gateway(settings(folder, web=web))
    running = asyncio.create_task(gateway.run())
    await asyncio.sleep(IDLE_S)
    share = await cpu_share(lambda: asyncio.sleep(IDLE_S))
    running.cancel()
    await asyncio.wait([running])
    return share


async def measure_idle(folder: Path) -> bool:
    """What the web takes while nobody looks: with it, less without it."""
    shares = {web: await idle_share(folder / str(web), web=web) for web in (False, True)}
    cost = shares[True] - shares[False]
    compared = f"{shares[True]:.2%} with the web, {shares[False]:.2%} without"
    print(f"no page open:     {cost:6.2%} of a core ({compared}; goal {GOAL_IDLE:.0%})")
    return cost <= GOAL_IDLE


async def _watch(client: httpx2.AsyncClient) -> None:
    await stream_bytes(client)


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="end with 1 outside the goals")
    arguments = parser.parse_args()
    log.configure("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        for part in ("open", "False", "True"):
            Path(folder, part).mkdir()
        good = asyncio.run(measure(Path(folder, "open")))
        good &= asyncio.run(measure_idle(Path(folder)))
    return 0 if good or not arguments.check else 1


if __name__ == "__main__":
    sys.exit(main())
