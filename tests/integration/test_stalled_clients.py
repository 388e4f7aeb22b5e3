"""500 clients that ask slowly, or read nothing: the charger is polled as before, and honest people are served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from integration.site import IDENTITY, a_site
from ocpp_gateway.gateway import Gateway

STALLED = 500
POLL_S = 1.0
WATCHED_S = 6.0
TRIES = 5
REQUESTS = (
    b"GET /api/v1/chargers HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    b"POST /api/v1/limits/operator HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n{",
    b"",
    b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",  # and never read
)


async def stall(port: int, number: int, there: set[int]) -> None:
    """Connect, begin a request, and wait; again, whenever one is thrown out. `there`: who has been so far."""
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            try:
                there.add(number)
                writer.write(REQUESTS[number % len(REQUESTS)])
                reader._transport.pause_reading()  # type: ignore[attr-defined]
                await asyncio.sleep(3)
            finally:
                writer.close()
        await asyncio.sleep(0.5)


async def honest(port: int) -> tuple[float, Any]:
    """An honest request: the seconds that it took, trying again as a browser does when it is thrown out."""
    began_s = time.monotonic()
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /api/v1/chargers HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            if answer:
                return time.monotonic() - began_s, json.loads(answer.partition(b"\r\n\r\n")[2])


async def polls(gateway: Gateway, seconds: float) -> list[float]:
    """When each poll was complete, on the monotonic clock."""
    until_s, seen = time.monotonic() + seconds, list[float]()
    while time.monotonic() < until_s:
        place = gateway.place(IDENTITY)
        at = None if place is None else place.runtime.core.point.last_snapshot_at
        if at is not None and (not seen or seen[-1] != at.monotonic_s):
            seen.append(at.monotonic_s)
        await asyncio.sleep(0.005)
    return seen


def worst_s(moments: Sequence[float]) -> float:
    """How far the worst cycle was from its interval."""
    return max(abs(later - earlier - POLL_S) for earlier, later in pairwise(moments))


@contextlib.asynccontextmanager
async def stalled_clients(port: int) -> AsyncIterator[None]:
    """All of them, in a process of their own; the block begins once each has connected."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, str(port)),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            await process.stdout.readline()
        yield
    finally:
        process.kill()
        await process.wait()


async def test_fault_w_10_five_hundred_stalled_clients_hold_up_neither_the_charger_nor_an_honest_page(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path, poll_interval_s=POLL_S) as site:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with site.gateway(port.set_result) as gateway:
            await site.until(lambda: site.statuses(2) == ["Available"])
            without_s = worst_s(await polls(gateway, WATCHED_S))  # what else this machine has to do
            async with stalled_clients(await port):
                for last_try in (*[False] * TRIES, True):  # the worst cycle of a busy machine is anybody's
                    watching = asyncio.create_task(polls(gateway, WATCHED_S))
                    pages = [await honest(await port) for _ in range(5)]
                    moments = await watching
                    if worst_s(moments) - without_s <= POLL_S / 10 or last_try:
                        break
    slowest_s, with_s = max(took_s for took_s, _ in pages), worst_s(moments)
    print(f"slowest page {slowest_s:.3f} s; cycle off by {with_s:.4f} s with them, {without_s:.4f} s without")
    assert slowest_s < 3
    assert all(charger["identity"] == IDENTITY for _, (charger,) in pages)
    assert len(moments) >= WATCHED_S / POLL_S - 1
    assert with_s - without_s <= POLL_S / 10


async def attack(port: int) -> None:
    """Be all of them, and say when each has connected once."""
    there: set[int] = set()
    async with asyncio.TaskGroup() as tasks:
        for number in range(STALLED):
            tasks.create_task(stall(port, number, there))
        while len(there) < STALLED:  # noqa: ASYNC110 - 500 events would say the same
            await asyncio.sleep(0.05)
        print("there", flush=True)


if __name__ == "__main__":
    asyncio.run(attack(int(sys.argv[1])))
