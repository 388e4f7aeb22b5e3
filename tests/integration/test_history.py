"""Power, limit and currents of a running gateway, over the API and over a restart."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from integration.site import Site, a_site


async def ask(port: int, query: str = "") -> tuple[int, Any]:
    """Status and body of the history of the site's charger."""

    def get() -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/chargers/SITE-1/history{query}") as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.load(exc)

    return await asyncio.to_thread(get)


def column(told: Any, connector_id: int, name: str) -> list[Any]:
    (found,) = [one for one in told["connectors"] if one["connector_id"] == connector_id]
    values: list[Any] = found[name]
    return values


async def until(port: int, condition: Callable[[Any], bool]) -> Any:
    """The history, once that is so."""
    async with asyncio.timeout(20):
        while True:
            status, told = await ask(port)  # 404 until the tasks of the charger have begun
            if status == 200 and told["connectors"] and condition(told):
                return told
            await asyncio.sleep(0.05)


async def charge(site: Site) -> None:
    site.charger.plug(1)
    await site.until(lambda: site.told("StartTransaction"))


async def test_history_is_live_and_there_after_a_restart_with_a_gap_between(tmp_path: Path) -> None:
    ports: asyncio.Queue[int] = asyncio.Queue()
    async with a_site(tmp_path, authorization={"mode": "free"}) as site:
        async with site.gateway(ports.put_nowait):
            await charge(site)
            port = await ports.get()
            before = await until(port, lambda told: max(filter(None, column(told, 1, "power_w")), default=0) > 10_000)
            began_s = column(before, 1, "at_s")[0]
            before = await until(port, lambda told: column(told, 1, "at_s")[-1] > began_s + 2)
            assert before["resolution"] == "fine"
            assert 22_000 in column(before, 1, "limit_w")
            assert max(filter(None, column(before, 1, "current_a")[2])) > 15
        stopped_s = time.time()
        await site.simulator.offline(2)
        async with site.gateway(ports.put_nowait):
            port = await ports.get()
            after = await until(port, lambda told: max(column(told, 1, "at_s"), default=0.0) > stopped_s + 1)
    times_s, powers_w = column(after, 1, "at_s"), column(after, 1, "power_max_w")
    assert times_s == sorted(times_s)
    gap = powers_w.index(None)
    assert max(powers_w[:gap]) > 10_000, "what was drawn before the restart"
    assert None not in powers_w[gap + 1 :]
    assert len(powers_w) > gap + 1, "what is drawn since"


async def test_what_is_no_time_or_resolution_is_told_with_its_place(tmp_path: Path) -> None:
    ports: asyncio.Queue[int] = asyncio.Queue()
    async with a_site(tmp_path) as site, site.gateway(ports.put_nowait):
        await site.until(lambda: site.statuses(1))
        port = await ports.get()
        for query, pointer in (
            ("?since=yesterday", "?since"),
            ("?resolution=second", "?resolution"),
            ("?since=2026-11-22T10:00:00Z&until=2026-11-22T09:00:00Z", "?since"),
        ):
            status, problem = await ask(port, query)
            assert (status, problem["errors"][0]["pointer"]) == (422, pointer)
        since = quote("2026-11-22T10:00:00+01:00")
        status, told = await ask(port, f"?since={since}&until=2026-11-22T09:30:00Z&resolution=minute")
        assert (status, told["since"], told["until"]) == (200, "2026-11-22T09:00:00.000Z", "2026-11-22T09:30:00.000Z")
        assert told["resolution"] == "minute"
        for least in ("?until=0001-01-01", "?since=0001-01-01&until=9999-12-31"):
            assert (await ask(port, least))[0] == 200
