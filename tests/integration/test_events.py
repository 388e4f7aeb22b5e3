"""The stream of events over real sockets: what is new arrives, it ends with the server and with the session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from integration.site import IDENTITY, Site, a_site
from ocpp_gateway.simulator.ev import ElectricVehicle
from ocpp_gateway.web.api import events


@dataclass
class Page:
    """Somebody who watches."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: str
    views: dict[str, Any] = field(default_factory=dict)

    async def until(self, identity: str, *path: str, value: Any) -> None:
        """Read on until the charger shows that."""
        while self.shown(identity, *path) != value:
            await self.event()

    async def event(self) -> None:
        """Take in one event."""
        async with asyncio.timeout(10):
            line = (await self.reader.readline()).decode()
        if not line:
            raise EOFError
        if line.startswith("data: "):
            patch = json.loads(line.removeprefix("data: "))
            self.views[patch["identity"]] = merged(self.views.get(patch["identity"]), patch)

    def shown(self, *path: str) -> Any:
        value: Any = self.views
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value


def merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    return result | {name: merged(result.get(name), value) for name, value in patch.items()}


@contextlib.asynccontextmanager
async def watching(port: int, query: str = "") -> AsyncIterator[Page]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /api/v1/events{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    try:
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        yield Page(reader, writer, head)
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def live(folder: Path) -> AsyncIterator[tuple[Site, int]]:
    async with a_site(folder) as site:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with site.gateway(port.set_result):
            await site.until(lambda: site.statuses(2) == ["Available"])
            yield site, await port


async def test_what_happens_to_a_charger_is_told_while_it_happens(tmp_path: Path) -> None:
    async with live(tmp_path) as (site, port), watching(port) as page:
        assert "200 OK" in page.head
        assert "content-type: text/event-stream" in page.head.lower()
        await page.until(IDENTITY, "connectors", "1", "status", value="Available")
        site.charger.plug(1, "04A1B2C3", ElectricVehicle())
        await page.until(IDENTITY, "connectors", "1", "status", value="Charging")
        assert page.shown(IDENTITY, "connectors", "2", "status") == "Available"


async def test_a_limit_of_the_central_system_shows_as_a_step_within_2_s(tmp_path: Path) -> None:
    async with live(tmp_path) as (site, port), watching(port, f"?charger={IDENTITY}") as page:
        await page.until(IDENTITY, "power_limit_commanded_w", value=44_000)
        period = {"startPeriod": 0, "limit": 11_000}
        profile = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]},
        }
        asked_s = time.monotonic()
        await site.central.call(IDENTITY, "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile})
        await page.until(IDENTITY, "power_limit_commanded_w", value=11_000)
        assert time.monotonic() - asked_s < 2


async def test_a_stream_of_nobody_s_charger_is_no_stream(tmp_path: Path) -> None:
    async with live(tmp_path) as (_, port), watching(port, "?charger=nobody") as page:
        assert "404" in page.head.splitlines()[0]


async def test_streams_are_bounded_and_their_places_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_STREAMS", 2)
    async with live(tmp_path) as (_, port):
        async with watching(port) as one, watching(port) as two, watching(port) as three:
            heads = [page.head.splitlines()[0] for page in (one, two, three)]
            assert ["200" in head for head in heads] == [True, True, False]
            assert "retry-after: 10" in three.head.lower()
        async with asyncio.timeout(10):
            while True:
                async with watching(port) as again:
                    if "200" in again.head.splitlines()[0]:
                        break


async def test_a_gateway_that_stops_ends_its_streams_at_once(tmp_path: Path) -> None:
    async with a_site(tmp_path) as site:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with contextlib.AsyncExitStack() as pages:
            async with site.gateway(port.set_result):
                page = await pages.enter_async_context(watching(await port))
                await page.until(IDENTITY, "identity", value=IDENTITY)
                stopping_s = time.monotonic()
            assert time.monotonic() - stopping_s < 1.5  # uvicorn would wait for 2 s, and the library for ever
            async with asyncio.timeout(5):
                assert (await page.reader.read()).endswith(b"0\r\n\r\n")  # to its end
